//! The partition log's stories, one file each.

mod basics;
mod model;
