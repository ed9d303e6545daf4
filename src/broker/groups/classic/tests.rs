//! What the state machine answers, event by event.
