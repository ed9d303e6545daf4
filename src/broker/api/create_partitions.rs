//! CreatePartitions: gives topics more partitions (KIP-195).

use std::collections::{HashMap, HashSet};

use super::Context;
use super::assignment::check_replicas;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::{PARTITIONS_PER_TOPIC_MAX, TopicError};
use crate::protocol::kafka::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

pub fn handle(context: Context<'_>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    // Which of them was meant? A topic that is named twice stays as it is, and is answered once.
    let mut answered = HashSet::new();
    let once = request.topics.iter().filter(|asked| answered.insert(asked.name.as_str()));
    let results = once.map(|asked| {
        let outcome = match times.get(asked.name.as_str()) {
            Some(2..) => Err(TopicError::Refused {
                code: ErrorCode::InvalidRequest,
                sentence: "the topic is named twice in one request".to_owned(),
            }),
            _ => add(context, asked, request.validate_only),
        };
        let (error_code, error_message) = match outcome {
            Ok(()) => (ErrorCode::None, None),
            Err(error) => (error.error_code(), Some(error.to_string())),
        };
        CreatePartitionsTopicResult { name: asked.name.clone(), error_code: error_code.code(), error_message }
    });
    CreatePartitionsResponse { results: results.collect(), ..Default::default() }
}

fn add(context: Context<'_>, asked: &CreatePartitionsTopic, validate_only: bool) -> Result<(), TopicError> {
    let refuse = |code, sentence: String| Err(TopicError::Refused { code, sentence });
    if !authorize(context.caller, Operation::Alter, Resource::Topic(&asked.name)) {
        return refuse(ErrorCode::TopicAuthorizationFailed, format!("{} may not alter it", context.caller.principal));
    }
    let topic = context.core.topic(&asked.name).ok_or_else(|| TopicError::Unknown(asked.name.clone()))?;
    if topic.name.is_internal() {
        return refuse(ErrorCode::InvalidTopicException, format!("\"{}\" is the broker's own", topic.name));
    }
    let has = topic.partitions.len() as i32;
    if asked.count <= has || asked.count > PARTITIONS_PER_TOPIC_MAX {
        let sentence = format!(
            "topic \"{}\" has {has} partitions; it can get more, up to {PARTITIONS_PER_TOPIC_MAX}, but not {}",
            topic.name, asked.count
        );
        return refuse(ErrorCode::InvalidPartitions, sentence);
    }
    if let Some(assignments) = &asked.assignments {
        let (named, added) = (assignments.len(), asked.count - has);
        if named as i32 != added {
            let sentence = format!("{added} partitions are added, but an assignment was given for {named}");
            return refuse(ErrorCode::InvalidReplicaAssignment, sentence);
        }
        for assignment in assignments {
            check_replicas(&assignment.broker_ids, context.core.broker_id())?;
        }
    }
    if validate_only {
        return Ok(());
    }
    context.core.add_partitions(&topic.name, asked.count)
}
