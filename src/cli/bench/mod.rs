//! Measuring a broker: how fast it takes records and gives them back, and how long one is on its way.
//!
//! What is measured is what a user of the programs gets: the same producer and the same consumer, with the same settings.
//! [`ground`] is what a measurement stands on, [`topic`] the topic and its end, [`pace`] the moments at which records are
//! to be sent, [`payload`] what is in them. [`sending`], [`reading`] and [`following`] do the work, [`produce()`],
//! [`consume()`] and [`latency()`] are the measurements, and [`measured`] is what comes out.

mod consume;
mod following;
mod ground;
mod latency;
mod measured;
mod pace;
mod payload;
mod produce;
mod reading;
mod sending;
mod topic;

pub(super) use consume::consume;
pub(super) use ground::{Ground, Halt};
pub(super) use latency::latency;
pub(super) use measured::{Latency, Measured, Run, Until, Work};
pub(super) use produce::{Load, produce};
pub(super) use topic::{BenchTopic, NewBenchTopic};
