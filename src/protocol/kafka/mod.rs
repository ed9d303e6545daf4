//! Kafka's wire protocol: frames, headers and messages, from bytes to values and back.
//!
//! May know `crate::base` and nothing of sockets, logs or brokers. Always holds: whatever bytes come, decoding ends
//! with a value or a [`DecodeError`], never panics, and takes memory in proportion to the bytes that are there.
//!
//! Messages are declared in [`api`], one file per API; [`ApiKey`] is the table of all of them. A request is read as
//! [`RequestHeader::decode`] and then, by key, `ProduceRequest::decode`; answers are made by [`response_frame`].

mod api_key;
mod decoder;
mod encoder;
mod header;
#[macro_use]
mod message;
mod wire;

pub mod api;
pub mod consumer_group_records;
pub mod consumer_protocol;
pub mod group_records;
#[cfg(test)]
pub(crate) mod tests;

pub use api_key::ApiKey;
pub use decoder::{DecodeError, Decoder};
pub use encoder::{Encoder, Frame, Piece, SPLICE_BYTES_MIN, Splice};
pub use header::{RequestHeader, ResponseHeader, request_frame, response_frame};
pub use message::{Message, Request};
pub use wire::{Form, Nullable, RecordsField, Wire};
