//! What the broker answers, written line by line into a buffer.
//!
//! Data lines (`MSG`, `TOPIC`, `PARTITION`, `OFFSET`, `GROUP`, `#`) come first, then exactly one line that starts
//! with `ACK`, `OK` or `ERR`. Fields are only ever added at the end of a last line.

use super::command::HelpTopic;
use super::error::TextError;
use super::help::{self, Limits};
use super::quote::{Place, print};
use crate::base::{BrokerId, Offset, PartitionId, TopicName};

/// `ACK partition=0 offset=0`: the record is as safe as `acks=all` makes it.
pub fn ack(out: &mut Vec<u8>, partition: PartitionId, offset: Offset) {
    line(out, format_args!("ACK partition={partition} offset={offset}"));
}

/// `MSG <offset> <key> <value>`; pasted into PRODUCE, key and value yield the same bytes.
pub fn msg(out: &mut Vec<u8>, offset: Offset, key: Option<&[u8]>, value: Option<&[u8]>) {
    unended(out, format_args!("MSG {offset} "));
    print(out, key, Place::Word);
    out.push(b' ');
    print(out, value, Place::Rest);
    out.push(b'\n');
}

/// The last line of CONSUME: how many records, where to go on, and the high watermark.
pub fn consumed(out: &mut Vec<u8>, count: u64, next: Offset, high: Offset) {
    line(out, format_args!("OK count={count} next={next} high={high}"));
}

/// The last line of CREATE.
pub fn created(out: &mut Vec<u8>, partitions: i32) {
    line(out, format_args!("OK partitions={partitions}"));
}

/// One topic of TOPICS.
pub fn topic(out: &mut Vec<u8>, name: &TopicName, partitions: usize, replicas: usize) {
    named(out, "TOPIC", name.as_str(), format_args!("partitions={partitions} replicas={replicas}"));
}

/// One partition of OFFSETS; a partition without a leader shows -1.
pub fn partition(out: &mut Vec<u8>, partition: PartitionId, low: Offset, high: Offset, leader: Option<BrokerId>) {
    let leader = leader.unwrap_or(BrokerId(-1));
    line(out, format_args!("PARTITION {partition} low={low} high={high} leader={leader}"));
}

/// One offset of COMMITTED. A partition that is gone has no end and no lag: both show -1.
pub fn committed(out: &mut Vec<u8>, topic: &TopicName, partition: PartitionId, next: Offset, high: Option<Offset>) {
    let lag = high.map_or(-1, |high| high.since(next).max(0));
    let high = high.unwrap_or(Offset(-1));
    named(out, "OFFSET", topic.as_str(), format_args!("{partition} committed={next} high={high} lag={lag}"));
}

/// One group of GROUPS.
pub fn group(out: &mut Vec<u8>, name: &str, state: &str, members: usize) {
    named(out, "GROUP", name, format_args!("state={state} members={members}"));
}

/// The last line of every list.
pub fn counted(out: &mut Vec<u8>, count: usize) {
    line(out, format_args!("OK count={count}"));
}

/// The last line of what has nothing to tell: COMMIT, HELP, and a FOLLOW that ended.
pub fn ok(out: &mut Vec<u8>) {
    line(out, format_args!("OK"));
}

/// The answer to PING.
pub fn pong(out: &mut Vec<u8>) {
    line(out, format_args!("OK pong"));
}

/// The answer to QUIT, before the connection closes.
pub fn bye(out: &mut Vec<u8>) {
    line(out, format_args!("OK bye"));
}

/// The whole answer to HELP.
pub fn help(out: &mut Vec<u8>, topic: HelpTopic, limits: &Limits) {
    help::write(out, topic, limits);
    ok(out);
}

/// `ERR <NAME> <sentence>[; hint]`. Foreign characters that would break the line are escaped.
pub fn error(out: &mut Vec<u8>, error: &TextError) {
    unended(out, format_args!("ERR {} ", error.name));
    let mut escaped = |text: &str| {
        for c in text.chars() {
            if c.is_control() {
                unended(out, format_args!("{}", c.escape_default()));
            } else {
                unended(out, format_args!("{c}"));
            }
        }
    };
    escaped(&error.sentence);
    if let Some(hint) = &error.hint {
        escaped("; ");
        escaped(hint);
    }
    out.push(b'\n');
}

fn named(out: &mut Vec<u8>, what: &str, name: &str, fields: std::fmt::Arguments<'_>) {
    unended(out, format_args!("{what} "));
    print(out, Some(name.as_bytes()), Place::Word);
    line(out, format_args!(" {fields}"));
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    unended(out, text);
    out.push(b'\n');
}

