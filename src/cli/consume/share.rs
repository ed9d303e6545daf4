//! A share of a group's partitions: what the group wants read, what has been committed, and the way out.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::positions::Positions;
use crate::base::{ErrorCode, Offset, TopicName, TopicPartition};
use crate::client::group::{GroupOffsets, GroupView, MemberConfig, Membership, describe};
use crate::client::{ClientConfig, ClientError, Cluster};

/// Before partitions are given up, what was written of them is committed; a group that changes again and again may
/// refuse it for a while.
const COMMIT_PATIENCE: Duration = Duration::from_secs(4);
/// Between two tries.
const COMMIT_PAUSE: Duration = Duration::from_millis(20);
/// A group that lets a person wait longer than this is spoken of.
const WAITING_IS_TOLD_AFTER: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Share {
    membership: Membership,
    offsets: GroupOffsets,
    topics: Vec<TopicName>,
    losses: u32,
    commits: bool,
    since: Instant,
    has_started: bool,
    waiting_told: bool,
}

/// What is to be done to follow the group.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Everything that was held belongs to others by now, maybe: the group went on without this member.
    pub(super) is_lost: bool,
    /// To be committed and given up.
    pub(super) gone: BTreeSet<TopicPartition>,
    pub(super) new: BTreeSet<TopicPartition>,
}

impl Share {
    pub(super) fn join(client: &ClientConfig, config: MemberConfig, commits: bool) -> std::io::Result<Share> {
        Ok(Share {
            offsets: GroupOffsets::new(config.group.clone()),
            topics: config.topics.iter().cloned().collect(),
            membership: Membership::join(client, config)?,
            losses: 0,
            commits,
            since: Instant::now(),
            has_started: false,
            waiting_told: false,
        })
    }

    pub(super) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Whether the group has given this member its first share, which may be empty.
    pub(super) fn has_started(&self) -> bool {
        self.has_started
    }

    pub(super) fn stored(
        &self,
        cluster: &mut Cluster,
        places: &[TopicPartition],
    ) -> Result<Vec<Option<Offset>>, ClientError> {
        self.offsets.committed(cluster, places)
    }

    /// What has changed since it was looked at last.
    pub(super) fn change(&mut self, held: &BTreeSet<TopicPartition>) -> Result<Change, ClientError> {
        let GroupView { wanted, losses, .. } = self.membership.view()?;
        let is_lost = std::mem::replace(&mut self.losses, losses) != losses;
        let Some(wanted) = wanted else { return Ok(Change { is_lost, ..Change::default() }) };
        self.has_started = true;
        let nothing = BTreeSet::new();
        let held = if is_lost { &nothing } else { held };
        Ok(Change { is_lost, gone: held - &wanted, new: &wanted - held })
    }

    /// Whether these may be read from now on; if not, the group has changed again.
    pub(super) fn take_up(&self, places: &BTreeSet<TopicPartition>) -> bool {
        self.membership.take_up(places, self.losses)
    }

    pub(super) fn give_up(&self, places: &BTreeSet<TopicPartition>) {
        self.membership.give_up(places);
    }

    /// Commits once. False: the group does not take it now, while it changes.
    pub(super) fn try_commit(&self, cluster: &mut Cluster, positions: &mut Positions) -> Result<bool, ClientError> {
        let new = positions.uncommitted();
        if new.is_empty() || !self.commits {
            return Ok(true);
        }
        match self.offsets.commit(cluster, &self.membership.committer(), &new) {
            Ok(()) => {
                positions.mark_committed(new);
                Ok(true)
            }
            Err(ClientError::Refused { code, .. }) if is_changing(code) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Commits, however often the group has to be asked. What it does not take in the end comes again elsewhere.
    pub(super) fn commit(&mut self, cluster: &mut Cluster, positions: &mut Positions) -> Result<(), ClientError> {
        let by = Instant::now() + COMMIT_PATIENCE;
        while !self.try_commit(cluster, positions)? {
            // After a loss it is too late: others have begun where the last commit ended.
            let is_lost = self.membership.view()?.losses != self.losses;
            if is_lost || Instant::now() >= by {
                ::log::warn!(
                    "group \"{}\" takes no more commits from this member; some records may come again elsewhere",
                    self.offsets.name()
                );
                return Ok(());
            }
            cluster.pause(COMMIT_PAUSE)?;
        }
        Ok(())
    }

    /// Whether the group is at rest and has everything shared out: then what is finished is finished.
    pub(super) fn is_settled(&self, cluster: &mut Cluster) -> Result<bool, ClientError> {
        let GroupView { wanted, is_settled, .. } = self.membership.view()?;
        if wanted.is_none() {
            return Ok(false);
        }
        if let Some(known) = is_settled {
            return Ok(known);
        }
        let mut places = Vec::new();
        for topic in &self.topics {
            let count = cluster.metadata().topic(topic.as_str()).map_or(0, |known| known.partition_count());
            places.extend((0..count).map(|partition| TopicPartition {
                topic: topic.clone(),
                partition: crate::base::PartitionId(partition),
            }));
        }
        Ok(describe(cluster, self.offsets.name())?.is_none_or(|group| group.is_settled(&places)))
    }

    /// When to say that the group makes us wait, if it is still to be said.
    pub(super) fn tell_waiting_at(&self) -> Option<Instant> {
        (!self.has_started && !self.waiting_told).then(|| self.since + WAITING_IS_TOLD_AFTER)
    }

    pub(super) fn tell_waiting(&mut self) {
        if self.tell_waiting_at().is_some_and(|at| Instant::now() >= at) {
            self.waiting_told = true;
            let group = self.offsets.name();
            ::log::warn!("waiting for group \"{group}\": other members have not answered yet, or may still come");
        }
    }
}

/// What a coordinator answers while the group has gone on, or goes on, to another generation.
fn is_changing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId)
}
