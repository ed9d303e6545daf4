//! The offset grammar of the programs: [`OffsetSpec`]'s, and friendlier times after `@`.
//!
//! `@` takes milliseconds since 1970, an RFC 3339 time, a date (midnight UTC), or an age such as `-15m`.
//! Times without a zone are UTC, like all times these programs print. Arguments of this kind need
//! `allow_hyphen_values`, since `-5` is one of them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::units;
use crate::base::{Now, OffsetSpec};

/// For clap; an age counts from now.
pub fn parse(text: &str) -> Result<OffsetSpec, String> {
    parse_at(text, Now::wall())
}

/// As [`parse`], with the time that ages count from.
pub fn parse_at(text: &str, now_ms: i64) -> Result<OffsetSpec, String> {
    if let Some(spec) = OffsetSpec::parse(text) {
        return Ok(spec);
    }
    match text.strip_prefix('@') {
        Some(time) => parse_time(time, now_ms).map(OffsetSpec::Time),
        None => Err("an offset is earliest, latest, stored, N, -N (before the end) or @TIME".to_owned()),
    }
}

fn parse_time(text: &str, now_ms: i64) -> Result<i64, String> {
    if let Some(age) = text.strip_prefix('-') {
        let age = units::duration(age)?;
        return Ok(now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)).max(0));
    }
    let refuse = || {
        "a time after @ is milliseconds since 1970, an RFC 3339 time such as 2024-11-22T10:00:00Z, a date, or an age \
         such as -15m"
            .to_owned()
    };
    let time = match text.parse::<Timestamp>() {
        Ok(time) => time,
        // A date, or a time without a zone: UTC.
        Err(_) => text
            .parse::<DateTime>()
            .ok()
            .and_then(|civil| civil.to_zoned(TimeZone::UTC).ok())
            .map(|zoned| zoned.timestamp())
            .ok_or_else(refuse)?,
    };
    match time.as_millisecond() {
        ms if ms < 0 => Err("a time before 1970 is before every record".to_owned()),
        ms => Ok(ms),
    }
}

/// A record's time as RFC 3339 in UTC with milliseconds; `-1`, Kafka's "no time", and what no calendar holds stay
/// the numbers they are.
pub fn show_time(timestamp_ms: i64) -> String {
    match Timestamp::from_millisecond(timestamp_ms) {
        Ok(time) if timestamp_ms != -1 => format!("{time:.3}"),
        _ => timestamp_ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Offset;

    const NOW: i64 = 1_732_261_234_567;

    #[test]
    fn the_shared_grammar_comes_first() {
        assert_eq!(parse_at("earliest", NOW), Ok(OffsetSpec::Earliest));
        assert_eq!(parse_at("42", NOW), Ok(OffsetSpec::At(Offset(42))));
        assert_eq!(parse_at("-5", NOW), Ok(OffsetSpec::BeforeEnd(5)));
        assert_eq!(parse_at("@1732261234567", NOW), Ok(OffsetSpec::Time(NOW)));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for text in [
            "@2024-11-22T07:40:34.567Z",
            "@2024-11-22T08:40:34.567+01:00",
            "@2024-11-22T07:40:34.567",
            "@2024-11-22 07:40:34.567",
        ] {
            assert_eq!(parse_at(text, NOW), Ok(OffsetSpec::Time(NOW)), "{text}");
        }
        assert_eq!(parse_at("@2024-11-22", NOW), Ok(OffsetSpec::Time(1_732_233_600_000)));
        assert_eq!(parse_at("@-15m", NOW), Ok(OffsetSpec::Time(NOW - 900_000)));
        assert_eq!(parse_at("@-99999d", NOW), Ok(OffsetSpec::Time(0)));
    }

    #[test]
    fn what_is_no_offset_is_refused_with_its_reason() {
        for bad in ["", "first", "1.5", "@", "@yesterday", "@-15", "@2024-13-01", "@1969-12-31", "@2024-11-22T25:00Z"] {
            assert!(parse_at(bad, NOW).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_are_shown_in_utc_with_milliseconds() {
        assert_eq!(show_time(NOW), "2024-11-22T07:40:34.567Z");
        assert_eq!(show_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(show_time(-1), "-1");
        assert_eq!(show_time(i64::MAX), i64::MAX.to_string());
    }
}
