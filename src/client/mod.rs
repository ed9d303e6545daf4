//! A blocking Kafka client.
mod address;
pub mod admin;
mod cluster;
mod config;
mod connection;
mod error;
mod frames;
mod metadata;
mod poll;
mod versions;
pub use address::Address;
pub use cluster::{Cluster, Node};
pub use config::ClientConfig;
pub use error::ClientError;
pub use poll::{Stop, Watch};
