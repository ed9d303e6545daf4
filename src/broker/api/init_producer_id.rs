//! InitProducerId: a new id for an idempotent producer, which starts at epoch 0 (KIP-98). Transactional producers are
//! refused: this broker has no transactions.

use super::Context;
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

pub fn handle(context: Context<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refuse =
        |code: ErrorCode| InitProducerIdResponse { error_code: code.code(), producer_epoch: -1, ..Default::default() };
    if request.transactional_id.is_some() {
        // With this code, and few others, librdkafka and Java give up at once instead of asking again.
        return refuse(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    // A producer that goes on from an earlier id names its epoch, too (KIP-360).
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return refuse(ErrorCode::InvalidRequest);
    }
    if !authorize(context.caller, Operation::IdempotentWrite, Resource::Cluster) {
        return refuse(ErrorCode::ClusterAuthorizationFailed);
    }
    match context.core.next_producer_id() {
        Ok(producer_id) => InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() },
        Err(error) => {
            ::log::error!("no producer id can be given: {error}");
            refuse(ErrorCode::CoordinatorNotAvailable)
        }
    }
}
