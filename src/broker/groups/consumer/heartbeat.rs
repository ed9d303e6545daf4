//! A heartbeat of a member that joins or stays (Kafka's `GroupMetadataManager.consumerGroupHeartbeat`): first the member
//! itself, then what the group is to read, then who is to read what, then this member's next step towards that.

use std::collections::{BTreeMap, BTreeSet};

use super::super::assign::{Partitions, Subscriber, Topics};
use super::super::records::consumer::{Change, CurrentAssignment, GroupMetadata, MatchedTopics, MemberMetadata};
use super::expression;
use super::group::{ConsumerGroup, Member};
use super::reconcile::{Target, step};
use super::request::{Heartbeat, Refusal};
use super::topology::Topology;
use crate::base::{ErrorCode, Now, Uuid};
use crate::config::ConsumerGroupConfig;
use crate::protocol::kafka::api::ConsumerGroupHeartbeatResponse;
use crate::protocol::kafka::api::consumer_group_heartbeat::{Assignment, TopicPartitions};

/// What a group is held against.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub topology: &'a Topology,
    pub config: &'a ConsumerGroupConfig,
    pub now: Now,
}

/// What follows from a heartbeat: the answer may go out once the changes are safe.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub response: ConsumerGroupHeartbeatResponse,
    /// In this order, and together or not at all.
    pub changes: Vec<Change>,
    /// `None`: it left.
    pub(super) heard: Option<Heard>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub member_id: String,
    /// What it has, or is to give up, is another than before.
    pub has_moved: bool,
}

/// The member that speaks, before it is heard.
struct Speaker {
    id: String,
    member: Member,
    /// The member whose place it takes: a static one that had left for a while.
    replaces: Option<String>,
}

/// The members as they will be, without the one that is replaced.
type View<'a> = BTreeMap<&'a str, &'a MemberMetadata>;
type Expressions<'a> = BTreeMap<&'a str, BTreeSet<String>>;

