//! DeleteTopics: deletes topics by name or, since version 6, by id (KIP-516).

use std::collections::{HashMap, HashSet};

use super::Context;
use crate::base::{ErrorCode, Uuid};
use crate::broker::caller::{Operation, Resource, authorize};
use crate::broker::topics::{TopicError, Topics};
use crate::protocol::kafka::api::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

/// Older clients do not know that deletion can be switched off.
const DISABLED_SINCE: i16 = 3;

pub fn handle(context: Context<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name =
        request.topic_names.into_iter().map(|name| DeleteTopicState { name: Some(name), ..Default::default() });
    let asked: Vec<DeleteTopicState> = request.topics.into_iter().chain(by_name).collect();
    let topics = context.core.topics();
    let mut times: HashMap<Uuid, usize> = HashMap::new();
    for id in asked.iter().filter_map(|asked| id_of(&topics, asked)) {
        *times.entry(id).or_default() += 1;
    }
    // Named twice, by name or by id, a topic is answered once.
    let mut seen = HashSet::new();
    let once = asked.into_iter().filter(|asked| seen.insert((asked.name.clone(), asked.topic_id)));
    let responses = once.map(|asked| {
        let twice = id_of(&topics, &asked).is_some_and(|id| times.get(&id).is_some_and(|times| *times > 1));
        delete(context, &topics, asked, twice)
    });
    DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
}

fn id_of(topics: &Topics, asked: &DeleteTopicState) -> Option<Uuid> {
    match &asked.name {
        Some(name) => topics.get(name).map(|topic| topic.id),
        None => Some(asked.topic_id),
    }
}

fn delete(context: Context<'_>, topics: &Topics, asked: DeleteTopicState, twice: bool) -> DeletableTopicResult {
    let refuse = |name: Option<String>, topic_id, code: ErrorCode, sentence: String| DeletableTopicResult {
        name,
        topic_id,
        error_code: code.code(),
        error_message: Some(sentence),
    };
    let DeleteTopicState { name, topic_id } = asked;
    if !context.core.config().delete_topics {
        let new = context.envelope.version >= DISABLED_SINCE;
        let code = if new { ErrorCode::TopicDeletionDisabled } else { ErrorCode::InvalidRequest };
        return refuse(name, topic_id, code, "delete.topic.enable is false".to_owned());
    }
    let wrong = match (&name, topic_id.is_zero()) {
        (None, true) => Some("neither a name nor an id was given"),
        (Some(_), false) => Some("a topic is named or given by its id, not both"),
        _ if twice => Some("the topic is named twice in one request"),
        _ => None,
    };
    if let Some(sentence) = wrong {
        return refuse(name, topic_id, ErrorCode::InvalidRequest, sentence.to_owned());
    }
    let found = match &name {
        Some(name) => topics.get(name),
        None => topics.by_id(topic_id),
    };
    let Some(topic) = found else {
        return match name {
            Some(name) => {
                let error = TopicError::Unknown(name.clone());
                refuse(Some(name), topic_id, error.error_code(), error.to_string())
            }
            None => refuse(None, topic_id, ErrorCode::UnknownTopicId, format!("no topic has the id {topic_id}")),
        };
    };
    let (name, id) = (Some(topic.name.to_string()), topic.id);
    if !authorize(context.caller, Operation::Delete, Resource::Topic(topic.name.as_str())) {
        let sentence = format!("{} may not delete it", context.caller.principal);
        return refuse(name, id, ErrorCode::TopicAuthorizationFailed, sentence);
    }
    if topic.name.is_internal() {
        let sentence = format!("\"{}\" is the broker's own", topic.name);
        return refuse(name, id, ErrorCode::InvalidTopicException, sentence);
    }
    match context.core.delete_topic(&topic.name, topic.id) {
        Ok(()) => DeletableTopicResult { name, topic_id: id, ..Default::default() },
        Err(error) => refuse(name, id, error.error_code(), error.to_string()),
    }
}
