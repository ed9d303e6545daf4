//! A broker for tests that answers what it is told to: wrong things, late things, nothing.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Address, ClientConfig};
use crate::protocol::kafka::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::kafka::api::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::protocol::kafka::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::kafka::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use crate::protocol::kafka::{ApiKey, Decoder, Request, RequestHeader, response_frame};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    correlation_id: i32,
    body: Decoder,
}

impl Asked {
    pub(crate) fn read<R: Request>(&self) -> R {
        R::decode(&mut self.body.clone(), self.version).expect("this client asks properly")
    }

    pub(crate) fn answer<R: Request>(&self, response: &R::Response) -> Reply {
        self.answer_as::<R>(response, self.version)
    }

    pub(crate) fn answer_as<R: Request>(&self, response: &R::Response, version: i16) -> Reply {
        let frame = response_frame(response, self.key, version, self.correlation_id, Vec::new());
        Reply::Bytes(frame.to_bytes().to_vec())
    }
}

/// What the broker does about a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Whatever answers well, with one topic T of two partitions.
    Usual,
    Bytes(Vec<u8>),
    /// Answers, and closes the connection.
    Last(Vec<u8>),
    Close,
    Nothing,
}

type Script = Box<dyn FnMut(&Asked) -> Reply + Send>;

#[derive(Debug)]
pub(crate) struct FakeBroker {
    address: Address,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeBroker {
    /// Asks `script` what to do about each request.
    pub(crate) fn start(script: impl FnMut(&Asked) -> Reply + Send + 'static) -> FakeBroker {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, port, &script, &log));
            }
        });
        FakeBroker { address: Address::new("127.0.0.1", port), asked }
    }

    /// Answers the usual, but to `key` the next of `replies`, as long as there are some.
    pub(crate) fn scripted(
        key: ApiKey,
        replies: impl IntoIterator<Item = fn(&Asked) -> Reply> + Send + 'static,
    ) -> FakeBroker {
        let mut replies: VecDeque<fn(&Asked) -> Reply> = replies.into_iter().collect();
        FakeBroker::start(move |asked| {
            let reply = if asked.key == key { replies.pop_front() } else { None };
            reply.map_or(Reply::Usual, |reply| reply(asked))
        })
    }

    pub(crate) fn config(&self) -> ClientConfig {
        ClientConfig::new(vec![self.address.clone()])
    }

    /// All requests of this kind so far.
    pub(crate) fn asked<R: Request>(&self) -> Vec<R> {
        self.asked.lock().iter().filter(|asked| asked.key == R::KEY).map(Asked::read).collect()
    }
}

fn serve(mut stream: TcpStream, port: u16, script: &Mutex<Script>, log: &Mutex<Vec<Asked>>) {
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        if stream.read_exact(&mut frame).is_err() {
            return;
        }
        let mut body = Decoder::new(Bytes::from(frame));
        let header = RequestHeader::decode(&mut body).expect("this client asks properly");
        let key = ApiKey::from_code(header.api_key).expect("a known key");
        let asked = Asked { key, version: header.api_version, correlation_id: header.correlation_id, body };
        log.lock().push(asked.clone());
        let reply = script.lock()(&asked);
        let written = match reply {
            Reply::Usual => usual(&asked, port),
            other => other,
        };
        match written {
            Reply::Bytes(bytes) if stream.write_all(&bytes).is_ok() => {}
            Reply::Nothing => {}
            Reply::Last(bytes) => {
                // The client may be gone already.
                let _ = stream.write_all(&bytes);
                return;
            }
            Reply::Usual | Reply::Bytes(_) | Reply::Close => return,
        }
    }
}

fn usual(asked: &Asked, port: u16) -> Reply {
    let host = "127.0.0.1".to_owned();
    match asked.key {
        ApiKey::ApiVersions => {
            let api_keys = ApiKey::ALL.iter().map(|key| ApiVersion {
                api_key: key.code(),
                min_version: *key.versions().start(),
                max_version: *key.versions().end(),
            });
            asked.answer::<ApiVersionsRequest>(&ApiVersionsResponse {
                api_keys: api_keys.collect(),
                ..Default::default()
            })
        }
        ApiKey::Metadata => {
            let partition =
                |partition_index| MetadataResponsePartition { partition_index, leader_id: 1, ..Default::default() };
            let names = asked.read::<MetadataRequest>().topics.unwrap_or_default();
            let topic = |name: Option<String>| MetadataResponseTopic {
                error_code: if name.as_deref() == Some("T") { 0 } else { 3 },
                name,
                partitions: vec![partition(0), partition(1)],
                ..Default::default()
            };
            let broker = MetadataResponseBroker { node_id: 1, host, port: i32::from(port), ..Default::default() };
            asked.answer::<MetadataRequest>(&MetadataResponse {
                brokers: vec![broker],
                controller_id: 1,
                topics: names.into_iter().map(|asked| topic(asked.name)).collect(),
                ..Default::default()
            })
        }
        ApiKey::InitProducerId => {
            asked.answer::<InitProducerIdRequest>(&InitProducerIdResponse { producer_id: 7, ..Default::default() })
        }
        ApiKey::FindCoordinator => {
            let coordinator = Coordinator { node_id: 1, host, port: i32::from(port), ..Default::default() };
            asked.answer::<FindCoordinatorRequest>(&FindCoordinatorResponse {
                coordinators: vec![coordinator],
                ..Default::default()
            })
        }
        _ => Reply::Close,
    }
}
