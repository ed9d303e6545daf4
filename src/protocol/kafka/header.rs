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
        if has_tags(api_key, api_version) {
            input.reading("RequestHeader's tagged fields");
            input.skip_tags()?;
        }
        Ok(RequestHeader { api_key, api_version, correlation_id, client_id })
    }
}

fn has_tags(api_key: i16, api_version: i16) -> bool {
    ApiKey::from_code(api_key).is_some_and(|key| key.request_header_version(api_version) >= 2)
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
    out.i16(R::KEY.code());
    out.i16(version);
    out.i32(correlation_id);
    match client_id {
        Some(client_id) => out.string(client_id, CLIENT_ID),
        None => out.null_string(CLIENT_ID),
    }
    if has_tags(R::KEY.code(), version) {
        out.uvarint(0);
    }
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::protocol::kafka::RecordsField;
    use crate::protocol::kafka::api::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
    use crate::protocol::kafka::api::{ApiVersionsRequest, ApiVersionsResponse, HeartbeatRequest};

    fn after_length(frame: &Frame) -> Decoder {
        Decoder::new(frame.to_bytes().slice(4..))
    }

    #[test]
    fn a_request_is_read_by_its_own_header() {
        for (version, tags) in [(3, 0), (4, 1)] {
            let heartbeat = HeartbeatRequest { group_id: "g".to_owned(), ..Default::default() };
            let frame = request_frame(&heartbeat, version, 77, Some("me"), Vec::new());
            assert_eq!(
                frame.head[..14],
                [&(frame.len() as i32 - 4).to_be_bytes()[..], &[0, 12, 0, version as u8, 0, 0, 0, 77, 0, 2]].concat()
            );
            assert_eq!(frame.head[14..16], *b"me");
            let mut input = after_length(&frame);
            let header = RequestHeader::decode(&mut input).expect("just written");
            assert_eq!(input.position(), 12 + tags);
            let client_id = Some("me".to_owned());
            assert_eq!(header, RequestHeader { api_key: 12, api_version: version, correlation_id: 77, client_id });
            assert_eq!(HeartbeatRequest::decode(&mut input, version), Ok(heartbeat));
        }
    }

    #[test]
    fn odd_keys_and_versions_have_headers_too() {
        let unknown = Bytes::from_static(&[3, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 9]);
        let header = RequestHeader::decode(&mut Decoder::new(unknown)).expect("the head is whole");
        assert_eq!(header, RequestHeader { api_key: 999, api_version: 0, correlation_id: 1, client_id: None });
        // A client from the future asks for ApiVersions 99: the broker must find the correlation id.
        let future = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 2, 0xff, 0xff, 0, 1, 2, 3]);
        let mut input = Decoder::new(future);
        assert_eq!(RequestHeader::decode(&mut input).map(|header| header.correlation_id), Ok(2));
        assert_eq!(input.remaining(), 3);
    }

    #[test]
    fn api_versions_is_answered_with_the_oldest_header() {
        let response = ApiVersionsResponse::default();
        let frame = response_frame(&response, ApiKey::ApiVersions, 3, 5, Vec::new());
        assert_eq!(frame.head, [0, 0, 0, 12, 0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0]);
        let mut input = after_length(&frame);
        assert_eq!(
            ResponseHeader::decode(&mut input, ApiKey::ApiVersions, 3),
            Ok(ResponseHeader { correlation_id: 5 })
        );
        assert_eq!(ApiVersionsResponse::decode(&mut input, 3), Ok(response));
    }

    #[test]
    fn what_kcat_sends_first_is_understood() {
        // Taken from kcat 1.7.1 (librdkafka 2.0.2).
        const SENT: &[u8] =
            b"\x00\x00\x00\x24\x00\x12\x00\x03\x00\x00\x00\x01\x00\x07rdkafka\x00\x0blibrdkafka\x062.0.2\x00";
        let mut input = Decoder::new(Bytes::from_static(&SENT[4..]));
        let header = RequestHeader::decode(&mut input).expect("a client in daily use");
        let client_id = Some("rdkafka".to_owned());
        assert_eq!(header, RequestHeader { api_key: 18, api_version: 3, correlation_id: 1, client_id });
        let request = ApiVersionsRequest::decode(&mut input, 3).expect("a client in daily use");
        assert_eq!((&*request.client_software_name, &*request.client_software_version), ("librdkafka", "2.0.2"));
        assert_eq!(input.remaining(), 0);
        assert_eq!(request_frame(&request, 3, 1, Some("rdkafka"), Vec::new()).head, SENT);
    }

    #[test]
    fn records_are_neither_copied_in_nor_out() {
        let records = RecordsField::Elsewhere(1 << 20);
        let partitions = vec![PartitionData { records, ..Default::default() }];
        let responses = vec![FetchableTopicResponse { partitions, ..Default::default() }];
        let response = FetchResponse { responses, ..Default::default() };
        let frame = response_frame(&response, ApiKey::Fetch, 12, 1, Vec::new());
        assert!(frame.head.len() < 100);
        assert_eq!(frame.splices, [(frame.head.len() - 3, crate::protocol::kafka::Splice::Elsewhere(1 << 20))]);
        assert_eq!(frame.head[..4], (frame.len() as i32 - 4).to_be_bytes());

        let bytes = frame.to_bytes();
        let mut input = Decoder::new(bytes.slice(4..));
        ResponseHeader::decode(&mut input, ApiKey::Fetch, 12).expect("just written");
        let read = FetchResponse::decode(&mut input, 12).expect("just written");
        let RecordsField::Bytes(records) = &read.responses[0].partitions[0].records else {
            panic!("records were sent")
        };
        assert_eq!(records.len(), 1 << 20);
        assert!(bytes.as_ptr_range().contains(&records.as_ptr()), "a slice of the frame");
    }
}
