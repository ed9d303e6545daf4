//! A run of rafka-consume: where to start, where to stop, what to commit, how to end.

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::positions::Positions;
use super::sink::Sink;
use crate::base::{Offset, OffsetSpec, PartitionId, TopicName, TopicPartition};
use crate::cli::failure::Failure;
use crate::cli::partition_list::PartitionList;
use crate::cli::progress::{Counted, Progress};
use crate::cli::run::Session;
use crate::client::consumer::{Bounds, SimpleGroup, bounds, resolve};
use crate::client::{Chunk, ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig, Watch};

/// After the first Ctrl-C, what is left to do has this long.
const FINISH_WITHIN: Duration = Duration::from_millis(4500);

pub(super) struct ConsumeSession<'a> {
    pub(super) topics: Vec<TopicName>,
    pub(super) partitions: Option<&'a PartitionList>,
    pub(super) from: OffsetSpec,
    pub(super) until: Option<OffsetSpec>,
    pub(super) follow: bool,
    pub(super) count: Option<u64>,
    pub(super) idle: Option<Duration>,
    pub(super) skip_damaged: bool,
    pub(super) group: Option<&'a str>,
    pub(super) reset: bool,
    /// None: nothing is committed.
    pub(super) commit_every: Option<Duration>,
    pub(super) session: &'a Session,
}

/// Why the reading stopped.
enum Stopped {
    /// All that was asked for is printed.
    Enough,
    Broker(ClientError),
    Output(io::Error),
}

struct Reading<'a> {
    args: &'a ConsumeSession<'a>,
    consumer: Consumer,
    sink: Sink,
    group: Option<SimpleGroup>,
    positions: Positions,
    commit_at: Option<Instant>,
    left: u64,
    progress: Progress,
    outage_noted: bool,
}

impl ConsumeSession<'_> {
    pub(super) fn run(&self, client: ClientConfig, config: ConsumerConfig, sink: Sink) -> Result<(), Failure> {
        let isolation = config.isolation;
        self.session.leave_within(FINISH_WITHIN);
        let mut cluster = Cluster::connect(client)?;
        let places = self.places(&mut cluster)?;
        let group = self.group.map(SimpleGroup::new);
        let stored = match &group {
            Some(group) => {
                group.check_unused(&mut cluster)?;
                group.committed(&mut cluster, &places)?
            }
            None => vec![None; places.len()],
        };
        let bounds = bounds(&mut cluster, &places, isolation)?;
        let asked = resolve(&mut cluster, &places, &bounds, &stored, self.from, isolation)?;
        let starts: Vec<Offset> =
            asked.iter().zip(&stored).map(|(asked, stored)| stored.filter(|_| !self.reset).unwrap_or(*asked)).collect();
        let until = match self.until {
            Some(spec) => {
                resolve(&mut cluster, &places, &bounds, &stored, spec, isolation)?.into_iter().map(Some).collect()
            }
            None => vec![None; places.len()],
        };

        let mut consumer = Consumer::new(cluster, config);
        let mut positions = Positions::default();
        let mut total = 0;
        for (i, place) in places.iter().enumerate() {
            let (start, Bounds { start: first, end }) = (starts[i], bounds[i]);
            if start < first || start > end {
                let topic = place.topic.to_string();
                let error = ClientError::OffsetOutOfRange {
                    topic,
                    partition: place.partition,
                    offset: start,
                    start: first,
                    end,
                };
                return Err(self.out_of_range(error));
            }
            let stop = match (self.follow, until[i]) {
                (true, until) => until,
                (false, until) => Some(until.map_or(end, |until| until.min(end))),
            };
            total += stop.map_or(0, |stop| u64::try_from(stop.since(start)).unwrap_or(0));
            consumer.assign(place, start, stop);
            positions.start(place.clone(), start, stored[i]);
        }
        let total = (!self.follow).then(|| self.count.map_or(total, |count| count.min(total)));
        // What has no end makes no progress towards it.
        let wants_progress = !self.follow && self.session.verbosity.wants_progress(true);
        let reading = Reading {
            args: self,
            consumer,
            sink,
            commit_at: self.commit_every.filter(|_| group.is_some()).map(|every| Instant::now() + every),
            group,
            positions,
            left: self.count.unwrap_or(u64::MAX),
            progress: Progress::start(wants_progress, Counted::Records, total),
            outage_noted: false,
        };
        reading.run()
    }

    /// Every partition to be read.
    fn places(&self, cluster: &mut Cluster) -> Result<Vec<TopicPartition>, Failure> {
        let mut places = Vec::new();
        let mut topics = cluster.topics(&self.topics, false)?;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        for (name, topic) in self.topics.iter().zip(topics) {
            let partitions = topic.partition_count();
            let wanted: Vec<PartitionId> = match self.partitions {
                Some(list) => list.as_slice().to_vec(),
                None => (0..partitions).map(PartitionId).collect(),
            };
            for partition in wanted {
                if partition.0 >= partitions {
                    let topic = name.to_string();
                    return Err(ClientError::UnknownPartition { topic, partition, partitions }.into());
                }
                places.push(TopicPartition { topic: name.clone(), partition });
            }
        }
        Ok(places)
    }

    fn out_of_range(&self, error: ClientError) -> Failure {
        let failure = Failure::from(error);
        if self.group.is_some() && !self.reset {
            return failure.with_hint("--reset starts at -o, whatever the group has committed");
        }
        failure
    }
}

