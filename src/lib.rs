//! Rafka: a distributed commit log that speaks Kafka's protocol and can be used from a shell.
//!
//! The rooms, and who may know whom (imports run one way, left to right):
//!
//! ```text
//! base <- config, record <- protocol, log <- broker, client <- server <- cli <- bin
//! ```
#![forbid(unsafe_code)]

pub mod base;
pub mod broker;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod config;
pub mod log;
pub mod protocol;
pub mod record;
pub mod server;
