//! Whole frames of any API, for tests of those who answer them.

use bytes::Bytes;

use super::Samples;
use crate::protocol::kafka::api_key::for_each_api;
use crate::protocol::kafka::{ApiKey, Decoder, Form, Message, ResponseHeader, Wire, api, request_frame};

/// The correlation id of all requests here.
const CORRELATION_ID: i32 = 77;

/// A request with values at random, as it comes over the wire but without its length.
pub(crate) fn sample_request(key: ApiKey, version: i16, samples: &mut Samples) -> Bytes {
    let form = Form { version, flexible: version >= key.flexible_from() };
    macro_rules! frame {
        ($name:ident, $request:ident, $response:ident) => {
            if key == ApiKey::$name {
                let request = <api::$request as Wire>::sample(samples, form);
                return request_frame(&request, version, CORRELATION_ID, Some("c"), Vec::new()).to_bytes().slice(4..);
            }
        };
    }
    for_each_api!(frame);
    unreachable!("every API is declared")
}

/// Whether this is an answer of that API in that version, and nothing besides.
pub(crate) fn check_response(key: ApiKey, version: i16, frame: Bytes) -> Result<(), String> {
    let mut input = Decoder::new(frame);
    let header = ResponseHeader::decode(&mut input, key, version).map_err(|error| error.to_string())?;
    if header.correlation_id != CORRELATION_ID {
        return Err(format!("it answers request {}", header.correlation_id));
    }
    macro_rules! decode {
        ($name:ident, $request:ident, $response:ident) => {
            if key == ApiKey::$name {
                <api::$response as Message>::decode(&mut input, version).map_err(|error| error.to_string())?;
            }
        };
    }
    for_each_api!(decode);
    if input.remaining() > 0 { Err(format!("{} bytes follow it", input.remaining())) } else { Ok(()) }
}
