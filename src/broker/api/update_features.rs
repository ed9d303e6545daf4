//! UpdateFeatures: raises or lowers feature levels (KIP-584, KIP-778). Every level here follows from the program or a
//! setting, so what is asked for is judged as Kafka's FeatureControlManager does, and only the level that holds is taken.

use super::Context;
use super::features::{Feature, features};
use crate::base::ErrorCode;
use crate::broker::caller::{Operation, Resource, authorize};
use crate::protocol::kafka::api::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

/// The last version with a result for each feature.
const RESULTS_UNTIL: i16 = 1;
/// Before 1 there were no upgrade types, only whether a downgrade is allowed.
const TYPES_SINCE: i16 = 1;

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

pub fn handle(context: Context<'_>, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    let mut response = UpdateFeaturesResponse { error_message: None, ..Default::default() };
    if !authorize(context.caller, Operation::Alter, Resource::Cluster) {
        response.error_code = ErrorCode::ClusterAuthorizationFailed.code();
        return response;
    }
    let version = context.envelope.version;
    let features = features(context);
    let refusal = request.feature_updates.iter().find_map(|asked| {
        let reason = judge(&features, asked, version).err()?;
        Some(format!("{} can't be set to {}: {reason}", asked.feature, asked.max_version_level))
    });
    match refusal {
        // All or nothing, and the reason once (Kafka since 4.1, whatever the version).
        Some(sentence) => {
            response.error_code = ErrorCode::InvalidUpdateVersion.code();
            response.error_message = Some(format!("nothing was changed, for {sentence}"));
        }
        None if version <= RESULTS_UNTIL => {
            let done = |asked: &FeatureUpdateKey| UpdatableFeatureResult {
                feature: asked.feature.clone(),
                error_message: None,
                ..Default::default()
            };
            response.results = request.feature_updates.iter().map(done).collect();
        }
        None => {}
    }
    response
}

fn judge(features: &[Feature], asked: &FeatureUpdateKey, version: i16) -> Result<(), String> {
    let upgrade_type = match (version >= TYPES_SINCE, asked.allow_downgrade) {
        (true, _) => asked.upgrade_type,
        (false, true) => SAFE_DOWNGRADE,
        (false, false) => UPGRADE,
    };
    let level = asked.max_version_level;
    if ![UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE].contains(&upgrade_type) {
        return Err(format!("there is no upgrade type {upgrade_type}"));
    }
    if level < 0 {
        return Err("a level is never negative".to_owned());
    }
    let Some(feature) = features.iter().find(|feature| feature.name == asked.feature) else {
        return Err("this cluster has no such feature".to_owned());
    };
    if !(feature.min..=feature.max).contains(&level) {
        return Err(format!("levels from {} to {} are known", feature.min, feature.max));
    }
    if level < feature.level && upgrade_type == UPGRADE {
        return Err(format!("it is at {}, and this would be a downgrade", feature.level));
    }
    if level > feature.level && upgrade_type != UPGRADE {
        return Err(format!("it is at {}, and this would be an upgrade", feature.level));
    }
    if level != feature.level {
        return Err(format!("it is at {}; {}", feature.level, feature.reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: Feature = Feature { name: "group.version", min: 0, max: 1, level: 1, reason: "a setting says so" };

    fn judged(feature: &str, level: i16, upgrade_type: i8) -> Result<(), String> {
        let asked = FeatureUpdateKey {
            feature: feature.to_owned(),
            max_version_level: level,
            upgrade_type,
            ..Default::default()
        };
        judge(&[GROUPS], &asked, 2)
    }

    #[test]
    fn only_the_level_that_holds_is_taken() {
        assert_eq!(judged("group.version", 1, UPGRADE), Ok(()));
        assert_eq!(judged("group.version", 1, SAFE_DOWNGRADE), Ok(()));
        let reason = |feature, level, kind| judged(feature, level, kind).expect_err("refused");
        assert_eq!(reason("group.version", 0, UPGRADE), "it is at 1, and this would be a downgrade");
        assert_eq!(reason("group.version", 0, SAFE_DOWNGRADE), "it is at 1; a setting says so");
        assert_eq!(reason("group.version", 2, UPGRADE), "levels from 0 to 1 are known");
        assert_eq!(reason("group.version", -1, UPGRADE), "a level is never negative");
        assert_eq!(reason("group.version", 1, 7), "there is no upgrade type 7");
        assert_eq!(reason("transaction.version", 1, UPGRADE), "this cluster has no such feature");
    }

    #[test]
    fn version_0_says_whether_a_downgrade_is_allowed() {
        let asked = |allow_downgrade| FeatureUpdateKey {
            feature: "group.version".to_owned(),
            max_version_level: 0,
            allow_downgrade,
            ..Default::default()
        };
        assert_eq!(judge(&[GROUPS], &asked(true), 0), Err("it is at 1; a setting says so".to_owned()));
        assert!(judge(&[GROUPS], &asked(false), 0).expect_err("refused").contains("would be a downgrade"));
    }
}
