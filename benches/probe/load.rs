//! Records at a steady rate, through the client library: one at a time to one partition, or batches over many.

use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rafka::base::{PartitionId, TopicName};
use rafka::client::producer::TopicHandle;
use rafka::client::{Address, ClientConfig, Cluster, NewRecord, Producer, ProducerConfig};

use super::Outcome;

const VALUE_BYTES: usize = 100;
/// What a record of that size takes in a batch.
const RECORD_BYTES: usize = VALUE_BYTES + 9;

/// One record of 100 bytes each `1 / rate` seconds. It begins with the time, for who reads it at the other end.
pub fn paced(address: &str, topic: &str, rate: f64, count: u32) -> Outcome {
    let (mut producer, topic) = open(address, topic, ProducerConfig::default())?;
    let mut took = Vec::with_capacity(count as usize);
    let began = Instant::now();
    for n in 0..count {
        let due = began + Duration::from_secs_f64(f64::from(n) / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        let time = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let value = format!("{:020}{:x<80}", time.as_nanos(), "");
        send(&mut producer, topic, PartitionId(0), value.as_bytes(), u64::from(n))?;
        producer.flush()?;
        took.push(sent.elapsed().as_micros());
    }
    check(&mut producer)?;
    let mut out = std::io::stdout().lock();
    for micros in took {
        writeln!(out, "{micros}")?;
    }
    Ok(())
}

/// A batch to one partition after the other, so that `rate` records a second come together in all.
pub fn spread(address: &str, topic: &str, batch_bytes: usize, rate: f64, seconds: f64) -> Outcome {
    let config = ProducerConfig { batch_bytes: 2 * batch_bytes, ..ProducerConfig::default() };
    let (mut producer, topic) = open(address, topic, config)?;
    let partitions = producer.partitions(topic);
    let batch_records = (batch_bytes / RECORD_BYTES).max(1);
    let value = [b'x'; VALUE_BYTES];
    let (mut sent, mut partition) = (0, 0);
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < seconds {
        for _ in 0..batch_records {
            send(&mut producer, topic, PartitionId(partition), &value, sent)?;
            sent += 1;
        }
        partition = (partition + 1) % partitions;
        producer.seal_open()?;
        let due = began + Duration::from_secs_f64(sent as f64 / rate);
        loop {
            producer.work(Some(due), &mut [])?;
            if Instant::now() >= due {
                break;
            }
        }
        check(&mut producer)?;
    }
    producer.flush()?;
    check(&mut producer)?;
    println!("{sent} {}", began.elapsed().as_secs_f64());
    Ok(())
}

fn open(
    address: &str,
    topic: &str,
    config: ProducerConfig,
) -> Result<(Producer, TopicHandle), Box<dyn std::error::Error>> {
    let cluster = Cluster::connect(ClientConfig::new(vec![Address::parse(address)?]))?;
    let mut producer = Producer::new(cluster, config)?;
    let topic = producer.open(&TopicName::new(topic)?, false)?;
    Ok((producer, topic))
}

fn send(producer: &mut Producer, topic: TopicHandle, partition: PartitionId, value: &[u8], tag: u64) -> Outcome {
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    producer.send(topic, partition, &NewRecord { timestamp, key: None, value: Some(value), headers: &[], tag })?;
    Ok(())
}

fn check(producer: &mut Producer) -> Outcome {
    producer.take_failure().map_or(Ok(()), |failure| Err(failure.error.into()))
}
