//! The state machine alone: tables of events and answers, and what holds whatever comes.

mod bench;
mod members;
mod properties;
mod rebalances;
