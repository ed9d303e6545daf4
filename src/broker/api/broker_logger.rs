//! How much the broker logs, told and changed while it runs (KIP-412). There is one logger, the root; its level is the
//! `log` facade's own, and is forgotten at the next start, as in Kafka.

use ::log::LevelFilter;

use super::config_resource::refused;
use crate::base::ErrorCode;
use crate::broker::topics::TopicError;
use crate::config::{AlterOp, Alteration, ConfigSource};
use crate::protocol::kafka::api::describe_configs::DescribeConfigsResourceResult;

const ROOT: &str = "root";

/// Log4j's levels, which Kafka's tools know, and what each is here. FATAL, above all that is ever logged, is silence.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("FATAL", LevelFilter::Off),
    ("ERROR", LevelFilter::Error),
    ("WARN", LevelFilter::Warn),
    ("INFO", LevelFilter::Info),
    ("DEBUG", LevelFilter::Debug),
    ("TRACE", LevelFilter::Trace),
];

/// The row of DescribeConfigs.
pub fn described() -> DescribeConfigsResourceResult {
    let now = ::log::max_level();
    let level = LEVELS.iter().find(|(_, level)| *level == now).map(|(name, _)| (*name).to_owned());
    DescribeConfigsResourceResult {
        name: ROOT.to_owned(),
        value: level,
        config_source: ConfigSource::BrokerLogger.code(),
        ..Default::default()
    }
}

pub fn alter(changes: &[Alteration<'_>], validate_only: bool) -> Result<(), TopicError> {
    let mut level = None;
    for change in changes {
        level = Some(level_of(change)?);
    }
    if let Some(level) = level.filter(|_| !validate_only) {
        ::log::set_max_level(level);
    }
    Ok(())
}

fn level_of(change: &Alteration<'_>) -> Result<LevelFilter, TopicError> {
    match change.op {
        AlterOp::Set => {}
        AlterOp::Delete if change.name == ROOT => {
            return Err(refused(ErrorCode::InvalidRequest, "the root logger always has a level; set another"));
        }
        AlterOp::Delete | AlterOp::Append | AlterOp::Subtract => {
            return Err(refused(ErrorCode::InvalidRequest, "the level of a logger can only be set"));
        }
    }
    if change.name != ROOT {
        let sentence = format!("there is no logger \"{}\"; the only one is \"{ROOT}\"", change.name);
        return Err(refused(ErrorCode::InvalidConfig, sentence));
    }
    let value = change.value.unwrap_or_default();
    LEVELS.iter().find(|(name, _)| *name == value).map(|(_, level)| *level).ok_or_else(|| {
        let names: Vec<&str> = LEVELS.iter().map(|(name, _)| *name).collect();
        refused(ErrorCode::InvalidConfig, format!("\"{value}\" is no level; levels are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(op: AlterOp, name: &str, value: Option<&str>) -> Result<LevelFilter, ErrorCode> {
        level_of(&Alteration { op, name, value }).map_err(|error| error.error_code())
    }

    #[test]
    fn only_the_roots_level_can_be_set() {
        assert_eq!(level(AlterOp::Set, "root", Some("DEBUG")), Ok(LevelFilter::Debug));
        assert_eq!(level(AlterOp::Set, "root", Some("FATAL")), Ok(LevelFilter::Off));
        assert_eq!(level(AlterOp::Set, "root", Some("debug")), Err(ErrorCode::InvalidConfig));
        assert_eq!(level(AlterOp::Set, "kafka", Some("DEBUG")), Err(ErrorCode::InvalidConfig));
        assert_eq!(level(AlterOp::Delete, "root", None), Err(ErrorCode::InvalidRequest));
        assert_eq!(level(AlterOp::Append, "root", Some("INFO")), Err(ErrorCode::InvalidRequest));
    }
}
