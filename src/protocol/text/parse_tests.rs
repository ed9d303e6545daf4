//! The grammar of a line, rule by rule.

use proptest::prelude::*;

use super::super::reply;
use super::*;
use crate::base::Offset;

fn parsed(line: &str) -> Command {
    match parse_line(line.as_bytes()) {
        Ok(Some(command)) => command,
        other => panic!("{line:?} gave {other:?}"),
    }
}

fn refused(line: impl AsRef<[u8]>) -> String {
    let mut out = Vec::new();
    match parse_line(line.as_ref()) {
        Err(error) => reply::error(&mut out, &error),
        other => panic!("{:?} gave {other:?}", String::from_utf8_lossy(line.as_ref())),
    }
    String::from_utf8(out).expect("errors are UTF-8").trim_end().to_owned()
}

fn topic(name: &str) -> TopicName {
    TopicName::new(name).expect("a good name")
}

fn produce(key: Option<&[u8]>, value: Option<&[u8]>) -> Command {
    Command::Produce {
        topic: topic("Payments"),
        partition: None,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
    }
}

fn consume(from: OffsetSpec, max: Option<u64>, follow: bool) -> Command {
    Command::Consume { topic: topic("Payments"), partition: PartitionId(0), from, max, follow }
}

#[test]
fn the_session_on_the_page_parses() {
    assert_eq!(parsed("PRODUCE Payments key1 HelloWorld"), produce(Some(b"key1"), Some(b"HelloWorld")));
    assert_eq!(parsed("\"PRODUCE Payments key1 HelloWorld\""), produce(Some(b"key1"), Some(b"HelloWorld")));
    assert_eq!(parsed("PRODUCE Payments - Hello big world"), produce(None, Some(b"Hello big world")));
    assert_eq!(parsed("CONSUME Payments 0 0"), consume(OffsetSpec::At(Offset(0)), None, false));
    assert_eq!(parsed("QUIT"), Command::Quit);
}

#[test]
fn verbs_come_in_any_case_and_white_space_in_any_amount() {
    assert_eq!(parsed("  \tping \r"), Command::Ping);
    assert_eq!(parsed("pRoDuCe\tPayments   key1 \t HelloWorld"), produce(Some(b"key1"), Some(b"HelloWorld")));
    for blank in ["", " ", "\t \r"] {
        assert_eq!(parse_line(blank.as_bytes()), Ok(None));
    }
}

