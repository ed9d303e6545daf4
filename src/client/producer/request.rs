//! Produce requests from batches, and what the answers say about each batch. Pure.

use std::collections::HashMap;

use super::lane::Outcome;
use crate::base::ErrorCode;
use crate::protocol::kafka::RecordsField;
use crate::protocol::kafka::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};

/// A batch's place in a request: its partition, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) bytes: usize,
}

/// The request for these batches, which come sorted by topic and go out in this order; the connection puts their bytes
/// in place.
pub(super) fn build<'a>(parts: impl Iterator<Item = Part<'a>>, acks: i16, timeout_ms: i32) -> ProduceRequest {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for part in parts {
        let data = PartitionProduceData { index: part.partition, records: RecordsField::Elsewhere(part.bytes) };
        match topics.last_mut() {
            Some(topic) if topic.name == part.topic => topic.partition_data.push(data),
            _ => topics.push(TopicProduceData {
                name: part.topic.to_owned(),
                partition_data: vec![data],
                ..Default::default()
            }),
        }
    }
    ProduceRequest { transactional_id: None, acks, timeout_ms, topic_data: topics }
}

/// What became of one batch: the outcome, and what the broker said about its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The first record it names (KIP-467).
    pub(super) record: Option<usize>,
    pub(super) message: Option<String>,
}

/// The verdict on each batch, in the order of the request. What an answer leaves out counts as not answered.
pub(super) fn verdicts<'a>(parts: impl Iterator<Item = (&'a str, i32)>, answer: &ProduceResponse) -> Vec<Verdict> {
    let mut answers = answer.responses.iter().flat_map(|topic| {
        topic.partition_responses.iter().map(|partition| ((topic.name.as_str(), partition.index), partition))
    });
    // Brokers answer in the order of the request. One that does not is looked up in.
    let in_order = answers.clone();
    let mut sorted: Option<HashMap<(&str, i32), &PartitionProduceResponse>> = None;
    parts
        .map(|part| {
            let next = answers.next().filter(|(of, _)| *of == part).map(|(_, answer)| answer);
            let answer = next.or_else(|| sorted.get_or_insert_with(|| in_order.clone().collect()).get(&part).copied());
            answer.map_or_else(unanswered, verdict)
        })
        .collect()
}

pub(super) fn unanswered() -> Verdict {
    Verdict { outcome: Outcome::Unanswered { reached: true }, record: None, message: None }
}

fn verdict(answer: &PartitionProduceResponse) -> Verdict {
    let named = answer.record_errors.first();
    let outcome = match ErrorCode::from_code(answer.error_code) {
        ErrorCode::None => Outcome::Written(Some(answer.base_offset).filter(|offset| *offset >= 0)),
        code => Outcome::Refused(code),
    };
    let message = named.and_then(|record| record.batch_index_error_message.clone());
    Verdict {
        outcome,
        record: named.and_then(|record| usize::try_from(record.batch_index).ok()),
        message: message.or_else(|| answer.error_message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::kafka::api::produce::{BatchIndexAndErrorMessage, TopicProduceResponse};

    #[test]
    fn batches_of_a_topic_stand_together() {
        let part = |topic, partition| Part { topic, partition, bytes: 10 };
        let request = build([part("A", 0), part("A", 1), part("B", 0)].into_iter(), -1, 1000);
        let shape: Vec<_> = request.topic_data.iter().map(|t| (t.name.as_str(), t.partition_data.len())).collect();
        assert_eq!(shape, [("A", 2), ("B", 1)]);
    }

    #[test]
    fn each_batch_finds_its_answer() {
        let partition_responses = vec![
            PartitionProduceResponse { index: 1, base_offset: 42, ..Default::default() },
            PartitionProduceResponse {
                index: 0,
                error_code: ErrorCode::InvalidRecord.code(),
                error_message: Some("outer".to_owned()),
                record_errors: vec![BatchIndexAndErrorMessage {
                    batch_index: 3,
                    batch_index_error_message: Some("no key".to_owned()),
                }],
                ..Default::default()
            },
        ];
        let responses = vec![TopicProduceResponse { name: "A".to_owned(), partition_responses, ..Default::default() }];
        let answer = ProduceResponse { responses, ..Default::default() };
        let verdicts = verdicts([("A", 0), ("A", 1), ("B", 0)].into_iter(), &answer);
        assert_eq!(verdicts[0].outcome, Outcome::Refused(ErrorCode::InvalidRecord));
        assert_eq!((verdicts[0].record, verdicts[0].message.as_deref()), (Some(3), Some("no key")));
        assert_eq!(verdicts[1].outcome, Outcome::Written(Some(42)));
        assert_eq!(verdicts[2], unanswered());
    }
}
