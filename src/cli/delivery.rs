//! How records are delivered: the flags of every command that sends some, and what they make of a producer.

use std::time::Duration;

use clap::ValueEnum;

use super::units;
use crate::client::ProducerConfig;
use crate::client::producer::Acks;
use crate::config::{self, ClientSettings};
use crate::record::Codec;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Delivery")]
pub(super) struct DeliveryArgs {
    /// When a record counts as delivered [default: all]
    ///
    /// all: when every replica in sync has it, and under Rafka's default also the disk; each record is then written
    /// exactly once, retries included. 1: when the leader has it. 0: when it is sent.
    #[arg(long, value_name = "ACKS", value_enum)]
    acks: Option<AcksArg>,

    /// Compress batches [default: none]
    #[arg(short = 'z', long, value_name = "CODEC", value_enum)]
    compression: Option<CodecArg>,

    /// How long a batch waits for more records [default: not at all]
    #[arg(long, value_name = "DUR", value_parser = units::duration, hide_short_help = true)]
    linger: Option<Duration>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AcksArg {
    All,
    #[value(name = "1", alias = "-1")]
    Leader,
    #[value(name = "0")]
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CodecArg {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl DeliveryArgs {
    /// A flag goes before a setting.
    pub(super) fn producer_config(&self, settings: &ClientSettings, reports: bool) -> ProducerConfig {
        let producer = &settings.producer;
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let acks = match (self.acks, producer.acks) {
            (Some(AcksArg::All), _) | (None, config::Acks::All) => Acks::All,
            (Some(AcksArg::Leader), _) | (None, config::Acks::Leader) => Acks::Leader,
            (Some(AcksArg::None), _) | (None, config::Acks::None) => Acks::None,
        };
        let codec = match self.compression {
            Some(CodecArg::None) => Codec::None,
            Some(CodecArg::Gzip) => Codec::Gzip,
            Some(CodecArg::Snappy) => Codec::Snappy,
            Some(CodecArg::Lz4) => Codec::Lz4,
            Some(CodecArg::Zstd) => Codec::Zstd,
            None => Codec::from_name(producer.compression.name()).unwrap_or_default(),
        };
        ProducerConfig {
            acks,
            idempotent: producer.idempotent
                || (self.acks.is_some() && !settings.given().is_given("enable.idempotence")),
            codec,
            linger: self.linger.unwrap_or(ms(producer.linger_ms)),
            batch_bytes: producer.batch_bytes,
            request_bytes: producer.request_bytes_max,
            buffer_bytes: producer.buffer_bytes,
            in_flight: producer.in_flight_max,
            delivery_timeout: ms(producer.delivery_timeout_ms),
            reports,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn config_of(flags: &[&str], settings: &[(&str, &str)]) -> ProducerConfig {
        let command = DeliveryArgs::augment_args(Command::new("x"));
        let matches = command.get_matches_from(["x"].iter().chain(flags));
        let args = DeliveryArgs::from_arg_matches(&matches).expect("good flags");
        args.producer_config(&ClientSettings::from_pairs(settings.iter().copied()).expect("good settings"), false)
    }

    #[test]
    fn a_flag_goes_before_a_setting() {
        let settings = [("acks", "1"), ("compression.type", "gzip")];
        let config = config_of(&["--acks", "all", "-z", "lz4"], &settings);
        assert_eq!((config.acks, config.codec, config.idempotent), (Acks::All, Codec::Lz4, true));
        let config = config_of(&[], &settings);
        assert_eq!((config.acks, config.codec, config.idempotent), (Acks::Leader, Codec::Gzip, false));
    }
}