#[test]
fn a_value_is_the_rest_of_the_line() {
    assert_eq!(parsed("PRODUCE Payments k  a  b\tc "), produce(Some(b"k"), Some(b"a  b\tc ")));
    assert_eq!(parsed("PRODUCE Payments k say \"hi\""), produce(Some(b"k"), Some(b"say \"hi\"")));
    assert_eq!(parsed(r#"PRODUCE Payments k {"a": "\n"}"#), produce(Some(b"k"), Some(br#"{"a": "\n"}"#)));
    assert_eq!(parsed(r#"PRODUCE Payments k " a\x00\n" "#), produce(Some(b"k"), Some(b" a\0\n")));
    assert_eq!(parsed(r#"PRODUCE Payments "" """#), produce(Some(b""), Some(b"")));
    assert_eq!(parsed("PRODUCE Payments - - "), produce(None, None));
    assert_eq!(parsed(r#"PRODUCE Payments "-" "-""#), produce(Some(b"-"), Some(b"-")));
    assert_eq!(parsed("PRODUCE Payments -- - -"), produce(Some(b"--"), Some(b"- -")));
    let raw = [b"PRODUCE Payments \xff\xfe \x80\0".as_slice()].concat();
    assert_eq!(parse_line(&raw), Ok(Some(produce(Some(b"\xff\xfe"), Some(b"\x80\0")))));
}

#[test]
fn a_quoted_line_loses_one_pair_first() {
    assert_eq!(parsed(" \" PING \" "), Command::Ping);
    assert_eq!(parsed(r#""PRODUCE Payments k "a b"""#), produce(Some(b"k"), Some(b"a b")));
    assert_eq!(parsed(r#""PRODUCE Payments k a " "#), produce(Some(b"k"), Some(b"a ")));
    assert_eq!(refused("\"\""), "ERR UNKNOWN_COMMAND \"\"; try HELP");
    assert_eq!(refused("\"\"PING\"\""), "ERR UNKNOWN_COMMAND \"\\\"PING\\\"\"; did you mean PING? try HELP");
    assert_eq!(
        refused("\"PING"),
        "ERR UNKNOWN_COMMAND \"\\\"PING\"; a line that starts with a quote must end with one; try HELP"
    );
    assert!(refused("\"").starts_with("ERR UNKNOWN_COMMAND "));
}

#[test]
fn produce_may_name_its_partition() {
    let Command::Produce { partition, .. } = parsed("PRODUCE Payments/12 - x") else { panic!("a PRODUCE") };
    assert_eq!(partition, Some(PartitionId(12)));
    assert!(refused("PRODUCE Payments/ - x").starts_with("ERR WRONG_ARGUMENTS PRODUCE: \"\" is not a partition"));
    assert!(refused("PRODUCE Payments/-1 - x").starts_with("ERR WRONG_ARGUMENTS PRODUCE: \"-1\" is not a partition"));
    assert!(refused("PRODUCE Payments/4294967296 - x").starts_with("ERR WRONG_ARGUMENTS "));
    assert!(refused("PRODUCE /1 - x").starts_with("ERR INVALID_TOPIC_EXCEPTION "));
}

#[test]
fn consume_takes_every_form_of_offset() {
    for (word, from) in [
        ("earliest", OffsetSpec::Earliest),
        ("LATEST", OffsetSpec::Latest),
        ("42", OffsetSpec::At(Offset(42))),
        ("-5", OffsetSpec::BeforeEnd(5)),
        ("@1732261234567", OffsetSpec::Time(1_732_261_234_567)),
    ] {
        assert_eq!(parsed(&format!("CONSUME Payments 0 {word}")), consume(from, None, false));
    }
    assert_eq!(parsed("CONSUME Payments 0 latest 7 follow"), consume(OffsetSpec::Latest, Some(7), true));
    assert_eq!(parsed("CONSUME Payments 0 latest FOLLOW"), consume(OffsetSpec::Latest, None, true));
    assert_eq!(parsed("CONSUME Payments 0 latest 7"), consume(OffsetSpec::Latest, Some(7), false));
    for bad in ["stored", "abc", "-", "1.5", "--5"] {
        let error = refused(format!("CONSUME Payments 0 {bad}"));
        let start = format!(
            "ERR WRONG_ARGUMENTS CONSUME: \"{bad}\" is not an offset, which is earliest, latest, N, -N or @milliseconds"
        );
        assert!(error.starts_with(&start), "{error}");
    }
    assert!(refused("CONSUME Payments 0 0 x").contains("\"x\" is not a number of records"));
    assert!(refused("CONSUME Payments 0 0 5 x").contains("\"x\" is not FOLLOW"));
    assert!(refused("CONSUME Payments 0 0 FOLLOW 5").contains("\"5\" is one too many"));
    let slash = refused("CONSUME Payments/0 0");
    assert!(slash.starts_with("ERR INVALID_TOPIC_EXCEPTION ") && slash.contains("only PRODUCE takes"), "{slash}");
}

#[test]
fn the_other_commands_parse() {
    let create = |partitions, replicas| Command::Create { topic: topic("Payments"), partitions, replicas };
    assert_eq!(parsed("CREATE Payments"), create(None, None));
    assert_eq!(parsed("create Payments 6"), create(Some(6), None));
    assert_eq!(parsed("CREATE Payments 6 1"), create(Some(6), Some(1)));
    assert_eq!(parsed("TOPICS"), Command::Topics);
    assert_eq!(parsed("OFFSETS Payments"), Command::Offsets { topic: topic("Payments") });
    let commit = Command::Commit {
        group: "my group".to_owned(),
        topic: topic("Payments"),
        partition: PartitionId(0),
        offset: OffsetSpec::At(Offset(2)),
    };
    assert_eq!(parsed("COMMIT \"my group\" Payments 0 2"), commit);
    let committed = |topic| Command::Committed { group: "g".to_owned(), topic };
    assert_eq!(parsed("COMMITTED g"), committed(None));
    assert_eq!(parsed("COMMITTED g Payments"), committed(Some(topic("Payments"))));
    assert_eq!(parsed("GROUPS"), Command::Groups);
    assert_eq!(parsed("HELP"), Command::Help(HelpTopic::All));
    assert_eq!(parsed("help consume"), Command::Help(HelpTopic::Verb(Verb::Consume)));
    assert_eq!(parsed("HELP limits"), Command::Help(HelpTopic::Limits));
}

#[test]
fn every_mistake_has_its_sentence() {
    for (line, error) in [
        ("PRODCE a b c", "ERR UNKNOWN_COMMAND \"PRODCE\"; did you mean PRODUCE? try HELP"),
        ("frobnicate", "ERR UNKNOWN_COMMAND \"frobnicate\"; try HELP"),
        ("exit", "ERR UNKNOWN_COMMAND \"exit\"; did you mean QUIT? try HELP"),
        ("CONSUME", "ERR WRONG_ARGUMENTS CONSUME needs <topic> <partition> <offset>"),
        ("CONSUME Payments 0", "ERR WRONG_ARGUMENTS CONSUME needs <topic> <partition> <offset>"),
        ("PRODUCE Payments", "ERR WRONG_ARGUMENTS PRODUCE needs <topic>[/<partition>] <key or -> <value>"),
        (
            "PRODUCE Payments HelloWorld ",
            "ERR WRONG_ARGUMENTS PRODUCE needs <topic>[/<partition>] <key or -> <value>; a null key is written -, an empty value \"\"",
        ),
        ("COMMIT g Payments 0", "ERR WRONG_ARGUMENTS COMMIT needs <group> <topic> <partition> <offset>"),
        ("TOPICS all", "ERR WRONG_ARGUMENTS TOPICS takes no arguments; \"all\" is one"),
        (
            "CREATE a 1 1 1",
            "ERR WRONG_ARGUMENTS CREATE takes <topic> [<partitions> [<replicas>]]; \"1\" is one too many",
        ),
        (
            "CREATE a -1",
            "ERR WRONG_ARGUMENTS CREATE: \"-1\" is not a number of partitions, which is digits; usage: CREATE <topic> [<partitions> [<replicas>]]",
        ),
        (
            "CREATE a/b",
            "ERR INVALID_TOPIC_EXCEPTION topic name \"a/b\" has the character '/'; only letters, digits, '.', '_' and '-' are allowed; only PRODUCE takes <topic>/<partition>; CREATE <topic> [<partitions> [<replicas>]]",
        ),
        (
            "CREATE -",
            "ERR INVALID_TOPIC_EXCEPTION - alone is null, which names no topic; a topic of that name is written \"-\"",
        ),
        ("COMMITTED \"\"", "ERR INVALID_GROUP_ID a group's name can't be empty"),
        ("HELP CONSUM", "ERR UNKNOWN_COMMAND \"CONSUM\"; did you mean CONSUME? try HELP"),
        (
            "PRODUCE Payments \"k v",
            "ERR WRONG_ARGUMENTS PRODUCE: a quoted argument has no closing quote; write a quote inside quotes as \\\"",
        ),
        (
            "PRODUCE Payments k \"a\" b",
            "ERR WRONG_ARGUMENTS PRODUCE: the text \" b\" follows a closing quote directly; write a quote inside quotes as \\\"",
        ),
        (
            "PRODUCE Payments k \"\\q\"",
            "ERR WRONG_ARGUMENTS PRODUCE: \\q is no escape in a quoted argument; there are \\\" \\\\ \\n \\r \\t \\0 \\xHH",
        ),
    ] {
        assert_eq!(refused(line), error, "{line}");
    }
    assert!(refused(b"COMMITTED g\xff").starts_with("ERR INVALID_GROUP_ID a group's name is UTF-8"));
    assert!(refused(b"OFFSETS \xff").starts_with("ERR INVALID_TOPIC_EXCEPTION "));
    assert!(refused("x".repeat(1 << 20)).len() < 200);
    assert!(refused(format!("OFFSETS {}", "x".repeat(1 << 20))).len() < 200);
    assert!(refused(format!("CONSUME a {} 0", "9".repeat(1 << 20))).len() < 250);
}

proptest! {
    #[test]
    fn no_line_panics_and_every_error_is_one_line(line in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Err(error) = parse_line(&line) {
            let mut out = Vec::new();
            reply::error(&mut out, &error);
            prop_assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
        }
    }

    #[test]
    fn no_arguments_panic(
        verb in prop::sample::select(Verb::table().iter().map(|usage| usage.name).collect::<Vec<_>>()),
        words in prop::collection::vec(
            prop_oneof![
                "[ -~]{0,8}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..6),
                prop::sample::select(vec!["Payments", "0", "-", "\"", "\"a b\"", "FOLLOW", "@1", "\\x"])
                    .prop_map(|word| word.as_bytes().to_vec()),
            ],
            0..6,
        ),
    ) {
        let line = [vec![verb.as_bytes().to_vec()], words].concat().join(&b' ');
        if let Err(error) = parse_line(&line) {
            let mut out = Vec::new();
            reply::error(&mut out, &error);
            prop_assert!(out.starts_with(b"ERR ") && out.len() < 1000);
        }
    }
}
