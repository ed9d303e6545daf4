//! One connection to one broker: requests go out in order, possibly several before the first is answered, and answers
//! come back in the same order.
//!
//! Never blocks but in [`Connection::open`] and [`Connection::exchange`]. Large record batches are not copied: they are
//! written from where they lie (`bodies`), and come back with the answer, to be sent again or used for the next batch.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::net::TcpStream;
use std::time::Instant;

use bytes::Bytes;

use super::config::Patience;
use super::frames::{ArrivedFrame, FrameReader};
use super::poll::Watch;
use super::versions::{self, Versions};
use super::{Address, ClientConfig, ClientError};
use crate::protocol::kafka::{ApiKey, Decoder, Frame, Message, Piece, Request, ResponseHeader, request_frame};

/// More pieces than the kernel takes in one call.
const PIECES_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    client_id: String,
    versions: Versions,
    correlation: i32,
    /// In order of sending; the first `written_whole` of them are out, and `written_bytes` of the one after.
    in_flight: VecDeque<Sent>,
    written_whole: usize,
    written_bytes: usize,
    reader: FrameReader,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Sent {
    frame: Frame,
    /// What the frame's `Elsewhere` splices stand for, in order.
    pub(crate) bodies: Vec<Vec<u8>>,
    key: ApiKey,
    version: i16,
    correlation: i32,
    is_answered: bool,
    pub(crate) at: Instant,
}

/// A request that is done with, and what was answered; nothing, where no answer was asked for.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) sent: Sent,
    pub(crate) answer: Option<ArrivedFrame>,
}

impl Done {
    pub(crate) fn decode<R: Request>(&self, address: &str) -> Result<R::Response, ClientError> {
        let body = self.answer.as_ref().map_or_else(Bytes::new, |frame| frame.body.clone());
        let mut input = Decoder::new(body);
        ResponseHeader::decode(&mut input, self.sent.key, self.sent.version)
            .and_then(|_| R::Response::decode(&mut input, self.sent.version))
            .map_err(|e| ClientError::NotKafka { address: address.to_owned(), reason: e.to_string() })
    }
}

