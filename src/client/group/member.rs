//! One member of a classic group, as decisions only: what to ask the coordinator next, what its answers mean. No
//! socket, no clock, no thread.
//!
//! Two ways, by the assignor that the group has chosen. Under `cooperative-sticky` (KIP-429) a member goes on reading
//! while the group rebalances, gives up what it has lost afterwards, and joins once more when that is done. Under
//! `range` it gives up everything before it joins. Which of the two it will be is known only from JoinGroup's answer;
//! who still reads when a group changes from the first to the second gives up everything then, and joins again.
//!
//! Always holds: what is owned according to a JoinGroup is what is still read, at least; so nobody else gets it.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;

use super::MemberConfig;
use super::sharing::{Counts, share};
use super::subscriber::{Subscriber, by_topic, places};
use crate::base::{ErrorCode, TopicName, TopicPartition};
use crate::client::ClientError;
use crate::config::Assignor;
use crate::protocol::kafka::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::kafka::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::kafka::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::protocol::kafka::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use crate::protocol::kafka::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use crate::protocol::kafka::consumer_protocol::{
    CONSUMER_PROTOCOL_VERSION, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};

const PROTOCOL_TYPE: &str = "consumer";

/// What is to be asked; one thing at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ask {
    Join(JoinGroupRequest),
    Topics(MetadataRequest),
    Sync(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next {
    Ask(Ask),
    /// Nothing before then, unless something else happens.
    Wait(Instant),
}

#[derive(Debug)]
enum Phase {
    /// To enter the next generation, but not before then.
    Joining(Instant),
    /// Leads the new generation, and has to know which partitions there are.
    Learning(Vec<Subscriber>),
    /// To hand in what the others get, if it leads, and to take its own share.
    Syncing(Vec<SyncGroupRequestAssignment>),
    Stable,
}

/// Why a member that has its share is to join again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejoin {
    /// Everybody is to.
    Rebalance,
    /// It has less than before: when that is given up, others can have it.
    GivesUp,
}

#[derive(Debug)]
pub(super) struct Member {
    config: MemberConfig,
    id: String,
    generation: i32,
    assignor: Assignor,
    phase: Phase,
    rejoin: Option<Rejoin>,
    /// What the group has given it; none before the first time.
    given: Option<BTreeSet<TopicPartition>>,
    /// What is still being read.
    held: BTreeSet<TopicPartition>,
    /// What the last JoinGroup claimed.
    claimed: BTreeSet<TopicPartition>,
    /// How often everything was lost: the group went on without this member.
    losses: u32,
    heartbeat_at: Instant,
    led: Option<Led>,
}

/// What the leader of a generation watches over.
#[derive(Debug)]
struct Led {
    topics: BTreeSet<TopicName>,
    counts: Counts,
    is_complete: bool,
    look_at: Instant,
}

