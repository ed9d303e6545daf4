//! The bytes on the port: Kafka's messages and the text commands. Pure: no sockets, no clock, no broker.

pub mod kafka;
pub mod text;
