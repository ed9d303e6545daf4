//! The loop of rafka-consume: what comes is printed, the group is followed, what is printed is committed, until it
//! is enough.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::pipe::InPipe;
use super::plan::{Plan, Stretch};
use super::positions::Positions;
use super::session::{ConsumeSession, FINISH_WITHIN};
use super::share::{Change, Share};
use super::sink::Sink;
use crate::base::{Offset, PartitionId, TopicName, TopicPartition};
use crate::cli::failure::Failure;
use crate::cli::progress::{Counted, Progress};
use crate::client::consumer::TopicNews;
use crate::client::{Chunk, ClientError, Consumer, Watch};

/// How soon it is looked at again whether a group has come to rest.
const SETTLING_IS_LOOKED_AT: Duration = Duration::from_millis(100);

/// Why the reading stopped.
pub(super) enum Stopped {
    /// All that was asked for is printed.
    Enough,
    Broker(ClientError),
    Output(io::Error),
    Failed(Failure),
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Stopped {
        Stopped::Broker(error)
    }
}

pub(super) struct Reading<'a> {
    args: &'a ConsumeSession<'a>,
    consumer: Consumer,
    sink: Sink,
    plan: Plan,
    share: Option<Share>,
    positions: Positions,
    in_pipe: InPipe,
    /// What was begun to be printed, when something else had to be seen to.
    current: Option<Chunk>,
    commit_at: Option<Instant>,
    /// When something came last.
    came_at: Instant,
    left: u64,
    /// So many records there are to read in all, as far as that is known.
    total: u64,
    progress: Progress,
    outage_noted: bool,
    has_begun: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        args: &'a ConsumeSession<'a>,
        consumer: Consumer,
        sink: Sink,
        plan: Plan,
        share: Option<Share>,
    ) -> Reading<'a> {
        // What has no end makes no progress towards it.
        let wants_progress = !args.follow && args.session.verbosity.wants_progress(true);
        Reading {
            args,
            consumer,
            sink,
            plan,
            commit_at: args.commit_every.filter(|_| share.is_some()).map(|every| Instant::now() + every),
            share,
            positions: Positions::default(),
            in_pipe: InPipe::default(),
            current: None,
            came_at: Instant::now(),
            left: args.count.unwrap_or(u64::MAX),
            total: 0,
            progress: Progress::start(wants_progress, Counted::Records, None),
            outage_noted: false,
            has_begun: false,
        }
    }

    /// Reads these partitions too.
    pub(super) fn begin(&mut self, places: &[TopicPartition]) -> Result<(), Failure> {
        let cluster = self.consumer.cluster();
        let stored = match &self.share {
            Some(share) => share.stored(cluster, places)?,
            None => vec![None; places.len()],
        };
        let gone_on: Vec<Option<Offset>> =
            places.iter().zip(&stored).map(|(place, stored)| self.positions.go_on(place, *stored)).collect();
        let stretches = self.plan.stretches(cluster, places, &stored, &gone_on);
        for Stretch { place, start, stop, stored } in stretches.map_err(|e| self.cannot_begin(e))? {
            self.total += stop.map_or(0, |stop| u64::try_from(stop.since(start)).unwrap_or(0));
            self.consumer.assign(&place, start, stop);
            self.positions.start(place, start, stored);
        }
        self.tell_unused_start(&stored);
        // A broker with nothing to give holds the fetch that knows nothing of these.
        self.consumer.fetch_anew();
        if !self.args.follow {
            self.progress.set_total(self.args.count.map_or(self.total, |count| count.min(self.total)));
        }
        self.came_at = Instant::now();
        Ok(())
    }

    /// Once: -o says nothing where the group has a place.
    fn tell_unused_start(&mut self, stored: &[Option<Offset>]) {
        let Some(group) = self.args.group.as_ref().map(|config| &config.group) else { return };
        let is_unused = self.args.from_is_asked && !self.args.reset && stored.iter().any(Option::is_some);
        // What is stored after the first time may be our own.
        if is_unused && !self.has_begun {
            ::log::warn!("group \"{group}\" has a place, and goes on there; --reset starts at -o");
        }
        self.has_begun = true;
    }

    fn cannot_begin(&self, error: ClientError) -> Failure {
        let is_stored = self.share.is_some() && !self.args.reset;
        let is_out_of_range = matches!(error, ClientError::OffsetOutOfRange { .. });
        let failure = Failure::from(error);
        if is_stored && is_out_of_range {
            return failure.with_hint("--reset starts at -o, whatever the group has committed");
        }
        failure
    }

    pub(super) fn run(mut self) -> Result<(), Failure> {
        let stopped = if self.left == 0 { Stopped::Enough } else { self.read() };
        if matches!(stopped, Stopped::Broker(ClientError::Interrupted)) {
            self.consumer.cluster().finish_within(FINISH_WITHIN);
        }
        let committed = self.leave(&stopped);
        drop(self.progress);
        match stopped {
            Stopped::Output(e) => Err(Failure::output(&e)),
            Stopped::Broker(error) => Err(failed(error)),
            Stopped::Failed(failure) => Err(failure),
            Stopped::Enough => committed.map_err(failed),
        }
    }

    fn read(&mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.turn() {
                return stopped;
            }
        }
    }

    /// One look at the group, one chunk printed or waited for, and the commit if it is time.
    fn turn(&mut self) -> Result<(), Stopped> {
        self.follow_group()?;
        let chunk = match self.current.take() {
            Some(chunk) => {
                self.consumer.cluster().check()?;
                Some(chunk)
            }
            None => match self.next() {
                Err(ClientError::Damaged { topic, partition, offset, reason }) if self.args.skip_damaged => {
                    self.skip_unreadable(&topic, partition, offset, &reason)?;
                    return Ok(());
                }
                next => next?,
            },
        };
        match chunk {
            Some(mut chunk) => {
                self.came_at = Instant::now();
                if self.print(&mut chunk)?.is_break() {
                    self.current = Some(chunk);
                }
            }
            None => self.rest()?,
        }
        self.follow_topics();
        self.note_outage();
        self.commit_if_due()?;
        Ok(())
    }

    /// Nothing came: is that the end?
    fn rest(&mut self) -> Result<(), Stopped> {
        if self.idle_until().is_some_and(|until| Instant::now() >= until) {
            return Err(Stopped::Enough);
        }
        if self.is_output_closed() {
            return Err(Stopped::Output(io::ErrorKind::BrokenPipe.into()));
        }
        let ends = self.ends();
        match &mut self.share {
            None if self.consumer.is_done() => Err(Stopped::Enough),
            None => Ok(()),
            Some(share) => {
                share.tell_waiting();
                let is_done = ends && share.has_started() && self.consumer.is_done();
                if is_done && !share.membership().has_news() && share.is_settled(self.consumer.cluster())? {
                    return Err(Stopped::Enough);
                }
                Ok(())
            }
        }
    }

    /// Whether there is an end to come to.
    fn ends(&self) -> bool {
        !self.args.follow || self.args.until.is_some()
    }

    /// Without a share of a group there is nothing to wait for yet.
    fn idle_until(&self) -> Option<Instant> {
        let has_started = self.share.as_ref().is_none_or(Share::has_started);
        self.args.idle.filter(|_| has_started).map(|idle| self.came_at + idle)
    }

    fn next(&mut self) -> Result<Option<Chunk>, ClientError> {
        let commit_at = self.commit_at.filter(|_| self.positions.has_uncommitted());
        let tell_at = self.share.as_ref().and_then(Share::tell_waiting_at);
        let waits_for_group = self.share.is_some() && self.consumer.is_done();
        // Elsewhere news of the group can't be waited for together with sockets.
        let looks_again = if cfg!(unix) { waits_for_group && self.ends() } else { self.share.is_some() };
        let settles_at = looks_again.then(|| Instant::now() + SETTLING_IS_LOOKED_AT);
        let until = [self.idle_until(), commit_at, tell_at, settles_at].into_iter().flatten().min();
        #[cfg(unix)]
        let mut also: Vec<Watch<'_>> = std::iter::once(Watch::hang_up(std::os::fd::AsFd::as_fd(self.sink.output())))
            .chain(self.share.iter().map(|share| share.membership().watch()))
            .collect();
        #[cfg(not(unix))]
        let mut also: [Watch<'_>; 0] = [];
        if waits_for_group {
            return self.consumer.wait(until, &mut also).map(|()| None);
        }
        self.consumer.next(until, &mut also)
    }

    /// Gives up what the group wants elsewhere, and takes up what it wants here.
    fn follow_group(&mut self) -> Result<(), Stopped> {
        while let Some(share) = self.share.as_mut().filter(|share| share.membership().has_news()) {
            let Change { is_lost, gone, new } = share.change(&self.positions.places())?;
            if is_lost {
                ::log::info!("the group went on without this member; joining it again");
                self.drop_all();
            }
            if !gone.is_empty() {
                ::log::info!("giving up {}", named(&gone));
                self.give_up(&gone)?;
            }
            if let Some(share) = &self.share
                && !new.is_empty()
                && share.take_up(&new)
            {
                ::log::info!("reading {}", named(&new));
                let places: Vec<TopicPartition> = new.into_iter().collect();
                self.begin(&places).map_err(Stopped::Failed)?;
            }
        }
        Ok(())
    }

    fn give_up(&mut self, gone: &BTreeSet<TopicPartition>) -> Result<(), ClientError> {
        self.settle_pipe();
        let Some(share) = &mut self.share else { return Ok(()) };
        share.commit(self.consumer.cluster(), &mut self.positions)?;
        for place in gone {
            // What is left of it is not ours to read.
            let rest = self.consumer.stop_of(place).zip(self.positions.written(place));
            self.total -= rest.map_or(0, |(stop, at)| u64::try_from(stop.since(at)).unwrap_or(0)).min(self.total);
            self.consumer.unassign(place);
        }
        self.positions.give_up(gone);
        self.current = self.current.take().filter(|chunk| !gone.iter().any(|place| is_of(chunk, place)));
        share.give_up(gone);
        Ok(())
    }

    /// The group went on without us.
    fn drop_all(&mut self) {
        for place in self.positions.places() {
            self.consumer.unassign(&place);
        }
        self.positions.lose();
        self.in_pipe.clear();
        self.current = None;
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

    /// Prints a chunk, as far as records are wanted, and lets none of it wait. Breaks off when something else is to be seen
    /// to, which is looked for after each write: that is where a full pipe holds us up.
    fn print(&mut self, chunk: &mut Chunk) -> Result<ControlFlow<()>, Stopped> {
        let place = TopicPartition {
            topic: TopicName::new(chunk.topic()).map_err(ClientError::from)?,
            partition: chunk.partition(),
        };
        let interrupts = &self.args.session.interrupts;
        loop {
            let mut broken = None;
            let mut pauses = false;
            let (sink, left, share) = (&mut self.sink, &mut self.left, &self.share);
            let read = chunk.read(|record| {
                match sink.put(record) {
                    Ok(false) => {}
                    Ok(true) => {
                        pauses = interrupts.is_asked() || share.as_ref().is_some_and(|s| s.membership().has_news());
                    }
                    Err(e) => {
                        broken = Some(e);
                        return ControlFlow::Break(());
                    }
                }
                *left -= 1;
                if *left == 0 || pauses { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if let Some(e) = broken {
                return Err(Stopped::Output(e));
            }
            self.sink.flush().map_err(Stopped::Output)?;
            self.progress.advance(self.positions.advance(&place, chunk.position()));
            if self.share.is_some() {
                self.in_pipe.put(self.sink.written(), &place, chunk.position());
                self.look_at_pipe();
            }
            match read {
                Ok(ControlFlow::Break(())) if self.left == 0 => return Err(Stopped::Enough),
                Ok(flow) => return Ok(flow),
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

    /// Topics may be deleted under a follower's eyes, and made anew.
    fn follow_topics(&mut self) {
        for news in self.consumer.take_news() {
            match news {
                TopicNews::Gone(topic) => {
                    self.plan.forget(&topic);
                    self.positions.forget(&topic);
                    if self.args.follow {
                        ::log::warn!("topic \"{topic}\" was deleted; waiting for another of that name");
                    }
                }
                TopicNews::Anew(topic) => {
                    self.plan.forget(&topic);
                    self.positions.start_anew(&topic);
                    self.in_pipe.clear();
                    ::log::warn!("topic \"{topic}\" was deleted and made anew; reading the new one from its start");
                }
            }
        }
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
        if self.share.is_none() || Instant::now() < at {
            return Ok(());
        }
        self.commit_at = Some(Instant::now() + every);
        self.look_at_pipe();
        let Some(share) = &self.share else { return Ok(()) };
        match share.try_commit(self.consumer.cluster(), &mut self.positions) {
            // A broker that is away for a while, or a group that changes, takes the next one.
            Ok(_) => Ok(()),
            Err(e) if e.is_retriable() && self.args.follow => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Sees how far the reader of a pipe has come: if it dies, what it has not taken was not written to anybody.
    fn look_at_pipe(&mut self) {
        let taken = self.in_pipe.taken(self.sink.written(), self.sink.unread());
        self.positions.take(taken);
    }

    /// The place of something is to be kept for good: with a reader that is there, what is written counts.
    fn settle_pipe(&mut self) {
        if self.is_output_closed() {
            self.look_at_pipe();
        } else {
            self.positions.take_all();
            self.in_pipe.clear();
        }
    }

    /// Commits what is written, however the reading ended, and leaves the group. Not what the reader of a pipe never took,
    /// unless all that was asked for is done.
    fn leave(&mut self, stopped: &Stopped) -> Result<(), ClientError> {
        // What was read of a topic that is gone is no place in another of its name.
        self.follow_topics();
        match stopped {
            Stopped::Enough => self.positions.take_all(),
            // Elsewhere nobody can tell what it took: the last commit stands.
            Stopped::Output(_) if !cfg!(target_os = "linux") => return Ok(()),
            Stopped::Output(_) => self.look_at_pipe(),
            Stopped::Broker(_) | Stopped::Failed(_) => self.settle_pipe(),
        }
        let Some(mut share) = self.share.take() else { return Ok(()) };
        share.commit(self.consumer.cluster(), &mut self.positions)
    }
}

fn named(places: &BTreeSet<TopicPartition>) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn is_of(chunk: &Chunk, place: &TopicPartition) -> bool {
    **chunk.topic() == *place.topic.as_str() && chunk.partition() == place.partition
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
