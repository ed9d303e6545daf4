//! Replicas as somebody places them by hand, for a new partition or in a reassignment. On one broker only the obvious
//! is possible; the rest is refused for Kafka's reasons (its ReplicationControlManager).

use super::config_resource::refused;
use crate::base::{BrokerId, ErrorCode};
use crate::broker::topics::TopicError;

/// Whether these brokers can be a partition's replicas: this one, alone.
pub fn check_replicas(replicas: &[i32], own: BrokerId) -> Result<(), TopicError> {
    let sentence = match replicas {
        [] => "an assignment names at least one broker for each partition".to_owned(),
        [broker] if *broker == own.0 => return Ok(()),
        brokers => match brokers.iter().find(|broker| **broker != own.0) {
            Some(other) => format!("there is no broker {other}; the only one is {own}"),
            None => format!("an assignment names broker {own} more than once for one partition"),
        },
    };
    Err(refused(ErrorCode::InvalidReplicaAssignment, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_broker_alone_can_hold_a_partition() {
        let check = |replicas: &[i32]| check_replicas(replicas, BrokerId(1)).map_err(|error| error.to_string());
        assert_eq!(check(&[1]), Ok(()));
        assert!(check(&[]).expect_err("none").contains("at least one"));
        assert!(check(&[1, 2]).expect_err("another").contains("no broker 2"));
        assert!(check(&[1, 1]).expect_err("twice").contains("more than once"));
    }
}
