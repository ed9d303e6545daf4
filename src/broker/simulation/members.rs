//! Groups: commits from outside, and the members of a group of the newer protocol.

use std::net::{IpAddr, Ipv4Addr};

use super::Outcome;
use super::world::World;
use crate::base::{ErrorCode, Offset, PartitionId, TopicName, TopicPartition};
use crate::broker::groups::{Committer, Heartbeat, OffsetValue, Pledge};
use crate::broker::partition::Kept;
use crate::protocol::kafka::api::ConsumerGroupHeartbeatRequest;
use crate::protocol::kafka::api::consumer_group_heartbeat::TopicPartitions;

const GROUP: &str = "members";
const JOIN: i32 = 0;
const NEWEST_VERSION: i16 = 1;

/// A commit, or its deletion, that waits to count: the group, and which of its commits it is.
pub(super) struct Pledged {
    group: String,
    number: usize,
    pledge: Pledge,
}

/// A member, as it knows itself: by the answers it got.
#[derive(Default)]
pub(super) struct Member {
    epoch: i32,
    assigned: Vec<TopicPartitions>,
    /// An answer that is not safe yet.
    /// Heartbeats since the last answer that were not answered, though they may have counted.
    pub lost_answers: u32,
    waits: Option<(i32, Option<Vec<TopicPartitions>>, Pledge)>,
}

fn plain() -> TopicPartition {
    TopicPartition { topic: TopicName::new("Plain").expect("valid"), partition: PartitionId(0) }
}

impl World {
    pub(super) fn commit(&mut self) -> Outcome {
        let group = format!("group-{}", self.chance.below(4));
        self.next_id += 1;
        // Now further on, now back, as whoever commits likes it; never twice the same.
        let offset = (self.next_id as i64) << 8 | self.chance.below(256) as i64;
        let offset = if self.chance.one_in(4) { offset ^ i64::from(u32::MAX) } else { offset };
        let (core, now) = (self.core(), self.now());
        let value = OffsetValue::plain(Offset(offset), now);
        let pledge = core.groups().commit(&core, &group, &Committer::OUTSIDER, vec![(plain(), value)], now);
        self.pledged(group, Some(offset), pledge)
    }

    pub(super) fn delete_commit(&mut self) -> Outcome {
        let group = format!("group-{}", self.chance.below(4));
        let (core, now) = (self.core(), self.now());
        match core.groups().delete_offsets(&core, &group, vec![plain()], now) {
            Err(ErrorCode::GroupIdNotFound) | Ok((_, None)) => Ok(()),
            Ok((_, Some(pledge))) => self.pledged(group, None, Ok(pledge)),
            Err(code) => self.pledged(group, None, Err(code)),
        }
    }

    fn pledged(&mut self, group: String, commit: Option<i64>, pledge: Result<Pledge, ErrorCode>) -> Outcome {
        // With nothing kept back, commits wait for the housekeeper to find room.
        let is_calm = self.is_calm() && !self.core().reserve().is_exhausted();
        let commits = self.expected.commits.entry(group.clone()).or_default();
        // Refused or not, it may have reached the disk.
        commits.all.push(commit);
        let number = commits.all.len();
        match pledge {
            Ok(pledge) => self.pledges.push(Pledged { group, number, pledge }),
            Err(code) if is_calm => return Err(format!("group {group} can't commit: {code}")),
            Err(_) => {}
        }
        Ok(())
    }

    pub(super) fn heartbeat(&mut self) -> Outcome {
        let (core, now) = (self.core(), self.now());
        let n = self.chance.below(self.members.len());
        let member = &self.members[n];
        if member.waits.is_some() {
            return Ok(());
        }
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.to_owned(),
            member_id: format!("member-{n}"),
            member_epoch: member.epoch,
            rebalance_timeout_ms: 60_000,
            subscribed_topic_names: Some(vec!["Plain".to_owned()]),
            topic_partitions: Some(member.assigned.clone()),
            ..Default::default()
        };
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let from = Heartbeat { request: &request, version: NEWEST_VERSION, client_id: "simulation", address };
        match core.groups().consumer_heartbeat(&core, &from, now) {
            Ok((response, pledge)) => {
                let assigned = response.assignment.map(|assignment| assignment.topic_partitions);
                match pledge {
                    Some(pledge) => self.members[n].waits = Some((response.member_epoch, assigned, pledge)),
                    None => self.members[n].answered(n, response.member_epoch, assigned)?,
                }
                Ok(())
            }
            Err(refusal) => match refusal.code {
                // One lost answer is made good (KIP-848's previous epoch); after two, Kafka lets the member join anew, too.
                ErrorCode::FencedMemberEpoch if self.members[n].lost_answers > 1 => {
                    self.members[n] = Member::new();
                    Ok(())
                }
                ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::GroupIdNotFound => {
                    let Member { epoch, .. } = self.members[n];
                    Err(format!("member {n} of epoch {epoch} is not known any more: {}", refusal.message))
                }
                _ if self.is_calm() => Err(format!("member {n} is refused: {}", refusal.message)),
                _ => Ok(()),
            },
        }
    }

    /// Takes note of what counts by now.
    pub(super) fn settle_groups(&mut self) -> Outcome {
        let (core, now) = (self.core(), self.now());
        for pledged in std::mem::take(&mut self.pledges) {
            match pledged.pledge.look(&core, now) {
                Kept::NotYet => self.pledges.push(pledged),
                Kept::Never => {}
                Kept::Yes => {
                    let commits = self.expected.commits.entry(pledged.group).or_default();
                    commits.counted = commits.counted.max(pledged.number);
                }
            }
        }
        for (n, member) in self.members.iter_mut().enumerate() {
            let Some((epoch, assigned, pledge)) = member.waits.take() else { continue };
            match pledge.look(&core, now) {
                Kept::NotYet => member.waits = Some((epoch, assigned, pledge)),
                Kept::Never => member.lost_answers += 1,
                Kept::Yes => member.answered(n, epoch, assigned)?,
            }
        }
        Ok(())
    }

    pub(super) fn check_groups(&mut self) -> Outcome {
        let (core, now) = (self.core(), self.now());
        for (group, commits) in &mut self.expected.commits {
            // Who asks is told to ask again.
            if core.groups().check_read(&core, group).is_err() {
                continue;
            }
            let found = core.groups().committed(&core, group, now);
            commits.check(group, found.values().map(|committed| committed.offset.0).next())?;
        }
        Ok(())
    }

    pub(super) fn forget_group_answers(&mut self) {
        self.pledges.clear();
        self.members.iter_mut().for_each(|member| member.lost_answers += u32::from(member.waits.take().is_some()));
    }
}

impl Member {
    pub fn new() -> Member {
        Member { epoch: JOIN, ..Member::default() }
    }

    fn answered(&mut self, n: usize, epoch: i32, assigned: Option<Vec<TopicPartitions>>) -> Outcome {
        if epoch < self.epoch {
            return Err(format!("member {n} was in epoch {}, and is in {epoch} now", self.epoch));
        }
        (self.epoch, self.lost_answers) = (epoch, 0);
        if let Some(assigned) = assigned {
            self.assigned = assigned;
        }
        Ok(())
    }
}