impl Reading<'_> {
    fn run(mut self) -> Result<(), Failure> {
        let stopped = if self.left == 0 { Stopped::Enough } else { self.read() };
        if matches!(stopped, Stopped::Broker(ClientError::Interrupted)) {
            self.consumer.cluster().finish_within(FINISH_WITHIN);
        }
        // Records that are written are written, however the reading ended.
        let committed = self.commit();
        drop(self.progress);
        match stopped {
            Stopped::Output(e) => Err(Failure::output(&e)),
            Stopped::Broker(error) => Err(failed(error)),
            Stopped::Enough => committed.map_err(failed),
        }
    }

    fn read(&mut self) -> Stopped {
        let mut came_at = Instant::now();
        loop {
            let idle_until = self.args.idle.map(|idle| came_at + idle);
            match self.next(idle_until) {
                Ok(Some(mut chunk)) => {
                    came_at = Instant::now();
                    match self.print(&mut chunk) {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => return Stopped::Enough,
                        Err(stopped) => return stopped,
                    }
                }
                Ok(None) if self.consumer.is_done() || idle_until.is_some_and(|until| Instant::now() >= until) => {
                    return Stopped::Enough;
                }
                Ok(None) => {
                    if self.is_output_closed() {
                        return Stopped::Output(io::ErrorKind::BrokenPipe.into());
                    }
                }
                Err(ClientError::Damaged { topic, partition, offset, reason }) if self.args.skip_damaged => {
                    if let Err(e) = self.skip_unreadable(&topic, partition, offset, &reason) {
                        return Stopped::Broker(e);
                    }
                }
                Err(e) => return Stopped::Broker(e),
            }
            self.note_outage();
            if let Err(e) = self.commit_if_due() {
                return Stopped::Broker(e);
            }
        }
    }

    fn next(&mut self, idle_until: Option<Instant>) -> Result<Option<Chunk>, ClientError> {
        let commit_at = self.commit_at.filter(|_| self.positions.has_uncommitted());
        let until = [idle_until, commit_at].into_iter().flatten().min();
        #[cfg(unix)]
        let mut closed = [Watch::hang_up(std::os::fd::AsFd::as_fd(self.sink.output()))];
        #[cfg(not(unix))]
        let mut closed: [Watch<'_>; 0] = [];
        self.consumer.next(until, &mut closed)
    }

    /// Whether the reader of our pipe has left; a write would tell too, but one may never come.
    fn is_output_closed(&self) -> bool {
        #[cfg(unix)]
        {
            let mut closed = [Watch::hang_up(std::os::fd::AsFd::as_fd(self.sink.output()))];
            crate::client::poll::wait(&mut closed, &mut [], None, Some(Instant::now()));
            closed[0].ready
        }
        #[cfg(not(unix))]
        false
    }

    /// Prints a chunk, as far as records are wanted, and lets none of it wait.
    fn print(&mut self, chunk: &mut Chunk) -> Result<ControlFlow<()>, Stopped> {
        let place = TopicPartition {
            topic: TopicName::new(chunk.topic()).map_err(|e| Stopped::Broker(e.into()))?,
            partition: chunk.partition(),
        };
        loop {
            let mut broken = None;
            let (sink, left) = (&mut self.sink, &mut self.left);
            let read = chunk.read(|record| {
                if let Err(e) = sink.put(record) {
                    broken = Some(e);
                    return ControlFlow::Break(());
                }
                *left -= 1;
                if *left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if let Some(e) = broken {
                return Err(Stopped::Output(e));
            }
            self.sink.flush().map_err(Stopped::Output)?;
            self.progress.advance(self.positions.advance(&place, chunk.position()));
            match read {
                Ok(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
                Ok(ControlFlow::Continue(())) => return Ok(ControlFlow::Continue(())),
                Err(ClientError::Damaged { reason, .. }) if self.args.skip_damaged => {
                    let (first, last) = chunk.skip_damaged();
                    warn_skipped(&place, first, last, &reason);
                    if chunk.position() == chunk.next_offset() {
                        // What was fetched behind it was asked for in the belief of a damaged header.
                        self.consumer.seek(&place, chunk.position());
                    }
                }
                Err(e) => return Err(Stopped::Broker(e)),
            }
        }
    }

    fn skip_unreadable(
        &mut self,
        topic: &str,
        partition: PartitionId,
        offset: Offset,
        reason: &str,
    ) -> Result<(), ClientError> {
        let place = TopicPartition { topic: TopicName::new(topic)?, partition };
        if let Some(next) = self.consumer.find_behind_damage(&place, offset)? {
            warn_skipped(&place, offset, Offset(next.0 - 1), reason);
            self.consumer.seek(&place, next);
        }
        Ok(())
    }

    fn note_outage(&mut self) {
        match self.consumer.outage() {
            None => self.outage_noted = false,
            Some(outage) if !self.outage_noted => {
                ::log::warn!("{outage}; trying again");
                self.outage_noted = true;
            }
            Some(_) => {}
        }
    }

    fn commit_if_due(&mut self) -> Result<(), ClientError> {
        let (Some(at), Some(every)) = (self.commit_at, self.args.commit_every) else { return Ok(()) };
        if Instant::now() < at {
            return Ok(());
        }
        self.commit_at = Some(Instant::now() + every);
        match self.commit() {
            // A broker that is away for a while takes the next one.
            Err(e) if e.is_retriable() && self.args.follow => Ok(()),
            done => done,
        }
    }

    fn commit(&mut self) -> Result<(), ClientError> {
        let Some(group) = self.group.as_ref().filter(|_| self.args.commit_every.is_some()) else { return Ok(()) };
        let positions = self.positions.uncommitted();
        if positions.is_empty() {
            return Ok(());
        }
        group.commit(self.consumer.cluster(), &positions)?;
        self.positions.mark_committed(positions);
        Ok(())
    }
}

fn warn_skipped(place: &TopicPartition, first: Offset, last: Offset, reason: &str) {
    if first == last {
        ::log::warn!("skipped offset {first} of {place}: {reason}");
    } else {
        ::log::warn!("skipped offsets {first} to {last} of {place}: {reason}");
    }
}

/// Once records could be read, a broker that is gone is a failure like any other.
fn failed(error: ClientError) -> Failure {
    if error.is_no_broker() {
        return Failure::failed(error.to_string());
    }
    error.into()
}
