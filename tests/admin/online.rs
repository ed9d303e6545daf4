//! The commands that talk to a broker, against one that runs inside the test.

use serde_json::{Value, json};

use super::support::serve;

#[test]
fn a_topics_life() {
    let served = serve();
    let created = served.admin(&["create-topic", "Payments", "Logs", "-p", "3"]).succeeded();
    assert!(created.starts_with("Payments\t3\t1\t") && created.contains("\nLogs\t3\t1\t"), "{created}");
    let names = |args: &[&str]| -> Vec<String> {
        let listed = served.admin(args).succeeded();
        listed.lines().map(|line| line.split('\t').next().expect("a column").to_owned()).collect()
    };
    assert_eq!(names(&["list-topics"]), ["Logs", "Payments"]);
    assert_eq!(served.admin(&["add-partitions", "Logs", "--to", "5"]).succeeded(), "Logs\t5\n");
    let described = served.admin(&["describe-topic", "Logs", "--output", "json"]).json();
    assert_eq!(described["topics"][0]["partitions"].as_array().map(Vec::len), Some(5));
    assert_eq!(described["topics"][0]["partitions"][4]["leader"], 1);
    assert_eq!(served.admin(&["delete-topic", "-y", "Payments"]).succeeded(), "Payments\n");
    assert_eq!(names(&["list-topics"]), ["Logs"]);
}

