//! The partition log's stories, one file each.

mod basics;
mod compaction;
mod compaction_model;
mod cuts;
mod damage;
mod failures;
mod gaps;
mod inspect;
mod later;
mod model;
mod producers;
mod reads;
mod recovery;
mod retention;
mod segments;
