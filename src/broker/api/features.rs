//! The features this cluster has, and at which level (KIP-584): what ApiVersions tells and UpdateFeatures judges.
//!
//! `transaction.version`, `share.version` and `streams.version` are missing because what they stand for is.

use super::{Context, SERVED};
use crate::protocol::kafka::ApiKey;

/// One feature: the levels this program knows, and the one that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub min: i16,
    pub max: i16,
    /// 0 is a feature that is off.
    pub level: i16,
    /// Why the level is what it is.
    pub reason: &'static str,
}

/// Kafka's MetadataVersion 4.3-IV0. Tools read off it which Kafka they talk to; ours is its protocol, as a whole.
const METADATA_LEVEL: i16 = 30;

pub fn features(context: Context<'_>) -> Vec<Feature> {
    let mut features = Vec::new();
    if SERVED.contains(&ApiKey::ConsumerGroupHeartbeat) {
        features.push(Feature {
            name: "group.version",
            min: 0,
            max: 1,
            level: i16::from(context.core.config().groups.consumer_enabled),
            reason: "it follows the broker's setting group.coordinator.rebalance.protocols",
        });
    }
    features.push(Feature {
        name: "metadata.version",
        min: METADATA_LEVEL,
        max: METADATA_LEVEL,
        level: METADATA_LEVEL,
        reason: "this program knows one level only",
    });
    features
}
