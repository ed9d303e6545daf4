//! (map follows)
mod input;
mod waker;
