//! FindCoordinator: on one broker, every group's coordinator is this one (KIP-699 for many at once).

use super::Context;
use crate::base::ErrorCode;
use crate::protocol::kafka::api::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// Since 4 one request asks for many.
const MANY_SINCE: i16 = 4;

pub fn handle(context: Context<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let (host, port) = context.caller.broker_address();
    let node_id = context.core.broker_id().0;
    let refusal = match request.key_type {
        GROUP => None,
        // Of all codes this is the one at which librdkafka and Java give up; with most others they ask again and again.
        TRANSACTION => Some((
            ErrorCode::TransactionalIdAuthorizationFailed,
            "this broker has no transactions; take transactional.id away".to_owned(),
        )),
        other => Some((
            ErrorCode::InvalidRequest,
            format!("this broker coordinates consumer groups (key type 0), not key type {other}"),
        )),
    };
    let found = |key: String| match &refusal {
        None => Coordinator {
            key,
            node_id,
            host: host.clone(),
            port: port.into(),
            error_code: ErrorCode::None.code(),
            error_message: None,
        },
        Some((code, sentence)) => Coordinator {
            key,
            node_id: -1,
            host: String::new(),
            port: -1,
            error_code: code.code(),
            error_message: Some(sentence.clone()),
        },
    };
    if context.envelope.version >= MANY_SINCE {
        let coordinators = request.coordinator_keys.into_iter().map(found).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let Coordinator { node_id, host, port, error_code, error_message, .. } = found(request.key);
    FindCoordinatorResponse { node_id, host, port, error_code, error_message, ..Default::default() }
}
