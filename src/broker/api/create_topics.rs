//! CreateTopics: makes topics, or checks whether it could (KIP-4, KIP-525 for the settings in the answer).

use std::collections::{HashMap, HashSet};

use super::Context;
use super::assignment::check_replicas;
use super::describe_configs::created_configs;
use crate::base::{ErrorCode, TopicName, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::{NewTopic, TopicError};
use crate::config::TopicOverrides;
use crate::protocol::kafka::api::create_topics::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};

/// Partitions or replicas left to the broker (KIP-464).
const DEFAULT: i32 = -1;

pub fn handle(context: Context<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    let mut answered = Vec::with_capacity(request.topics.len());
    let mut refused_twice = HashSet::new();
    for asked in &request.topics {
        if times.get(asked.name.as_str()).is_some_and(|times| *times > 1) {
            // Which of them was meant? Neither is made, and the name is answered once.
            if refused_twice.insert(&asked.name) {
                let sentence = "the topic is named twice in one request".to_owned();
                answered.push(refused(&asked.name, ErrorCode::InvalidRequest, sentence));
            }
            continue;
        }
        answered.push(match create(context, asked, request.validate_only) {
            Ok(result) => result,
            Err(error) => refused(&asked.name, error.error_code(), error.to_string()),
        });
    }
    CreateTopicsResponse { topics: answered, ..Default::default() }
}

fn create(
    context: Context<'_>,
    asked: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, TopicError> {
    let refuse = |code, sentence: String| Err(TopicError::Refused { code, sentence });
    let name = match TopicName::new(&asked.name) {
        Ok(name) => name,
        Err(error) => return refuse(ErrorCode::InvalidTopicException, error.to_string()),
    };
    if !authorize(context.caller, Operation::Create, Resource::Topic(name.as_str())) {
        return refuse(
            ErrorCode::TopicAuthorizationFailed,
            format!("{} may not create topics", context.caller.principal),
        );
    }
    if name.is_internal() {
        return refuse(ErrorCode::InvalidRequest, format!("\"{name}\" is the broker's own; it makes it itself"));
    }
    context.core.check_new_name(&name)?;
    let mut settings = Vec::with_capacity(asked.configs.len());
    for config in &asked.configs {
        let Some(value) = config.value.as_deref() else {
            let sentence = format!("{} needs a value; leave it out to take the default", config.name);
            return refuse(ErrorCode::InvalidConfig, sentence);
        };
        settings.push((config.name.as_str(), value));
    }
    let overrides = match TopicOverrides::from_pairs(settings) {
        Ok(overrides) => overrides,
        Err(error) => return refuse(error.code(), error.sentence()),
    };
    let partitions = partition_count(context, asked)?;
    let replicas = (i32::from(asked.replication_factor) != DEFAULT).then_some(asked.replication_factor);
    let new = NewTopic { partitions, replicas, overrides };
    let (topic_id, partitions) = if validate_only {
        (Uuid::ZERO, context.core.check_new_topic(&name, &new)?)
    } else {
        let topic = context.core.create_topic(&name, &new)?;
        (topic.id, topic.partitions.len() as i32)
    };
    Ok(CreatableTopicResult {
        name: asked.name.clone(),
        topic_id,
        error_code: ErrorCode::None.code(),
        error_message: None,
        num_partitions: partitions,
        replication_factor: 1,
        configs: Some(created_configs(context, &new.overrides)),
        ..Default::default()
    })
}

/// The number asked for, or that of an assignment by hand, which on one broker can only say the obvious.
fn partition_count(context: Context<'_>, asked: &CreatableTopic) -> Result<Option<i32>, TopicError> {
    if asked.assignments.is_empty() {
        return Ok((asked.num_partitions != DEFAULT).then_some(asked.num_partitions));
    }
    let refuse = |code, sentence: String| Err(TopicError::Refused { code, sentence });
    if asked.num_partitions != DEFAULT || i32::from(asked.replication_factor) != DEFAULT {
        let sentence = "with an assignment, partitions and replicas must be -1".to_owned();
        return refuse(ErrorCode::InvalidRequest, sentence);
    }
    let mut indexes = HashSet::new();
    for assignment in &asked.assignments {
        if !indexes.insert(assignment.partition_index) {
            let sentence = format!("partition {} is assigned twice", assignment.partition_index);
            return refuse(ErrorCode::InvalidReplicaAssignment, sentence);
        }
        check_replicas(&assignment.broker_ids, context.core.broker_id())?;
    }
    let count = indexes.len() as i32;
    if let Some(missing) = (0..count).find(|index| !indexes.contains(index)) {
        let sentence = format!("{count} partitions are assigned, but partition {missing} is not among them");
        return refuse(ErrorCode::InvalidReplicaAssignment, sentence);
    }
    Ok(Some(count))
}

fn refused(name: &str, code: ErrorCode, sentence: String) -> CreatableTopicResult {
    CreatableTopicResult {
        name: name.to_owned(),
        error_code: code.code(),
        error_message: Some(sentence),
        // Null here makes Java's AdminClient fail with a null pointer of its own.
        configs: Some(Vec::new()),
        ..Default::default()
    }
}
