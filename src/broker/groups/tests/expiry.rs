//! What is forgotten by and by (KIP-211).

use super::house::*;
use crate::base::ErrorCode;
use crate::protocol::kafka::api::*;

const MINUTE_MS: u64 = 60_000;
const SETTINGS: &[(&str, &str)] = &[("offsets.retention.minutes", "10")];

fn look_for_expired(house: &House) {
    house.core.groups().forget_expired(&house.core, house.core.now());
    house.flush();
}

#[test]
fn without_members_a_commit_lasts_from_its_own_time() {
    let house = House::new(SETTINGS);
    house.commit("g", "t", 5);
    house.pass(9 * MINUTE_MS);
    house.commit("g", "u", 6);
    look_for_expired(&house);
    assert_eq!(house.committed("g", "t"), 5);
    house.pass(MINUTE_MS);
    look_for_expired(&house);
    assert_eq!((house.committed("g", "t"), house.committed("g", "u")), (-1, 6));
    house.pass(9 * MINUTE_MS);
    look_for_expired(&house);
    assert_eq!(house.list(), [], "nothing is left of it");
    assert_eq!(house.crash().list(), []);
}

#[test]
fn with_members_the_time_begins_when_the_last_one_goes() {
    let house = House::new(SETTINGS);
    house.commit("g", "t", 5);
    house.commit("g", "u", 6);
    let member = house.stable("g");
    for _ in 0..4 * 20 {
        house.pass(MINUTE_MS / 8);
        assert_eq!(house.heartbeat("g", &member, 1), 0);
    }
    look_for_expired(&house);
    assert_eq!(house.committed("g", "t"), 5, "somebody reads it");
    assert_eq!(house.committed("g", "u"), -1, "nobody reads it any more");
    house.leave("g", &member);
    house.pass(10 * MINUTE_MS - 1);
    look_for_expired(&house);
    assert_eq!(house.committed("g", "t"), 5);
    let house = house.crash();
    house.pass(1);
    look_for_expired(&house);
    assert_eq!((house.committed("g", "t"), house.list()), (-1, Vec::new()));
}

#[test]
fn an_old_client_says_itself_how_long() {
    let house = House::new(SETTINGS);
    let mut request = commit_request("g", "t", 5);
    request.retention_time_ms = 1000;
    assert_eq!(house.call(&request, 4).topics[0].partitions[0].error_code, 0);
    look_for_expired(&house);
    assert_eq!(house.committed("g", "t"), 5);
    house.pass(1000);
    look_for_expired(&house);
    assert_eq!(house.committed("g", "t"), -1);
}

#[test]
fn offsets_are_deleted_where_nobody_reads() {
    let house = House::new(&[]);
    house.commit("g", "t", 5);
    house.commit("g", "u", 6);
    let member = house.stable("g");
    let delete = |house: &House, topic: &str| {
        let partition = offset_delete::OffsetDeleteRequestPartition { partition_index: 0 };
        let topic = offset_delete::OffsetDeleteRequestTopic { name: topic.to_owned(), partitions: vec![partition] };
        let answer = house.latest(&OffsetDeleteRequest { group_id: "g".to_owned(), topics: vec![topic] });
        ErrorCode::from_code(answer.topics[0].partitions[0].error_code)
    };
    assert_eq!(delete(&house, "t"), ErrorCode::GroupSubscribedToTopic);
    assert_eq!(delete(&house, "u"), ErrorCode::None);
    assert_eq!(delete(&house, "none"), ErrorCode::UnknownTopicOrPartition);
    assert_eq!((house.committed("g", "t"), house.committed("g", "u")), (5, -1));
    house.leave("g", &member);
    assert_eq!(delete(&house, "t"), ErrorCode::None);
    assert_eq!(house.crash().committed("g", "t"), -1);
    let house = House::new(&[]);
    let missing = house.latest(&OffsetDeleteRequest { group_id: "none".to_owned(), ..Default::default() });
    assert_eq!(missing.error_code, ErrorCode::GroupIdNotFound.code());
}
