//! Where the reading of each partition starts, and where it is to stop.

use std::collections::BTreeMap;

use crate::base::{Offset, OffsetSpec, TopicName, TopicPartition};
use crate::client::consumer::{Bounds, Isolation, bounds, resolve};
use crate::client::{ClientError, Cluster};

/// What is to be read of one partition.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) place: TopicPartition,
    pub(super) start: Offset,
    /// None: on and on.
    pub(super) stop: Option<Offset>,
    /// What the group had committed.
    pub(super) stored: Option<Offset>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) from: OffsetSpec,
    pub(super) until: Option<OffsetSpec>,
    pub(super) follow: bool,
    pub(super) isolation: Isolation,
    /// What is stored does not count, the first time.
    pub(super) reset: bool,
    /// The partitions there were when the program started, and their bounds then.
    at_start: BTreeMap<TopicPartition, Bounds>,
    is_first: bool,
}

impl Plan {
    pub(super) fn new(from: OffsetSpec, until: Option<OffsetSpec>, follow: bool, isolation: Isolation) -> Plan {
        Plan { from, until, follow, isolation, reset: false, at_start: BTreeMap::new(), is_first: true }
    }

    /// Keeps in mind where things are now: the end to be reached is the end as it was at the start.
    pub(super) fn look(&mut self, cluster: &mut Cluster, places: &[TopicPartition]) -> Result<(), ClientError> {
        let bounds = bounds(cluster, places, self.isolation)?;
        self.at_start = places.iter().cloned().zip(bounds).collect();
        Ok(())
    }

    /// What is known of a topic is of one that is gone: another of that name is read from its first record on.
    pub(super) fn forget(&mut self, topic: &TopicName) {
        self.at_start.retain(|place, _| place.topic != *topic);
    }

    /// What is to be read of these. `stored` is what the group has committed for each, and `gone_on` where this program
    /// had come to if nobody has read on since.
    pub(super) fn stretches(
        &mut self,
        cluster: &mut Cluster,
        places: &[TopicPartition],
        stored: &[Option<Offset>],
        gone_on: &[Option<Offset>],
    ) -> Result<Vec<Stretch>, ClientError> {
        // Others may have read on since the start, and more may have come.
        let holds = |bounds: &Bounds, stored: Option<Offset>| stored.is_none_or(|stored| stored <= bounds.end);
        let known = places.iter().zip(stored).map(|(place, stored)| {
            self.at_start.get(place).copied().filter(|bounds| self.is_first && holds(bounds, *stored))
        });
        let bounds = match known.collect::<Option<Vec<Bounds>>>() {
            Some(known) => known,
            None => bounds(cluster, places, self.isolation)?,
        };
        let asked = resolve(cluster, places, &bounds, stored, self.from, self.isolation)?;
        let until = match self.until {
            Some(spec) => {
                resolve(cluster, places, &bounds, stored, spec, self.isolation)?.into_iter().map(Some).collect()
            }
            None => vec![None; places.len()],
        };
        let reset = self.reset && self.is_first;
        self.is_first = false;
        let stretch = |i: usize| {
            let (place, now) = (places[i].clone(), bounds[i]);
            let at_start = self.at_start.get(&place);
            // A partition that came into being meanwhile is read from its first record on, whatever -o says.
            let asked = if at_start.is_some() { asked[i] } else { now.start };
            let start = gone_on[i].or(stored[i].filter(|_| !reset)).unwrap_or(asked);
            if start < now.start || start > now.end {
                let (topic, partition) = (place.topic.to_string(), place.partition);
                let Bounds { start: first, end } = now;
                return Err(ClientError::OffsetOutOfRange { topic, partition, offset: start, start: first, end });
            }
            let end = at_start.map_or(now.start, |bounds| bounds.end);
            let stop = match (self.follow, until[i]) {
                (true, until) => until,
                (false, until) => Some(until.map_or(end, |until| until.min(end)).max(start)),
            };
            Ok(Stretch { place, start, stop, stored: stored[i] })
        };
        (0..places.len()).map(stretch).collect()
    }
}