impl ConsumerGroup {
    /// Judges a heartbeat that [`Heartbeat::check`] let pass.
    pub fn heartbeat(&self, from: &Heartbeat<'_>, around: &Surroundings<'_>) -> Result<Decision, Refusal> {
        if from.leaves() {
            return self.leave(from, around.topology);
        }
        let owned = from.owned();
        let speaker = self.speaker(from, around.config, owned.as_ref())?;
        let mut changes = Vec::new();
        if let Some(replaced) = &speaker.replaces {
            changes.extend(ConsumerGroup::tombstones_of(replaced));
        }

        let stored = self.members.get(&speaker.id);
        let metadata = speaker.updated(from);
        if stored.is_none_or(|member| member.metadata != metadata) {
            changes.push(Change::Member(speaker.id.clone(), Some(metadata.clone())));
        }
        let before = &speaker.member.metadata;
        let is_new = stored.is_none() && speaker.replaces.is_none();
        let subscribes_anew = is_new || before.topics != metadata.topics || before.expression != metadata.expression;

        let view = self.view(&speaker, &metadata);
        let mut epoch = self.epoch;
        let mut expressions = None;
        if subscribes_anew || self.seen_topology != around.topology.version() {
            let matched = self.match_expressions(&view, around, &mut changes);
            let topics_hash = around.topology.hash(subscribed(&view, &matched));
            if subscribes_anew || topics_hash != self.topics_hash {
                epoch = epoch.saturating_add(1);
                changes.push(Change::Group(Some(GroupMetadata { epoch, topics_hash })));
            }
            expressions = Some(matched);
        }

        let had = speaker.replaces.as_ref().unwrap_or(&speaker.id);
        let mut target = self.targets.get(had).cloned().unwrap_or_default();
        let mut target_epoch = self.target_epoch;
        if epoch > self.target_epoch {
            let expressions = expressions.unwrap_or_else(|| self.known_expressions());
            let mut targets = self.assign(&speaker, &view, &expressions, around);
            target = targets.get(speaker.id.as_str()).cloned().unwrap_or_default();
            targets.retain(|id, target| self.targets.get(id) != Some(target));
            changes.extend(targets.into_iter().map(|(id, target)| Change::Target(id, Some(target))));
            changes.push(Change::TargetEpoch(Some(epoch)));
            target_epoch = epoch;
        } else if speaker.replaces.is_some() {
            changes.push(Change::Target(speaker.id.clone(), Some(target.clone())));
        }

        let next = self.next_step(&speaker, &Target { epoch: target_epoch, partitions: &target }, owned.as_ref())?;
        let has_moved = stored.is_none_or(|member| member.current != next);
        let is_given_others = speaker.member.current.assigned != next.assigned;
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(speaker.id.clone()),
            member_epoch: next.epoch,
            heartbeat_interval_ms: i32::try_from(around.config.heartbeat_interval_ms).unwrap_or(i32::MAX),
            assignment: (from.is_full() || is_given_others).then(|| to_wire(&next.assigned)),
            ..Default::default()
        };
        if has_moved {
            changes.push(Change::Current(speaker.id.clone(), Some(next)));
        }
        Ok(Decision { response, changes, heard: Some(Heard { member_id: speaker.id, has_moved }) })
    }

    fn speaker(
        &self,
        from: &Heartbeat<'_>,
        config: &ConsumerGroupConfig,
        owned: Option<&Partitions>,
    ) -> Result<Speaker, Refusal> {
        let request = from.request;
        let id = match request.member_id.as_str() {
            "" => Uuid::random().to_string(),
            id => id.to_owned(),
        };
        if let Some(instance) = &request.instance_id {
            match self.instances.get(instance) {
                Some(other) if *other != id && from.joins() => return self.replace(id, other, instance),
                Some(other) if *other != id => return Err(fenced_instance(&id, instance, other)),
                None if !from.joins() => return Err(unknown_instance(instance)),
                _ => {}
            }
        }
        let member = match self.members.get(&id) {
            // A member that begins anew, because it was fenced or never heard the answer, has nothing: it says so.
            Some(member) if from.joins() => Member { current: CurrentAssignment::default(), ..member.clone() },
            Some(member) => {
                check_epoch(member, request.member_epoch, owned)?;
                member.clone()
            }
            None if from.joins() => {
                self.check_room(config)?;
                Member::default()
            }
            None => self.member(&id)?.clone(),
        };
        Ok(Speaker { id, member, replaces: None })
    }

    /// A static member comes back under a new id, and goes on with what it had.
    fn replace(&self, id: String, other: &str, instance: &str) -> Result<Speaker, Refusal> {
        let member = self.member(other)?;
        if !ConsumerGroup::is_away(member) {
            let sentence = format!(
                "Static member {id} with instance id {instance} cannot join the group because the instance id is owned by \
                 {other} member."
            );
            return Err(Refusal::new(ErrorCode::UnreleasedInstanceId, sentence));
        }
        ::log::info!("group {:?}: static member {instance:?} is back, as {id:?} instead of {other:?}", self.id);
        let current = CurrentAssignment { epoch: 0, previous_epoch: 0, ..member.current.clone() };
        let member = Member { current, ..member.clone() };
        Ok(Speaker { id, member, replaces: Some(other.to_owned()) })
    }

    fn check_room(&self, config: &ConsumerGroupConfig) -> Result<(), Refusal> {
        if self.members.len() < config.members_max {
            return Ok(());
        }
        let sentence =
            format!("The consumer group has reached its maximum capacity of {} members.", config.members_max);
        Err(Refusal::new(ErrorCode::GroupMaxSizeReached, sentence))
    }

    fn view<'a>(&'a self, speaker: &'a Speaker, metadata: &'a MemberMetadata) -> View<'a> {
        let mut view: View<'a> = self.members.iter().map(|(id, member)| (id.as_str(), &member.metadata)).collect();
        if let Some(replaced) = &speaker.replaces {
            view.remove(replaced.as_str());
        }
        view.insert(&speaker.id, metadata);
        view
    }

    /// What the expressions in use match now, and the records of what is new about that.
    fn match_expressions<'a>(
        &self,
        view: &View<'a>,
        around: &Surroundings<'_>,
        changes: &mut Vec<Change>,
    ) -> Expressions<'a> {
        let mut expressions = Expressions::new();
        for expression in view.values().filter_map(|metadata| metadata.expression.as_deref()) {
            expressions.entry(expression).or_insert_with(|| expression::matches(expression, around.topology));
        }
        for (expression, topics) in &expressions {
            if self.expressions.get(*expression).is_none_or(|known| known.topics != *topics) {
                let matched = MatchedTopics {
                    topics: topics.clone(),
                    version: around.topology.version().cast_signed(),
                    timestamp: around.now.wall_ms,
                };
                changes.push(Change::Expression((*expression).to_owned(), Some(matched)));
            }
        }
        let unused = self.expressions.keys().filter(|expression| !expressions.contains_key(expression.as_str()));
        changes.extend(unused.map(|expression| Change::Expression(expression.clone(), None)));
        expressions
    }

    pub(super) fn known_expressions(&self) -> Expressions<'_> {
        self.expressions.iter().map(|(expression, known)| (expression.as_str(), known.topics.clone())).collect()
    }

    /// Who is to read what.
    fn assign(
        &self,
        speaker: &Speaker,
        view: &View<'_>,
        expressions: &Expressions<'_>,
        around: &Surroundings<'_>,
    ) -> BTreeMap<String, Partitions> {
        let nothing = Partitions::default();
        let mut topics = Topics::new();
        let mut subscribers = Vec::with_capacity(view.len());
        for (member_id, metadata) in view {
            let shapes = names_of(metadata, expressions).filter_map(|name| around.topology.topic(name));
            let mut reads = BTreeSet::new();
            for shape in shapes {
                reads.insert(shape.id);
                topics.insert(shape.id, shape.partitions);
            }
            let replaced = speaker.replaces.as_deref().filter(|_| *member_id == speaker.id);
            let has = self.targets.get(replaced.unwrap_or(member_id)).unwrap_or(&nothing);
            subscribers.push(Subscriber {
                member_id,
                instance_id: metadata.instance_id.as_deref(),
                topics: reads,
                has,
            });
        }
        let assignor = ConsumerGroup::preferred_assignor(view.values().copied(), around.config);
        ::log::debug!("group {:?}: assigning {} topics to {} members", self.id, topics.len(), view.len());
        assignor.assign(subscribers, &topics)
    }

    fn next_step(
        &self,
        speaker: &Speaker,
        target: &Target<'_>,
        owned: Option<&Partitions>,
    ) -> Result<CurrentAssignment, Refusal> {
        let is_taken = |topic, partition| {
            self.owner(topic, partition)
                .is_some_and(|owner| owner != speaker.id && Some(owner) != speaker.replaces.as_deref())
        };
        step(&speaker.member.current, target, is_taken, owned)
    }
}

