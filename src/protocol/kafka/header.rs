//! What stands before every message, and whole frames as they go over the wire.

use super::api_key::ApiKey;
use super::decoder::{DecodeError, Decoder};
use super::encoder::{Encoder, Frame};
use super::message::{Message, Request};
use super::wire::{Form, Nullable};

/// The head of a request. Key and version are as they came: it is the broker who knows what to answer to odd ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<String>,
}

/// The client id kept its old form when the rest of the header became flexible.
const CLIENT_ID: Form = Form { version: 1, flexible: false };

impl RequestHeader {
    /// Reads header version 1 or 2, as key and version demand. The tagged fields of a key that is not known here
    /// stay unread, since nobody can tell whether there are any.
    pub fn decode(input: &mut Decoder) -> Result<RequestHeader, DecodeError> {
        input.reading("RequestHeader.api_key");
        let api_key = input.i16()?;
        input.reading("RequestHeader.api_version");
        let api_version = input.i16()?;
        input.reading("RequestHeader.correlation_id");
        let correlation_id = input.i32()?;
        input.reading("RequestHeader.client_id");
        let client_id = String::read_nullable(input, CLIENT_ID)?;
        if ApiKey::from_code(api_key).is_some_and(|key| key.request_header_version(api_version) >= 2) {
            input.reading("RequestHeader's tagged fields");
            input.skip_tags()?;
        }
        Ok(RequestHeader { api_key, api_version, correlation_id, client_id })
    }

    pub fn encode(&self, out: &mut Encoder) {
        out.i16(self.api_key);
        out.i16(self.api_version);
        out.i32(self.correlation_id);
        String::write_nullable(self.client_id.as_ref(), out, CLIENT_ID);
        if ApiKey::from_code(self.api_key).is_some_and(|key| key.request_header_version(self.api_version) >= 2) {
            out.uvarint(0);
        }
    }
}

/// The head of a response; its form depends on what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseHeader {
    pub correlation_id: i32,
}

impl ResponseHeader {
    pub fn decode(input: &mut Decoder, key: ApiKey, version: i16) -> Result<ResponseHeader, DecodeError> {
        input.reading("ResponseHeader.correlation_id");
        let correlation_id = input.i32()?;
        if key.response_header_version(version) >= 1 {
            input.reading("ResponseHeader's tagged fields");
            input.skip_tags()?;
        }
        Ok(ResponseHeader { correlation_id })
    }

    pub fn encode(self, out: &mut Encoder, key: ApiKey, version: i16) {
        out.i32(self.correlation_id);
        if key.response_header_version(version) >= 1 {
            out.uvarint(0);
        }
    }
}

/// A whole request, its length in front. `buffer` is used again: `Vec::new()` will do.
pub fn request_frame<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    buffer: Vec<u8>,
) -> Frame {
    let mut out = Encoder::framed(buffer);
    let client_id = client_id.map(str::to_owned);
    RequestHeader { api_key: R::KEY.code(), api_version: version, correlation_id, client_id }.encode(&mut out);
    request.encode(&mut out, version);
    out.finish()
}

/// A whole response, its length in front. `buffer` is used again: `Vec::new()` will do.
pub fn response_frame<M: Message>(
    response: &M,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    buffer: Vec<u8>,
) -> Frame {
    let mut out = Encoder::framed(buffer);
    ResponseHeader { correlation_id }.encode(&mut out, key, version);
    response.encode(&mut out, version);
    out.finish()
}
