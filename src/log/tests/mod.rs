//! The partition log's stories, one file each.

mod basics;
mod failures;
mod model;