impl Speaker {
    /// What the member says of itself; what it leaves out is as it was.
    fn updated(&self, from: &Heartbeat<'_>) -> MemberMetadata {
        let request = from.request;
        let mut metadata = self.member.metadata.clone();
        metadata.client_id = from.client_id.to_owned();
        // Kafka keeps it as Java prints an address.
        metadata.client_host = format!("/{}", from.address);
        if request.instance_id.is_some() {
            metadata.instance_id.clone_from(&request.instance_id);
        }
        if request.rack_id.is_some() {
            metadata.rack_id.clone_from(&request.rack_id);
        }
        if request.rebalance_timeout_ms != -1 {
            metadata.rebalance_timeout_ms = request.rebalance_timeout_ms;
        }
        if let Some(topics) = &request.subscribed_topic_names {
            metadata.topics = topics.iter().cloned().collect();
        }
        if let Some(expression) = &request.subscribed_topic_regex {
            metadata.expression = Some(expression.clone()).filter(|expression| !expression.is_empty());
        }
        if request.server_assignor.is_some() {
            metadata.assignor.clone_from(&request.server_assignor);
        }
        metadata
    }
}

fn names_of<'a>(metadata: &'a MemberMetadata, expressions: &'a Expressions<'_>) -> impl Iterator<Item = &'a str> {
    let matched = metadata.expression.as_deref().and_then(|expression| expressions.get(expression));
    metadata.topics.iter().chain(matched.into_iter().flatten()).map(String::as_str)
}

/// Every topic that somebody reads, in order.
pub(super) fn subscribed<'a>(view: &View<'a>, expressions: &'a Expressions<'_>) -> BTreeSet<&'a str> {
    view.values().flat_map(|metadata| names_of(metadata, expressions)).collect()
}

/// A member comes with the epoch it was told, or with the one before, if the answer did not reach it: then it has no
/// more than what it was given.
fn check_epoch(member: &Member, received: i32, owned: Option<&Partitions>) -> Result<(), Refusal> {
    let known = member.current.epoch;
    let answer_was_lost = received == member.current.previous_epoch
        && owned.is_some_and(|owned| owned.is_subset_of(&member.current.assigned));
    if received == known || (received < known && answer_was_lost) {
        return Ok(());
    }
    let relation = if received > known { "greater" } else { "smaller" };
    let sentence = format!(
        "The consumer group member has a {relation} member epoch ({received}) than the one known by the group coordinator \
         ({known}). The member must abandon all its partitions and rejoin."
    );
    Err(Refusal::new(ErrorCode::FencedMemberEpoch, sentence))
}

pub(super) fn unknown_instance(instance: &str) -> Refusal {
    Refusal::new(ErrorCode::UnknownMemberId, format!("Instance id {instance} is unknown."))
}

pub(super) fn fenced_instance(id: &str, instance: &str, other: &str) -> Refusal {
    let sentence = format!("Static member {id} with instance id {instance} was fenced by member {other}.");
    Refusal::new(ErrorCode::FencedInstanceId, sentence)
}

fn to_wire(partitions: &Partitions) -> Assignment {
    let topic = |(topic_id, numbers): (Uuid, &BTreeSet<i32>)| TopicPartitions {
        topic_id,
        partitions: numbers.iter().copied().collect(),
    };
    Assignment { topic_partitions: partitions.topics().map(topic).collect() }
}
