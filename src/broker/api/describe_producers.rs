//! DescribeProducers: the producers a partition remembers (KIP-664).

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};

pub fn handle(context: Context<'_>, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let partitions = asked.partition_indexes.iter().map(|index| match producers(context, &asked.name, *index) {
            Ok(active_producers) => {
                PartitionResponse { partition_index: *index, active_producers, ..Default::default() }
            }
            Err(code) => PartitionResponse { partition_index: *index, error_code: code.code(), ..Default::default() },
        });
        TopicResponse { partitions: partitions.collect(), name: asked.name }
    });
    DescribeProducersResponse { topics: topics.collect(), ..Default::default() }
}

fn producers(context: Context<'_>, topic: &str, index: i32) -> Result<Vec<ProducerState>, ErrorCode> {
    if !authorize(context.caller, Operation::Read, Resource::Topic(topic)) {
        return Err(ErrorCode::TopicAuthorizationFailed);
    }
    let topic = context.core.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let known = partition.log().map_err(|error| error.error_code())?.producers();
    Ok(known
        .iter()
        .map(|producer| ProducerState {
            producer_id: producer.producer_id,
            producer_epoch: producer.epoch.into(),
            last_sequence: producer.last_sequence(),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            current_txn_start_offset: producer.transaction_start.map_or(-1, |start| start.0),
        })
        .collect())
}