impl Member {
    pub(super) fn new(config: MemberConfig, now: Instant) -> Member {
        Member {
            assignor: config.assignors.first().copied().unwrap_or(Assignor::Range),
            config,
            id: String::new(),
            generation: -1,
            phase: Phase::Joining(now),
            rejoin: None,
            given: None,
            held: BTreeSet::new(),
            claimed: BTreeSet::new(),
            losses: 0,
            heartbeat_at: now,
            led: None,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    pub(super) fn losses(&self) -> u32 {
        self.losses
    }

    /// What is to be read now; none before the group has said so for the first time.
    pub(super) fn wanted(&self) -> Option<BTreeSet<TopicPartition>> {
        let gives_up_all = !self.is_cooperative() && self.rejoin.is_some();
        if gives_up_all { self.given.as_ref().map(|_| BTreeSet::new()) } else { self.given.clone() }
    }

    /// Whether the group is at rest and has shared everything out; none if only the coordinator knows.
    pub(super) fn is_settled(&self) -> Option<bool> {
        if !matches!(self.phase, Phase::Stable) || self.rejoin.is_some() {
            return Some(false);
        }
        self.led.as_ref().map(|led| led.is_complete)
    }

    /// What is still being read.
    pub(super) fn holds(&mut self, held: BTreeSet<TopicPartition>) {
        self.held = held;
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        match &self.phase {
            Phase::Joining(at) if now < *at => return Next::Wait(*at),
            Phase::Joining(_) => return Next::Ask(self.join()),
            Phase::Learning(members) => {
                let topics = members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
                return Next::Ask(topics_request(&topics));
            }
            Phase::Syncing(assignments) => return Next::Ask(self.sync(assignments.clone())),
            Phase::Stable => {}
        }
        if self.may_rejoin() {
            self.phase = Phase::Joining(now);
            return Next::Ask(self.join());
        }
        if now >= self.heartbeat_at {
            self.heartbeat_at = now + self.config.heartbeat_interval;
            return Next::Ask(Ask::Heartbeat(HeartbeatRequest {
                group_id: self.config.group.clone(),
                generation_id: self.generation,
                member_id: self.id.clone(),
                group_instance_id: self.config.instance.clone(),
            }));
        }
        match &mut self.led {
            Some(led) if now >= led.look_at => {
                led.look_at = now + self.config.metadata_max_age;
                Next::Ask(topics_request(&led.topics))
            }
            Some(led) => Next::Wait(self.heartbeat_at.min(led.look_at)),
            None => Next::Wait(self.heartbeat_at),
        }
    }

    fn is_cooperative(&self) -> bool {
        self.assignor == Assignor::CooperativeSticky
    }

    fn may_rejoin(&self) -> bool {
        let given_up = || self.given.as_ref().is_none_or(|given| self.held.is_subset(given));
        match self.rejoin {
            None => false,
            Some(_) if !self.is_cooperative() => self.held.is_empty(),
            Some(Rejoin::Rebalance) => true,
            Some(Rejoin::GivesUp) => given_up(),
        }
    }

    fn join(&mut self) -> Ask {
        self.led = None;
        if !self.is_cooperative() && self.held.is_empty() {
            self.given = self.given.take().map(|_| BTreeSet::new());
        }
        self.claimed = self.given.iter().flatten().chain(&self.held).cloned().collect();
        let said = ConsumerProtocolSubscription {
            topics: self.config.topics.iter().map(ToString::to_string).collect(),
            user_data: None,
            owned_partitions: by_topic(&self.claimed),
            generation_id: self.generation,
            rack_id: self.config.rack.clone(),
        };
        let protocol = |assignor: &Assignor| {
            // Java's leaders before KIP-792 look for the generation here.
            let user_data = Bytes::copy_from_slice(&self.generation.to_be_bytes());
            let user_data = Some(user_data).filter(|_| *assignor == Assignor::CooperativeSticky);
            let said = ConsumerProtocolSubscription { user_data, ..said.clone() };
            JoinGroupRequestProtocol {
                name: assignor.name().to_owned(),
                metadata: said.to_bytes(CONSUMER_PROTOCOL_VERSION),
            }
        };
        let reason = match self.rejoin {
            None => None,
            Some(Rejoin::Rebalance) => Some("the group rebalances".to_owned()),
            Some(Rejoin::GivesUp) => Some("partitions were given up".to_owned()),
        };
        Ask::Join(JoinGroupRequest {
            group_id: self.config.group.clone(),
            session_timeout_ms: ms(self.config.session_timeout),
            rebalance_timeout_ms: ms(self.config.rebalance_timeout),
            member_id: self.id.clone(),
            group_instance_id: self.config.instance.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: self.config.assignors.iter().map(protocol).collect(),
            reason,
        })
    }

    fn sync(&self, assignments: Vec<SyncGroupRequestAssignment>) -> Ask {
        Ask::Sync(SyncGroupRequest {
            group_id: self.config.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.config.instance.clone(),
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: Some(self.assignor.name().to_owned()),
            assignments,
        })
    }

    /// JoinGroup's answer. An error that is retriable is to be met by looking for the coordinator again.
    pub(super) fn joined(&mut self, answer: &JoinGroupResponse, now: Instant) -> Result<(), ClientError> {
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => {
                self.id.clone_from(&answer.member_id);
                self.phase = Phase::Joining(now);
                return Ok(());
            }
            ErrorCode::RebalanceInProgress => {
                self.phase = Phase::Joining(now + self.config.retry_backoff);
                return Ok(());
            }
            code => return self.refused("joining", code, now),
        }
        let chosen = answer.protocol_name.as_deref().unwrap_or_default();
        let Some(assignor) = self.config.assignors.iter().find(|assignor| assignor.name() == chosen) else {
            let what = format!("joining group \"{}\"", self.config.group);
            let message = Some(format!("it chose \"{chosen}\", which was not offered"));
            return Err(ClientError::Refused { what, code: ErrorCode::InconsistentGroupProtocol, message });
        };
        self.assignor = *assignor;
        self.generation = answer.generation_id;
        self.id.clone_from(&answer.member_id);
        self.rejoin = None;
        let leads = answer.leader == answer.member_id && !answer.skip_assignment;
        self.phase = if leads {
            Phase::Learning(answer.members.iter().map(Subscriber::read).collect())
        } else {
            Phase::Syncing(Vec::new())
        };
        Ok(())
    }

    /// Metadata's answer: to the leader of a new generation what there is to share; later, whether that has changed.
    pub(super) fn learned(&mut self, answer: &MetadataResponse, now: Instant) {
        let known = self.led.as_ref().map(|led| &led.counts);
        let count = |topic: &TopicName| {
            let found = answer.topics.iter().find(|found| found.name.as_deref() == Some(topic.as_str()));
            let before = known.and_then(|known| known.get(topic)).copied();
            let found = match found.map(|found| (ErrorCode::from_code(found.error_code), found.partitions.len())) {
                Some((ErrorCode::None | ErrorCode::LeaderNotAvailable, count)) if count > 0 => {
                    i32::try_from(count).ok()
                }
                Some((code, _)) if code.is_retriable() && code != ErrorCode::UnknownTopicOrPartition => before,
                _ => None,
            };
            found.map(|count| (topic.clone(), count))
        };
        let look_at = now + self.config.metadata_max_age;
        if let Phase::Learning(members) = &self.phase {
            let topics: BTreeSet<TopicName> = members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
            let counts: Counts = topics.iter().filter_map(count).collect();
            let shares = share(self.assignor, members, &counts);
            let assignments = members.iter().zip(&shares.of).map(|(member, share)| {
                let said = ConsumerProtocolAssignment { assigned_partitions: by_topic(share), user_data: None };
                let assignment = said.to_bytes(CONSUMER_PROTOCOL_VERSION);
                SyncGroupRequestAssignment { member_id: member.id.clone(), assignment }
            });
            self.phase = Phase::Syncing(assignments.collect());
            self.led = Some(Led { topics, counts, is_complete: shares.is_complete, look_at });
        } else if let Some(led) = &self.led {
            let counts: Counts = led.topics.iter().filter_map(count).collect();
            if counts != led.counts {
                self.rejoin = Some(Rejoin::Rebalance);
            }
        }
    }

    /// SyncGroup's answer.
    pub(super) fn synced(&mut self, answer: &SyncGroupResponse, now: Instant) -> Result<(), ClientError> {
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {}
            ErrorCode::RebalanceInProgress => {
                self.phase = Phase::Joining(now);
                return Ok(());
            }
            code => return self.refused("taking a share of", code, now),
        }
        let given = if answer.assignment.is_empty() {
            BTreeSet::new()
        } else {
            let said = ConsumerProtocolAssignment::from_bytes(answer.assignment.clone()).map_err(|e| {
                let what = format!("the share that the leader of group \"{}\" assigned", self.config.group);
                ClientError::Refused { what, code: ErrorCode::CorruptMessage, message: Some(e.to_string()) }
            })?;
            places(said.assigned_partitions)
        };
        self.rejoin = match self.is_cooperative() {
            // Others joined while all of this was being read: they can have it only when it has been given up.
            false if !self.claimed.is_empty() => Some(Rejoin::Rebalance),
            false => None,
            true if self.claimed.is_subset(&given) => None,
            true => Some(Rejoin::GivesUp),
        };
        self.given = Some(given);
        self.phase = Phase::Stable;
        self.heartbeat_at = now + self.config.heartbeat_interval;
        Ok(())
    }

