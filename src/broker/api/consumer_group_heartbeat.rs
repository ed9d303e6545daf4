//! ConsumerGroupHeartbeat: joins, stays in and leaves a group of the newer protocol (KIP-848).

use super::group_waits::WaitForWrites;
use super::{Answer, Context};
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::groups::{Heartbeat, Refusal};
use crate::protocol::kafka::api::ConsumerGroupHeartbeatRequest;

pub fn handle(context: Context<'_>, request: ConsumerGroupHeartbeatRequest) -> Answer {
    if let Err(refusal) = check(context, &request) {
        return context.envelope.reply(&refusal.response());
    }
    let from = Heartbeat {
        request: &request,
        version: context.envelope.version,
        client_id: context.caller.client_id.as_deref().unwrap_or_default(),
        address: context.caller.address.ip(),
    };
    match context.core.groups().consumer_heartbeat(context.core, &from, context.now) {
        Err(refusal) => context.envelope.reply(&refusal.response()),
        Ok((response, pledge)) => {
            WaitForWrites::answer(context, pledge.into_iter().collect(), move |envelope, _, outcomes| {
                match outcomes.first() {
                    // Whatever became of it, asking again is the thing to do.
                    Some(Err(_)) => {
                        let sentence = "The change that the heartbeat leads to is not safe on disk; try again.";
                        envelope.reply(&Refusal::new(ErrorCode::CoordinatorNotAvailable, sentence).response())
                    }
                    _ => envelope.reply(&response),
                }
            })
        }
    }
}

fn check(context: Context<'_>, request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refusal> {
    if !context.core.config().groups.consumer_enabled {
        let sentence = "The consumer group protocol is not among this broker's group.coordinator.rebalance.protocols.";
        return Err(Refusal::new(ErrorCode::UnsupportedVersion, sentence));
    }
    if !authorize(context.caller, Operation::Read, Resource::Group(&request.group_id)) {
        return Err(Refusal::new(ErrorCode::GroupAuthorizationFailed, "You may not read in this group."));
    }
    let topics = request.subscribed_topic_names.iter().flatten();
    let may = |topic: &String| authorize(context.caller, Operation::Describe, Resource::Topic(topic));
    match topics.into_iter().find(|topic| !may(topic)) {
        Some(topic) => {
            Err(Refusal::new(ErrorCode::TopicAuthorizationFailed, format!("You may not see topic {topic}.")))
        }
        None => Ok(()),
    }
}
