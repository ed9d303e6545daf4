//! rskafka as a program: see ../../README.md for what it takes and prints. It has no groups.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const FETCH_BYTES: i32 = 1_000_000;
const FETCH_WAIT_MS: i32 = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [what, broker, topic, last] = words.as_slice() else {
        return Err("usage: rskafka produce|consume BROKER TOPIC CODEC|COUNT".into());
    };
    let client = ClientBuilder::new(vec![broker.clone()]).build().await?;
    match what.as_str() {
        "produce" => produce(&client, topic, last).await,
        "consume" => consume(&client, topic, last.parse()?).await,
        other => Err(format!("unknown word {other}").into()),
    }
}

async fn partition(client: &Client, topic: &str) -> Outcome<PartitionClient> {
    Ok(client.partition_client(topic, 0, UnknownTopicHandling::Retry).await?)
}

async fn produce(client: &Client, topic: &str, codec: &str) -> Outcome<()> {
    let compression = match codec {
        "none" => Compression::NoCompression,
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        other => return Err(format!("unknown codec {other}").into()),
    };
    let mut records = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (key, value) = line.split_once(':').ok_or("a line without a key")?;
        records.push(Record {
            key: Some(key.into()),
            value: Some(value.into()),
            headers: BTreeMap::new(),
            timestamp: chrono::Utc::now(),
        });
    }
    partition(client, topic).await?.produce(records, compression).await?;
    Ok(())
}

async fn consume(client: &Client, topic: &str, count: usize) -> Outcome<()> {
    let partition = partition(client, topic).await?;
    let mut out = std::io::stdout().lock();
    let (mut offset, mut shown) = (0, 0);
    while shown < count {
        let (records, _) = partition.fetch_records(offset, 1..FETCH_BYTES, FETCH_WAIT_MS).await?;
        for found in records.into_iter().take(count - shown) {
            offset = found.offset + 1;
            out.write_all(&found.record.key.unwrap_or_default())?;
            out.write_all(b":")?;
            out.write_all(&found.record.value.unwrap_or_default())?;
            out.write_all(b"\n")?;
            shown += 1;
        }
    }
    Ok(())
}
