//! DeleteTopics: deletes topics by name or, since version 6, by id (KIP-516).

use super::Context;
use crate::base::{ErrorCode, TopicName, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::TopicError;
use crate::protocol::kafka::api::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

pub fn handle(context: Context<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name =
        request.topic_names.into_iter().map(|name| DeleteTopicState { name: Some(name), topic_id: Uuid::ZERO });
    let responses = request.topics.into_iter().chain(by_name).map(|asked| {
        let (topic_id, outcome) = delete(context, &asked);
        let name = asked.name.or_else(|| outcome.as_ref().ok().map(ToString::to_string));
        match outcome {
            Ok(_) => DeletableTopicResult { name, topic_id, ..Default::default() },
            Err(error) => DeletableTopicResult {
                name,
                topic_id,
                error_code: error.error_code().code(),
                error_message: Some(error.to_string()),
            },
        }
    });
    DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
}

fn delete(context: Context<'_>, asked: &DeleteTopicState) -> (Uuid, Result<TopicName, TopicError>) {
    let refuse = |code, sentence: String| Err(TopicError::Refused { code, sentence });
    let topics = context.core.topics();
    let topic = match &asked.name {
        Some(name) => topics.get(name).ok_or_else(|| TopicError::Unknown(name.clone())),
        None => topics.by_id(asked.topic_id).ok_or_else(|| TopicError::Refused {
            code: ErrorCode::UnknownTopicId,
            sentence: format!("no topic has the id {}", asked.topic_id),
        }),
    };
    let topic = match topic {
        Ok(topic) => topic,
        Err(error) => return (asked.topic_id, Err(error)),
    };
    let outcome = if !authorize(context.caller, Operation::Delete, Resource::Topic(topic.name.as_str())) {
        refuse(ErrorCode::TopicAuthorizationFailed, format!("{} may not delete it", context.caller.principal))
    } else if !context.core.config().delete_topics {
        refuse(ErrorCode::TopicDeletionDisabled, "delete.topic.enable is false".to_owned())
    } else if topic.name.is_internal() {
        refuse(ErrorCode::InvalidTopicException, format!("\"{}\" is the broker's own", topic.name))
    } else {
        context.core.delete_topic(&topic.name).map(|()| topic.name.clone())
    };
    (topic.id, outcome)
}
