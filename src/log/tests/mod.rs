//! The partition log's stories, one file each.

mod basics;