#[test]
fn one_item_of_many_that_fails_is_told_and_the_others_are_done() {
    let served = serve();
    served.admin(&["create-topic", "Payments"]).succeeded();
    let ran = served.admin(&["create-topic", "Payments", "Logs"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.starts_with("Logs\t1\t"), "{}", ran.out);
    let said = "rafka-admin: error: topic \"Payments\" already exists\n  hint: --if-not-exists calls that success\n";
    assert_eq!(ran.err, said);
    assert_eq!(served.admin(&["create-topic", "--if-not-exists", "Payments"]).succeeded(), "");

    let ran = served.admin(&["delete-topic", "-y", "Paymnts", "Logs"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "Logs\n"));
    let said = "rafka-admin: error: topic \"Paymnts\" does not exist\n  hint: did you mean \"Payments\"?\n";
    assert_eq!(ran.err, said);
    let said = served.admin(&["create-topic", "X", "X"]).failed(2);
    assert_eq!(said, "rafka-admin: error: topic \"X\" is named twice\n");
}

#[test]
fn offsets_are_found_by_place_and_by_time() {
    let served = serve();
    served.say(&["CREATE Payments 2", "PRODUCE Payments/1 k a", "PRODUCE Payments/1 k b", "PRODUCE Payments/1 k c"]);
    let list = |args: &[&str]| served.admin(&[&["list-offsets", "Payments"], args].concat()).succeeded();
    assert_eq!(list(&[]), "Payments\t0\t0\t0\nPayments\t1\t0\t3\n");
    assert_eq!(list(&["Payments"]), list(&[]), "named twice is asked once");
    assert_eq!(list(&["--at", "-2"]), "Payments\t0\t0\t\nPayments\t1\t1\t\n");
    assert_eq!(list(&["--at", "latest"]), "Payments\t0\t0\t\nPayments\t1\t3\t\n");
    let hour_ago = served.admin(&["list-offsets", "Payments", "--at", "@-1h", "--output", "json"]).json();
    let partitions = &hour_ago["partitions"];
    assert_eq!(partitions[0], json!({"topic": "Payments", "partition": 0, "offset": null, "timestamp": null}));
    assert_eq!(partitions[1]["offset"], 0);
    assert!(partitions[1]["timestamp"].as_i64().is_some_and(|ms| ms > 1_700_000_000_000));
    assert_eq!(list(&["--at", "@2999-01-01"]), "Payments\t0\t\t\nPayments\t1\t\t\n");
}

#[test]
fn trimming_drops_what_is_before_an_offset() {
    let served = serve();
    served.say(&["CREATE Payments 2", "PRODUCE Payments/0 k a", "PRODUCE Payments/1 k b", "PRODUCE Payments/1 k c"]);
    let trim = |args: &[&str]| served.admin(&[&["trim-topic", "Payments", "-y"], args].concat());
    let said = trim(&["--before", "5"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("Payments/0 ends at 1; 5 lies beyond"), "{}", said.err);
    assert_eq!(trim(&["--before", "1", "--only", "1"]).succeeded(), "Payments\t1\t1\n");
    assert_eq!(trim(&["--before", "latest"]).succeeded(), "Payments\t0\t1\nPayments\t1\t2\n");
    assert_eq!(served.admin(&["list-offsets", "Payments"]).succeeded(), "Payments\t0\t1\t1\nPayments\t1\t2\t2\n");
    let said = trim(&["--before", "1", "--only", "0,7"]).failed(1);
    assert!(said.contains("topic \"Payments\" has no partition 7; it has 2"), "{said}");
}

#[test]
fn settings_are_read_changed_and_put_back() {
    let served = serve();
    served.admin(&["create-topic", "Logs", "--setting", "retention.ms=86400000"]).succeeded();
    let get = |key: &str| served.admin(&["get-config", "topic/Logs", key]).succeeded();
    assert_eq!(get("retention.ms"), "retention.ms\t86400000\ttopic\n");
    let changed = served.admin(&["set-config", "topic/Logs", "cleanup.policy=compact", "--unset", "retention.ms"]);
    assert_eq!(changed.succeeded(), "cleanup.policy\tcompact\ttopic\nretention.ms\t604800000\tdefault\n");
    let all = served.admin(&["get-config", "topic/Logs", "--output", "json"]).json();
    let named = |name: &str| all["settings"].as_array().and_then(|all| all.iter().find(|s| s["name"] == name)).cloned();
    assert_eq!(named("retention.ms").expect("listed")["origin"], "default");
    assert!(named("retention.ms").is_some_and(|setting| setting["doc"].as_str().is_some_and(|doc| !doc.is_empty())));
    assert_eq!(served.admin(&["get-config", "broker/1", "node.id"]).succeeded(), "node.id\t1\tdefault\n");

    let said = served.admin(&["get-config", "topic/Logs", "retention.mss"]).failed(1);
    assert_eq!(
        said,
        "rafka-admin: error: there is no setting \"retention.mss\"\n  hint: did you mean \"retention.ms\"?\n"
    );
    let said = served.admin(&["set-config", "topic/Logs", "retention.mss=1"]).failed(1);
    assert!(said.ends_with("  hint: did you mean \"retention.ms\"?\n"), "{said}");
    assert_eq!(said.matches("did you mean").count(), 1, "{said}");
    let said = served.admin(&["set-config", "topic/Nope", "retention.ms=1"]).failed(1);
    assert!(said.contains("topic \"Nope\" does not exist"), "{said}");
    let said = served.admin(&["get-config", "broker/9"]).failed(1);
    assert!(said.contains("there is no broker 9; there is 1"), "{said}");
}

#[test]
fn the_cluster_tells_of_itself() {
    let served = serve();
    let info = served.admin(&["cluster-info", "--output", "json"]).json();
    assert_eq!(info["controller"], 1);
    assert_eq!(
        format!("{}:{}", info["brokers"][0]["host"].as_str().unwrap_or(""), info["brokers"][0]["port"]),
        served.address
    );
    assert!(served.admin(&["ping"]).succeeded().starts_with("1\t"));
}

#[test]
fn waiting_ends_when_it_is_so_or_the_time_runs_out() {
    let served = serve();
    served.say(&["PRODUCE Payments k a", "PRODUCE Payments k b", "COMMIT billing Payments 0 1"]);
    let wait = |args: &[&str]| served.admin(&[&["wait", "--timeout", "300ms"], args].concat());
    assert_eq!(wait(&["--topic", "Payments", "--records", "2"]).succeeded(), "");
    let said = wait(&["--topic", "Payments", "--records", "3"]).failed(1);
    assert_eq!(said, "rafka-admin: error: the time ran out: topic \"Payments\" holds 2 of 3 records\n");
    let said = wait(&["--topic", "Nope", "--records", "1"]).failed(1);
    assert_eq!(said, "rafka-admin: error: the time ran out: topic \"Nope\" does not exist\n");
    assert_eq!(wait(&["--group", "billing", "--lag", "1"]).succeeded(), "");
    let said = wait(&["--group", "billing", "--lag", "0"]).failed(1);
    assert_eq!(said, "rafka-admin: error: the time ran out: group \"billing\" is 1 record behind\n");
    let said = wait(&["--group", "nobody", "--lag", "0"]).failed(1);
    assert_eq!(said, "rafka-admin: error: the time ran out: group \"nobody\" has committed nothing\n");
}

/// Started before its topic exists, it ends once the records are there.
#[test]
fn waiting_notices_what_comes_later() {
    let served = serve();
    let waiting = super::support::spawn(&["wait", "--topic", "Later", "--records", "1", "-b", &served.address]);
    served.say(&["PRODUCE Later k a"]);
    let ran = waiting.expect("it starts").wait_with_output().expect("it ends");
    assert!(ran.status.success());
}

#[test]
fn kafkas_own_topics_are_listed_when_asked_for() {
    let served = serve();
    served.say(&["PRODUCE Payments k a", "COMMIT billing Payments 0 1"]);
    let listed = served.admin(&["list-topics", "--output", "json"]).json();
    assert_eq!(listed["topics"].as_array().map(Vec::len), Some(1));
    let all = served.admin(&["list-topics", "--internal", "--output", "json"]).json();
    let internal = |topic: &Value| topic["name"] == "__consumer_offsets" && topic["internal"] == true;
    assert!(all["topics"].as_array().is_some_and(|topics| topics.iter().any(internal)), "{all}");
}

#[test]
fn a_groups_life_after_its_members() {
    let served = serve();
    served.say(&["CREATE Payments 2", "PRODUCE Payments/0 k a", "PRODUCE Payments/0 k b", "PRODUCE Payments/1 k c"]);
    served.say(&["COMMIT billing Payments 0 1"]);
    assert_eq!(served.admin(&["list-groups"]).succeeded(), "billing\tEmpty\tclassic\t\n");
    let row = |committed: i64, lag: i64| format!("billing\tPayments\t0\t{committed}\t2\t{lag}\t\t\t\n");
    assert_eq!(served.admin(&["describe-group", "billing"]).succeeded(), row(1, 1));
    let described = served.admin(&["describe-group", "billing", "--output", "json"]).json();
    let partition = json!({"topic": "Payments", "partition": 0, "committed": 1, "end": 2, "lag": 1, "member": null});
    assert_eq!(described["groups"][0]["partitions"], json!([partition]));
    assert_eq!((&described["groups"][0]["state"], &described["groups"][0]["members"]), (&json!("Empty"), &json!([])));
    let table = served.admin(&["describe-group", "billing", "--output", "table"]).succeeded();
    assert!(table.starts_with("billing  Empty, 0 members, classic\nGROUP "), "{table}");

    let reset = |args: &[&str]| served.admin(&[&["reset-group", "billing", "--topic", "Payments"], args].concat());
    let moved = "Payments\t0\t1\t0\nPayments\t1\t\t0\n";
    assert_eq!(reset(&["--to", "earliest", "--dry-run"]).succeeded(), moved);
    assert_eq!(served.admin(&["describe-group", "billing"]).succeeded(), row(1, 1), "nothing was done");
    let said = reset(&["--to", "2", "-y"]).failed(1);
    assert_eq!(said, "rafka-admin: error: Payments/1 has offsets 0 to 1; 2 lies outside\n  hint: nothing was moved\n");
    assert_eq!(reset(&["--to", "-1", "-y"]).succeeded(), "Payments\t0\t1\t1\nPayments\t1\t\t0\n");
    assert_eq!(reset(&["--to", "@2999-01-01", "-y"]).succeeded(), "Payments\t0\t1\t2\nPayments\t1\t0\t1\n");
    let said = served.admin(&["reset-group", "biling", "--topic", "Payments", "--to", "0", "-y"]).failed(1);
    assert_eq!(said, "rafka-admin: error: group \"biling\" does not exist\n  hint: did you mean \"billing\"?\n");
    let said = served.admin(&["reset-group", "billing", "--topic", "Paymnts", "--to", "0", "-y"]).failed(1);
    assert_eq!(said, "rafka-admin: error: topic \"Paymnts\" does not exist\n  hint: did you mean \"Payments\"?\n");

    let ran = served.admin(&["delete-group", "-y", "audit", "billing", "billing"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "billing\n"));
    assert!(ran.err.starts_with("rafka-admin: error: group \"audit\" does not exist\n"), "{}", ran.err);
    assert_eq!(served.admin(&["list-groups"]).succeeded(), "");
    let said = served.admin(&["describe-group", "billing"]).failed(1);
    assert_eq!(said, "rafka-admin: error: group \"billing\" does not exist\n");
}
