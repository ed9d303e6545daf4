//! A Kafka client: blocking, on one thread (and a small one beside it for a place in a group), against Rafka and Apache
//! Kafka alike.
//!
//! [`Cluster`] finds brokers and asks them; [`Producer`] and [`Consumer`] move records over connections of their own;
//! a [`group::Membership`] says which partitions are whose; [`admin::Admin`] looks after topics, offsets and settings.
//! What they decide (order, retries, which records to skip, who gets what) is pure and tested alone; the hands are
//! [`Cluster`], `connection` and each one's `work`. This room may know base, record and protocol, and of settings what
//! `config` says of clients. Whatever a broker answers may be hostile.

mod address;
pub mod admin;
mod cluster;
mod config;
mod connection;
#[cfg(test)]
mod connection_tests;
pub mod consumer;
mod error;
#[cfg(test)]
mod fake_broker;
mod frames;
pub mod group;
mod metadata;
pub mod poll;
pub mod producer;
#[cfg(test)]
pub(crate) mod testing;
mod versions;
mod wake;

pub use address::Address;
pub use cluster::{Cluster, Node};
pub use config::ClientConfig;
pub use consumer::{Chunk, Consumer, ConsumerConfig, Record, TimestampType};
pub use error::ClientError;
pub use metadata::{Metadata, PartitionInfo, Topic};
pub use poll::{Stop, Watch};
pub use producer::{NewRecord, PartitionBy, Partitioner, Producer, ProducerConfig};
