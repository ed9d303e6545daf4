//! The broker: topics and partitions, committed offsets, and one handler file per API. (map follows)

mod caller;
mod catalogue;
mod offsets;
mod waiting;

pub use caller::{Caller, ListenerName, Operation, Resource, authorize};
pub use waiting::{Subscription, WaitList, Waker};
