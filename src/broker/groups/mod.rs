//! Groups.
pub mod assign;
pub mod consumer;
pub mod records;