fn unended(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    out.write_fmt(text).expect("a Vec takes every write");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Command, HelpTopic, TextError, Verb, parse_line};
    use super::*;
    use crate::base::ErrorCode;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("replies are UTF-8")
    }

    fn name(name: &str) -> TopicName {
        TopicName::new(name).expect("a good name")
    }

    const LIMITS: Limits = Limits {
        line_bytes: 1_052_684,
        pipelined_commands: 1000,
        reply_bytes: 1 << 20,
        idle_ms: 600_000,
        connections: 10_000,
        consume_records: 1000,
    };

    #[test]
    fn every_line_is_as_the_page_has_it() {
        let (p0, payments) = (PartitionId(0), name("Payments"));
        assert_eq!(written(|o| ack(o, p0, Offset(0))), "ACK partition=0 offset=0\n");
        assert_eq!(written(|o| msg(o, Offset(0), Some(b"key1"), Some(b"HelloWorld"))), "MSG 0 key1 HelloWorld\n");
        assert_eq!(written(|o| msg(o, Offset(2), None, Some(b"Hello big world"))), "MSG 2 - Hello big world\n");
        assert_eq!(written(|o| msg(o, Offset(3), Some(b"a b"), None)), "MSG 3 \"a b\" -\n");
        assert_eq!(written(|o| msg(o, Offset(4), Some(b""), Some(b"-"))), "MSG 4 \"\" \"-\"\n");
        assert_eq!(written(|o| consumed(o, 3, Offset(3), Offset(3))), "OK count=3 next=3 high=3\n");
        assert_eq!(written(|o| created(o, 1)), "OK partitions=1\n");
        assert_eq!(written(|o| topic(o, &payments, 1, 1)), "TOPIC Payments partitions=1 replicas=1\n");
        assert_eq!(written(|o| topic(o, &name("-"), 1, 1)), "TOPIC \"-\" partitions=1 replicas=1\n");
        assert_eq!(
            written(|o| partition(o, p0, Offset(0), Offset(3), Some(BrokerId(1)))),
            "PARTITION 0 low=0 high=3 leader=1\n"
        );
        assert_eq!(
            written(|o| committed(o, &payments, p0, Offset(2), Some(Offset(3)))),
            "OFFSET Payments 0 committed=2 high=3 lag=1\n"
        );
        assert_eq!(
            written(|o| committed(o, &payments, p0, Offset(2), None)),
            "OFFSET Payments 0 committed=2 high=-1 lag=-1\n"
        );
        assert_eq!(written(|o| group(o, "billing", "Stable", 2)), "GROUP billing state=Stable members=2\n");
        assert_eq!(written(|o| group(o, "my group\n", "Empty", 0)), "GROUP \"my group\\n\" state=Empty members=0\n");
        assert_eq!(written(|o| counted(o, 1)), "OK count=1\n");
        assert_eq!(written(ok), "OK\n");
        assert_eq!(written(pong), "OK pong\n");
        assert_eq!(written(bye), "OK bye\n");
    }

    #[test]
    fn errors_stay_on_their_line() {
        let missing = TextError::unknown_topic("Paymnts", Some("Payments"));
        assert_eq!(written(|o| error(o, &missing)), "ERR UNKNOWN_TOPIC_OR_PARTITION Paymnts; did you mean Payments?\n");
        let range = TextError::kafka(ErrorCode::OffsetOutOfRange, "99 is outside 0..3");
        assert_eq!(written(|o| error(o, &range)), "ERR OFFSET_OUT_OF_RANGE 99 is outside 0..3\n");
        let foreign = TextError::wrong_arguments("a\nOK b\r\u{1b}").hint("x\0y");
        assert_eq!(written(|o| error(o, &foreign)), "ERR WRONG_ARGUMENTS a\\nOK b\\r\\u{1b}; x\\u{0}y\n");
        let long = TextError::line_too_long(1_052_684);
        assert!(written(|o| error(o, &long)).starts_with("ERR MESSAGE_TOO_LARGE a line has at most 1052684 bytes"));
    }

    #[test]
    fn help_lists_every_command_and_every_limit_and_ends_with_ok() {
        let all = written(|o| help(o, HelpTopic::All, &LIMITS));
        for usage in Verb::table() {
            assert!(all.contains(&format!("# {}", usage.line())), "{}", usage.name);
            let one = written(|o| help(o, HelpTopic::Verb(usage.verb), &LIMITS));
            assert!(one.starts_with(&format!("# {}\n", usage.line())), "{one}");
        }
        let limits = written(|o| help(o, HelpTopic::Limits, &LIMITS));
        for number in ["1052684", "1000", "1048576", "600000", "10000"] {
            assert!(limits.contains(number), "{number} in {limits}");
        }
        for text in [all, limits] {
            let (lines, last) = text.trim_end().rsplit_once('\n').expect("several lines");
            assert!(lines.lines().all(|line| line.starts_with("# ")), "{lines}");
            assert_eq!(last, "OK");
        }
    }

    #[test]
    fn the_examples_in_help_are_commands() {
        let examples = Verb::table().iter().flat_map(|u| u.details).filter_map(|d| d.strip_prefix("example: "));
        let mut count = 0;
        for example in examples {
            assert!(matches!(parse_line(example.as_bytes()), Ok(Some(_))), "{example}");
            count += 1;
        }
        assert!(count >= 6);
    }

    proptest! {
        /// The law of MSG: any key or value as printed, pasted into PRODUCE, yields the same bytes.
        #[test]
        fn what_msg_prints_produce_reads(
            key in prop::option::of(bytes()),
            value in prop::option::of(bytes()),
        ) {
            let mut printed = Vec::new();
            msg(&mut printed, Offset(7), key.as_deref(), value.as_deref());
            prop_assert_eq!(printed.iter().filter(|b| **b < 0x20).count(), 1, "one line, no other control character");
            let arguments = printed.strip_prefix(b"MSG 7 ").and_then(|p| p.strip_suffix(b"\n")).expect("a MSG line");
            let line = [b"PRODUCE Payments ", arguments].concat();
            let expected = Command::Produce { topic: name("Payments"), partition: None, key, value };
            prop_assert_eq!(parse_line(&line), Ok(Some(expected)));
        }
    }

    /// Bytes that like to be near the rules' edges.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b" ".to_vec()),
            Just(b"-".to_vec()),
            Just(b"\"".to_vec()),
            Just(b"\\".to_vec()),
            Just(b"\t".to_vec()),
            Just(b"\r".to_vec()),
            Just("\u{85}ä\u{a0}".as_bytes().to_vec()),
            "[ -~]{1,4}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }
}