    /// Heartbeat's answer.
    pub(super) fn beaten(&mut self, answer: &HeartbeatResponse, now: Instant) -> Result<(), ClientError> {
        match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => Ok(()),
            ErrorCode::RebalanceInProgress => {
                self.rejoin = Some(Rejoin::Rebalance);
                Ok(())
            }
            code => self.refused("staying in", code, now),
        }
    }

    fn refused(&mut self, action: &str, code: ErrorCode, now: Instant) -> Result<(), ClientError> {
        match code {
            ErrorCode::UnknownMemberId => {
                self.lose(now);
                self.id.clear();
                Ok(())
            }
            ErrorCode::IllegalGeneration => {
                self.lose(now);
                Ok(())
            }
            code => {
                let what = format!("{action} group \"{}\"", self.config.group);
                Err(ClientError::Refused { what, code, message: None })
            }
        }
    }

    /// The group has gone on without this member: nothing that was given counts any more.
    fn lose(&mut self, now: Instant) {
        let has_given = self.given.as_ref().is_some_and(|given| !given.is_empty());
        if has_given || !self.held.is_empty() {
            self.losses += 1;
        }
        self.given = self.given.take().map(|_| BTreeSet::new());
        self.held.clear();
        self.generation = -1;
        self.rejoin = None;
        self.led = None;
        self.phase = Phase::Joining(now);
    }

    /// The connection broke: what was asked last is asked again, of whoever coordinates then.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.heartbeat_at = now;
    }

    /// The words to leave with; none if it is no member, or one whose place is kept (KIP-345).
    pub(super) fn leave(&self) -> Option<LeaveGroupRequest> {
        if self.id.is_empty() || self.config.instance.is_some() {
            return None;
        }
        let reason = Some("the consumer ends".to_owned());
        Some(LeaveGroupRequest {
            group_id: self.config.group.clone(),
            member_id: self.id.clone(),
            members: vec![MemberIdentity { member_id: self.id.clone(), group_instance_id: None, reason }],
        })
    }
}

fn topics_request(topics: &BTreeSet<TopicName>) -> Ask {
    let topic = |name: &TopicName| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
    Ask::Topics(MetadataRequest {
        topics: Some(topics.iter().map(topic).collect()),
        allow_auto_topic_creation: false,
        ..Default::default()
    })
}

fn ms(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
