//! rafka-admin as a person runs it: the real program, its output, its sentences, its exit codes.
#![cfg(all(feature = "cli", unix))]

mod offline;
mod online;
mod support;
mod usage;
