//! What the tests of the real programs share: a broker of their own, on a free port and a directory of its own.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rafka::protocol::kafka::api::fetch::{FetchPartition, FetchTopic, PartitionData};
use rafka::protocol::kafka::api::incremental_alter_configs::{AlterConfigsResource, AlterableConfig};
use rafka::protocol::kafka::api::produce::{PartitionProduceData, PartitionProduceResponse, TopicProduceData};
use rafka::protocol::kafka::api::{FetchRequest, IncrementalAlterConfigsRequest, ProduceRequest};
use rafka::protocol::kafka::{Decoder, Message, RecordsField, Request, ResponseHeader, request_frame};
use rafka::record::{BatchBuilder, Codec, ProducerStamp};

/// Longer than anything here takes on a busy machine; reached only when something is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running rafka-server.
pub struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub address: SocketAddr,
    dir: Option<tempfile::TempDir>,
}

impl Server {
    /// A broker on an empty directory that goes when the broker does.
    pub fn start(flags: &[&str]) -> Server {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut server = Server::start_in(dir.path(), flags);
        server.dir = Some(dir);
        server
    }

    /// A broker on a directory of the test's, which may hold something.
    pub fn start_in(dir: &Path, flags: &[&str]) -> Server {
        Server::spawn(&mut command(dir, flags))
    }

    /// A broker by a command of the test's.
    pub fn spawn(command: &mut Command) -> Server {
        let mut child = command.spawn().expect("rafka-server starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("Broker Listening on ").unwrap_or_else(|| {
            panic!("the first line is {line:?}; {:?}", child.try_wait());
        });
        let address = address.parse().expect("an address");
        Server { child, stdout, address, dir: None }
    }

    pub fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// The next line the broker prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).expect("the broker accepts");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    /// Sends text and the end of input, and gives everything that comes back.
    pub fn text(&self, input: &str) -> String {
        let mut socket = self.connect();
        socket.write_all(input.as_bytes()).expect("sends");
        socket.shutdown(Shutdown::Write).expect("ends its half");
        let mut output = String::new();
        socket.read_to_string(&mut output).expect("an answer and its end");
        output
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop as an administrator would, and waits until it has.
    pub fn stop(mut self) -> i32 {
        signal(self.pid(), "TERM");
        wait(&mut self.child)
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// rafka-server with its output piped, on a free port.
pub fn command(dir: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rafka-server"));
    command.arg("--data-dir").arg(dir).args(flags).stdin(Stdio::null()).stdout(Stdio::piped());
    if !flags.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
}

pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill runs");
    assert!(status.success(), "kill -{name} {pid}");
}

/// The exit code, once it has ended.
pub fn wait(child: &mut Child) -> i32 {
    until("the program ends", || child.try_wait().expect("a child").map(|status| status.code().unwrap_or(-1)))
}

/// Looks again and again until there is something, and fails if that takes too long.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::yield_now();
    }
}

/// A connection that speaks Kafka's protocol, one request at a time.
pub struct KafkaConnection {
    socket: TcpStream,
    correlation_id: i32,
}

impl KafkaConnection {
    pub fn to(server: &Server) -> KafkaConnection {
        KafkaConnection { socket: server.connect(), correlation_id: 0 }
    }

    /// Sends a request in its newest version and reads the answer.
    pub fn call<R: Request>(&mut self, request: &R) -> R::Response {
        self.call_in(request, *R::KEY.versions().end())
    }

    pub fn call_in<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version);
        self.receive::<R>(version)
    }

    pub fn send<R: Request>(&mut self, request: &R, version: i16) {
        self.correlation_id += 1;
        let frame = request_frame(request, version, self.correlation_id, Some("test"), Vec::new());
        self.socket.write_all(&frame.to_bytes()).expect("sends");
    }

    /// Reads the answer to the last request of this kind.
    pub fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let frame = self.frame().expect("an answer");
        let mut input = Decoder::new(frame.into());
        ResponseHeader::decode(&mut input, R::KEY, version).expect("a header");
        R::Response::decode(&mut input, version).expect("an answer of this version")
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("sends");
    }

    /// Says that nothing more comes; answers can still be read.
    pub fn end_half(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("ends its half");
    }

    /// One frame without its length; `None` when the broker has closed the connection.
    pub fn frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        if self.socket.read_exact(&mut length).is_err() {
            return None;
        }
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut frame).ok()?;
        Some(frame)
    }

    pub fn produce(&mut self, topic: &str, acks: i16, batch: Vec<u8>) -> PartitionProduceResponse {
        let response = self.call_in(&produce_request(topic, acks, batch), PRODUCE_BY_NAME);
        response.responses[0].partition_responses[0].clone()
    }

    pub fn fetch(&mut self, topic: &str, offset: i64) -> PartitionData {
        let partition = FetchPartition { fetch_offset: offset, partition_max_bytes: 1 << 20, ..Default::default() };
        let topic = FetchTopic { topic: topic.to_owned(), partitions: vec![partition], ..Default::default() };
        let request = FetchRequest { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
        self.call_in(&request, FETCH_BY_NAME).responses[0].partitions[0].clone()
    }
}

/// The last versions that name topics and not their ids.
pub const PRODUCE_BY_NAME: i16 = 12;
pub const FETCH_BY_NAME: i16 = 12;

pub fn produce_request(topic: &str, acks: i16, batch: Vec<u8>) -> ProduceRequest {
    let partition = PartitionProduceData { index: 0, records: RecordsField::Bytes(batch.into()) };
    let topic = TopicProduceData { name: topic.to_owned(), partition_data: vec![partition], ..Default::default() };
    ProduceRequest { transactional_id: None, acks, timeout_ms: 10_000, topic_data: vec![topic] }
}

/// A batch of records without keys.
pub fn batch(values: &[&str], stamp: ProducerStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
    }
    builder.finish(stamp).expect("no codec")
}

/// Sets one of a topic's settings.
pub fn set_topic(server: &Server, topic: &str, name: &str, value: &str) {
    let config = AlterableConfig { name: name.to_owned(), config_operation: 0, value: Some(value.to_owned()) };
    let resource = AlterConfigsResource { resource_type: 2, resource_name: topic.to_owned(), configs: vec![config] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let answer = KafkaConnection::to(server).call(&request);
    assert_eq!(answer.responses[0].error_code, 0, "{:?}", answer.responses[0].error_message);
}
