//! One request and its answer over a plain socket, for what the client library has no call for.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use rafka::protocol::kafka::api::fetch::{FetchPartition, FetchTopic};
use rafka::protocol::kafka::api::{FetchRequest, FetchResponse};
use rafka::protocol::kafka::{ApiKey, DecodeError, Decoder, Message, Request, ResponseHeader, request_frame};

/// The last version of Fetch that names topics and not their ids.
pub const FETCH_BY_NAME: i16 = 12;

pub struct Asking {
    socket: TcpStream,
    /// Of all answers so far.
    pub bytes: usize,
}

impl Asking {
    pub fn open(address: &str) -> std::io::Result<Asking> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Asking { socket, bytes: 0 })
    }

    pub fn ask<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response, Box<dyn Error>> {
        self.socket.write_all(&request_frame(request, version, 1, Some("probe"), Vec::new()).to_bytes())?;
        let mut length = [0; 4];
        self.socket.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut frame)?;
        self.bytes += frame.len();
        Ok(answer::<R::Response>(frame.into(), R::KEY, version)?)
    }
}

/// Reads an answer, its length already taken off.
pub fn answer<M: Message>(frame: Bytes, key: ApiKey, version: i16) -> Result<M, DecodeError> {
    let mut input = Decoder::new(frame);
    ResponseHeader::decode(&mut input, key, version)?;
    M::decode(&mut input, version)
}

/// A fetch from partition 0.
pub fn fetch(topic: &str, offset: i64, max_bytes: i32, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition { fetch_offset: offset, partition_max_bytes: max_bytes, ..Default::default() };
    let topic = FetchTopic { topic: topic.to_owned(), partitions: vec![partition], ..Default::default() };
    FetchRequest { max_wait_ms, min_bytes: 1, max_bytes, topics: vec![topic], ..Default::default() }
}

/// Whether a fetch brought any records; an error if it was refused.
pub fn brought(response: &FetchResponse) -> Result<bool, Box<dyn Error>> {
    let partition = response.responses.first().and_then(|topic| topic.partitions.first());
    let code = partition.map_or(response.error_code, |partition| partition.error_code);
    if code != 0 {
        return Err(format!("a fetch was refused with error {code}").into());
    }
    Ok(partition.is_some_and(|partition| !partition.records.is_empty()))
}
