//! Groups in a whole broker, without its sockets: requests go in as frames, answers come out; the disk forgets, the
//! clock stands still until it is told.

mod durability;
mod expiry;
mod house;
mod waiting;
