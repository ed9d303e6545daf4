//! Single reads at places all over a partition: by offset, and by time.

use std::ops::Range;

use rafka::protocol::kafka::api::ListOffsetsRequest;
use rafka::protocol::kafka::api::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};

use super::Outcome;
use super::ask::{Asking, FETCH_BY_NAME, brought, fetch};

const LIST_OFFSETS_VERSION: i16 = 7;
/// `ListOffsetsPartition::timestamp` for the end.
const LATEST: i64 = -1;

/// Reads the batch at each of `count` offsets, evenly spread and in no order.
pub fn offsets(address: &str, topic: &str, count: i64) -> Outcome {
    let mut asking = Asking::open(address)?;
    let end = offset_at(&mut asking, topic, LATEST)?;
    for n in 0..count {
        let offset = scattered(n, count) * (end / count);
        // One byte: the batch that holds the offset comes whole, and nothing else.
        let response = asking.ask(&fetch(topic, offset, 1, 0), FETCH_BY_NAME)?;
        if !brought(&response)? {
            return Err(format!("nothing at offset {offset} of {end}").into());
        }
    }
    println!("{}", asking.bytes);
    Ok(())
}

/// Asks for the offset at each of `count` times, evenly spread and in no order.
pub fn times(address: &str, topic: &str, count: i64, between: Range<i64>) -> Outcome {
    let mut asking = Asking::open(address)?;
    for n in 0..count {
        let time = between.start + scattered(n, count) * (between.end - between.start) / count;
        if offset_at(&mut asking, topic, time)? < 0 {
            return Err(format!("no offset at time {time}").into());
        }
    }
    println!("{}", asking.bytes);
    Ok(())
}

/// All of 0..count in an order without neighbours.
fn scattered(n: i64, count: i64) -> i64 {
    const STEP: i64 = 7919;
    n * STEP % count
}

fn offset_at(asking: &mut Asking, topic: &str, timestamp: i64) -> Result<i64, Box<dyn std::error::Error>> {
    let partitions = vec![ListOffsetsPartition { timestamp, ..Default::default() }];
    let topics = vec![ListOffsetsTopic { name: topic.to_owned(), partitions }];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
    let response = asking.ask(&request, LIST_OFFSETS_VERSION)?;
    let found = response.topics.first().and_then(|topic| topic.partitions.first());
    found.map(|partition| partition.offset).ok_or_else(|| "the answer names no partition".into())
}
