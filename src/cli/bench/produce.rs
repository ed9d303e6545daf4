//! produce: from the record at hand to its acknowledgement, by one producer or several at once.

use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use super::ground::{Ground, midway};
use super::measured::{Latency, Measured, Run, Until, Work};
use super::pace::{Schedule, wake_in_time};
use super::payload::Letters;
use super::sending::{Bounds, Sender, Sent, took};
use crate::cli::Progress;
use crate::client::ClientError;

/// How much, how fast, by how many.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Load {
    /// As many as fit into the time, if none.
    pub(in crate::cli) records: Option<u64>,
    pub(in crate::cli) duration: Option<Duration>,
    /// Records a second; as fast as it goes, if none.
    pub(in crate::cli) rate: Option<u64>,
    /// At least one.
    pub(in crate::cli) producers: u64,
}

pub(in crate::cli) fn produce(ground: &Ground, load: &Load, progress: &Progress) -> Run {
    let letters = Letters::new(ground.size);
    let senders = (0..load.producers).map(|_| Sender::new(ground, letters.clone(), None));
    let senders = match senders.collect::<Result<Vec<_>, ClientError>>() {
        Ok(senders) => senders,
        Err(e) => return Run::failed(e),
    };
    let start = Instant::now();
    let until = load.duration.and_then(|duration| start.checked_add(duration));
    let sent = thread::scope(|scope| {
        let step = load.producers;
        let threads: Vec<_> = (0..)
            .zip(senders)
            .map(|(first, sender)| {
                let schedule = load.rate.map(|per_second| Schedule { start, per_second, first, step });
                let bounds = Bounds { records: share(load.records, first, step), until };
                scope.spawn(move || {
                    wake_in_time();
                    let sent = sender.run(bounds, schedule, progress);
                    if sent.ended.is_err() {
                        ground.halt.fail();
                    }
                    sent
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
    });
    together(ground, start, sent)
}

/// Of all records, those of the sender with this number.
fn share(records: Option<u64>, sender: u64, senders: u64) -> u64 {
    records.map_or(u64::MAX, |records| records / senders + u64::from(sender < records % senders))
}

fn together(ground: &Ground, start: Instant, sent: Vec<Sent>) -> Run {
    let mut latency = Latency::new();
    sent.iter().for_each(|sent| latency.add_all(&sent.latency));
    let records: u64 = sent.iter().map(|sent| sent.delivered).sum();
    let measured = Measured {
        work: Work::Produce,
        until: Some(if ground.knows_acks() { Until::Acknowledged } else { Until::Sent }),
        records,
        bytes: records * ground.size as u64,
        took: took(start, sent.iter().filter_map(|sent| sent.last).max()),
        latency,
    };
    Run { measured: vec![measured], ended: first_failure(sent).map_err(midway) }
}

/// Where one has failed, the others were interrupted for it.
fn first_failure(sent: Vec<Sent>) -> Result<(), ClientError> {
    let errors: Vec<ClientError> = sent.into_iter().filter_map(|sent| sent.ended.err()).collect();
    let reason = errors.iter().find(|error| **error != ClientError::Interrupted);
    match reason.or(errors.first()) {
        Some(error) => Err(error.clone()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_some_senders() {
        for (records, senders) in [(0, 1), (1, 3), (10, 3), (1_000_000, 7)] {
            let shares = (0..senders).map(|sender| share(Some(records), sender, senders));
            assert_eq!(shares.sum::<u64>(), records);
        }
        assert_eq!(share(None, 2, 3), u64::MAX);
    }

    #[test]
    fn the_reason_goes_before_its_consequences() {
        let sent = |ended| Sent { delivered: 0, last: None, latency: Latency::new(), ended };
        let reason = ClientError::UnknownTopic { topic: "T".to_owned(), nearest: None };
        let all = vec![sent(Ok(())), sent(Err(ClientError::Interrupted)), sent(Err(reason.clone()))];
        assert_eq!(first_failure(all), Err(reason));
        assert_eq!(first_failure(vec![sent(Err(ClientError::Interrupted))]), Err(ClientError::Interrupted));
        assert_eq!(first_failure(vec![sent(Ok(()))]), Ok(()));
    }
}