impl Connection {
    /// Connects, and asks which versions the broker knows.
    pub(crate) fn open(
        address: &Address,
        config: &ClientConfig,
        patience: &Patience,
        by: Instant,
    ) -> Result<Connection, ClientError> {
        let name = address.to_string();
        let lost = |e: io::Error| ClientError::lost(&name, &e);
        let stream = address.connect(by).map_err(lost)?;
        stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true)).map_err(lost)?;
        let mut connection = Connection {
            stream,
            address: name,
            client_id: config.client_id.clone(),
            versions: Versions::default(),
            correlation: 0,
            in_flight: VecDeque::new(),
            written_whole: 0,
            written_bytes: 0,
            reader: FrameReader::new(),
        };
        connection.negotiate(patience, by)?;
        Ok(connection)
    }

    fn negotiate(&mut self, patience: &Patience, by: Instant) -> Result<(), ClientError> {
        for version in [versions::FIRST_ASKED, 0] {
            self.send_version(&versions::request(), version, Vec::new(), true);
            let done = self.finish_one(patience, by)?;
            let body = done.answer.map_or_else(Bytes::new, |frame| frame.body);
            match versions::decode(body, version) {
                Ok(Some(versions)) => {
                    self.versions = versions;
                    return Ok(());
                }
                Ok(None) => {}
                Err(e) => return Err(self.no_kafka(e.to_string())),
            }
        }
        Err(ClientError::Unsupported { address: self.address.clone(), api: ApiKey::ApiVersions.name() })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The version in which this broker is asked.
    pub(crate) fn version(&self, key: ApiKey) -> Result<i16, ClientError> {
        let unsupported = || ClientError::Unsupported { address: self.address.clone(), api: key.name() };
        self.versions.pick(key).ok_or_else(unsupported)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When the oldest request under way was sent.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.in_flight.front().map(|sent| sent.at)
    }

    /// Puts a request on its way; [`pump`](Self::pump) writes it. `bodies` are what the request's records
    /// marked `Elsewhere` stand for.
    pub(crate) fn send<R: Request>(
        &mut self,
        request: &R,
        bodies: Vec<Vec<u8>>,
        is_answered: bool,
    ) -> Result<(), ClientError> {
        let version = self.version(R::KEY)?;
        self.send_version(request, version, bodies, is_answered);
        Ok(())
    }

    pub(crate) fn send_version<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        bodies: Vec<Vec<u8>>,
        is_answered: bool,
    ) {
        self.correlation = self.correlation.wrapping_add(1) & i32::MAX;
        let frame = request_frame(request, version, self.correlation, Some(&self.client_id), Vec::new());
        self.in_flight.push_back(Sent {
            frame,
            bodies,
            key: R::KEY,
            version,
            correlation: self.correlation,
            is_answered,
            at: Instant::now(),
        });
    }

    /// Whether bytes still wait to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.written_whole < self.in_flight.len()
    }

    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch::socket(&self.stream, true, self.has_output())
    }

    /// Writes what the socket takes.
    pub(crate) fn pump(&mut self) -> Result<(), ClientError> {
        while self.has_output() {
            let mut slices = Vec::with_capacity(8);
            let mut skip = self.written_bytes;
            for sent in self.in_flight.range(self.written_whole..) {
                gather(sent, &mut skip, &mut slices);
                if slices.len() >= PIECES_MAX {
                    break;
                }
            }
            match (&self.stream).write_vectored(&slices) {
                Ok(0) => return Err(self.lost(&io::ErrorKind::WriteZero.into())),
                Ok(count) => self.advance(count),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.lost(&e)),
            }
        }
        Ok(())
    }

    fn advance(&mut self, count: usize) {
        self.written_bytes += count;
        while let Some(sent) = self.in_flight.get(self.written_whole) {
            let length = sent.frame.len();
            if self.written_bytes < length {
                break;
            }
            self.written_bytes -= length;
            self.written_whole += 1;
        }
    }

    /// The oldest request that is done with, if there is one by now.
    pub(crate) fn receive(&mut self) -> Result<Option<Done>, ClientError> {
        if self.in_flight.front().is_some_and(|sent| !sent.is_answered) {
            return Ok(if self.written_whole > 0 { Some(self.done(None)) } else { None });
        }
        let frame = match self.reader.read_frame(&mut &self.stream) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(self.no_kafka(e.to_string())),
            Err(e) => return Err(self.lost(&e)),
        };
        let expected = self.in_flight.front().filter(|_| self.written_whole > 0).map(|sent| sent.correlation);
        let answered = frame.body.first_chunk().map(|id| i32::from_be_bytes(*id));
        if expected.is_none() || answered != expected {
            return Err(self.no_kafka("it answers what was not asked".to_owned()));
        }
        Ok(Some(self.done(Some(frame))))
    }

    fn done(&mut self, answer: Option<ArrivedFrame>) -> Done {
        self.written_whole -= 1;
        let sent = self.in_flight.pop_front().expect("the caller saw one in front");
        Done { sent, answer }
    }

    /// Takes back the buffer of an answer that nobody looks at any more.
    pub(crate) fn recycle(&mut self, buffer: Option<Bytes>) {
        buffer.into_iter().for_each(|buffer| self.reader.recycle(buffer));
    }

    /// What was on its way when the connection broke, oldest first, and whether all of it was written.
    pub(crate) fn abandon(self) -> impl Iterator<Item = (Sent, bool)> {
        let written = self.written_whole;
        let started = usize::from(self.written_bytes > 0);
        self.in_flight.into_iter().enumerate().map(move |(i, sent)| (sent, i < written + started))
    }

    /// Asks, and waits for the answer. Nothing else may be in flight.
    pub(crate) fn exchange<R: Request>(
        &mut self,
        request: &R,
        patience: &Patience,
        by: Instant,
    ) -> Result<R::Response, ClientError> {
        self.send(request, Vec::new(), true)?;
        let done = self.finish_one(patience, by)?;
        let response = done.decode::<R>(&self.address)?;
        Ok(response)
    }

    fn finish_one(&mut self, patience: &Patience, by: Instant) -> Result<Done, ClientError> {
        let started = Instant::now();
        loop {
            self.pump()?;
            if let Some(done) = self.receive()? {
                return Ok(done);
            }
            patience.check()?;
            if Instant::now() >= by {
                let what = match self.in_flight.front() {
                    Some(sent) => format!("{} to {}", sent.key, self.address),
                    None => self.address.clone(),
                };
                return Err(ClientError::TimedOut { what, waited_ms: started.elapsed().as_millis() });
            }
            patience.wait(&mut [self.watch()], &mut [], Some(by));
        }
    }

    pub(crate) fn lost(&self, error: &io::Error) -> ClientError {
        ClientError::lost(&self.address, error)
    }

    fn no_kafka(&self, reason: String) -> ClientError {
        ClientError::NotKafka { address: self.address.clone(), reason }
    }
}

/// Adds the pieces of a request that are still to be written, less the first `skip` bytes.
fn gather<'a>(sent: &'a Sent, skip: &mut usize, slices: &mut Vec<IoSlice<'a>>) {
    let mut bodies = sent.bodies.iter();
    for piece in sent.frame.pieces() {
        let bytes = match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::Elsewhere(_) => bodies.next().map_or(&[][..], Vec::as_slice),
        };
        let skipped = (*skip).min(bytes.len());
        *skip -= skipped;
        if skipped < bytes.len() {
            slices.push(IoSlice::new(&bytes[skipped..]));
        }
    }
}
