//! rafka-admin as a person runs it: the real program, its output, its sentences, its exit codes.
#![cfg(all(feature = "cli", unix))]

mod support;
mod usage;
