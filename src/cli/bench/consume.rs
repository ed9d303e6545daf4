//! consume: from the first record of the topic to its end, or as many as are wanted, every one decoded.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::ground::{Ground, midway};
use super::measured::{Latency, Measured, Run, Work};
use super::reading::{Stretch, open};
use crate::cli::Progress;
use crate::cli::failure::Failure;
use crate::client::{ClientError, Consumer};

struct Read {
    records: u64,
    bytes: u64,
    last: Instant,
}

/// Reads so many records, for so long, whichever comes first; all there are, if neither is given.
pub(in crate::cli) fn consume(
    ground: &Ground,
    records: Option<u64>,
    duration: Option<Duration>,
    progress: &Progress,
) -> Run {
    let (mut consumer, offsets) = match open(ground, Stretch::Whole) {
        Ok(opened) => opened,
        Err(e) => return Run::failed(e),
    };
    let wanted = records.unwrap_or(u64::MAX);
    progress.set_total(wanted.min(offsets));
    let start = Instant::now();
    let until = duration.and_then(|duration| start.checked_add(duration));
    let mut read = Read { records: 0, bytes: 0, last: start };
    let ended = read.all(&mut consumer, wanted, until, progress);
    if ended.is_ok() && read.records == 0 && wanted > 0 && until.is_none_or(|until| Instant::now() < until) {
        let hint = format!("rafka-admin bench produce --topic {} writes some", ground.topic);
        return Run::failed(
            Failure::failed(format!("topic \"{}\" holds no records to read", ground.topic)).with_hint(hint),
        );
    }
    let measured = Measured {
        work: Work::Consume,
        until: None,
        records: read.records,
        bytes: read.bytes,
        took: read.last - start,
        latency: Latency::new(),
    };
    Run { measured: vec![measured], ended: ended.map_err(midway) }
}

impl Read {
    fn all(
        &mut self,
        consumer: &mut Consumer,
        wanted: u64,
        until: Option<Instant>,
        progress: &Progress,
    ) -> Result<(), ClientError> {
        while !consumer.is_done() && self.records < wanted && until.is_none_or(|until| Instant::now() < until) {
            let Some(mut chunk) = consumer.next(until, &mut [])? else { continue };
            let read = chunk.read(|record| {
                self.records += 1;
                self.bytes += (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64;
                if self.records == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            self.last = Instant::now();
            progress.set_done(self.records);
            let _ = read?;
        }
        Ok(())
    }
}
