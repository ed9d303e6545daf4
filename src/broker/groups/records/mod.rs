//! The records of `__consumer_offsets`.
pub mod consumer;
