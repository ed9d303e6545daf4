//! Fetch sessions (KIP-227): a client names its partitions once, then only what changes, and is told only what it does
//! not know yet. They belong to the broker and not to a connection: a client may go on with one on another.
//!
//! ```text
//! session   the partitions of one client, and what it was told    pure
//! cache     which sessions there are, and who makes room          pure; the time is handed in
//! ```
//!
//! Sessions are only in memory. One that is gone, for whatever reason, costs its client one full fetch.

mod cache;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::Mutex;

use self::cache::{Cache, Continued};
use crate::base::{ErrorCode, Now};

pub use self::cache::Room;
pub use self::session::{Asked, Outcome, Session, TopicRef, distinct};

/// The session epoch of a fetch that begins a session, and of one that wants none (Kafka's FetchMetadata).
const BEGINS: i32 = 0;
const WANTS_NONE: i32 = -1;
/// The session id of an answer without a session.
const NO_SESSION: i32 = 0;

/// All sessions of this broker.
#[derive(Default)]
pub struct FetchSessions {
    // The cache's lock comes before a session's.
    cache: Mutex<Cache>,
}

/// What a fetch says of its session.
pub struct Mention {
    pub id: i32,
    pub epoch: i32,
    /// Its version names topics by id.
    pub by_id: bool,
    pub asked: Vec<Asked>,
    pub forgotten: Vec<(TopicRef, i32)>,
}

/// Which session a fetch has, from when it is taken to its answer.
pub enum Scope {
    None,
    /// One begins with the answer, if there is room.
    New {
        by_id: bool,
    },
    Open {
        id: i32,
        session: Arc<Mutex<Session>>,
        epoch: i32,
    },
}

/// How a fetch is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Telling {
    pub session_id: i32,
    pub error: ErrorCode,
    /// Which of the outcomes; `None`: all of them.
    pub only: Option<Vec<bool>>,
}

impl FetchSessions {
    /// Takes a fetch: what to read for it, in which order, and in which session.
    pub fn take(&self, mention: Mention, room: Room, now: Now) -> Result<(Scope, Vec<Asked>), ErrorCode> {
        let Mention { id, epoch, by_id, asked, forgotten } = mention;
        if epoch == BEGINS || epoch == WANTS_NONE {
            // Either way the client is done with the session it had.
            if id != NO_SESSION {
                self.cache.lock().remove(id);
            }
            let scope = if epoch == BEGINS { Scope::New { by_id } } else { Scope::None };
            return Ok((scope, distinct(asked)));
        }
        let continued = self.cache.lock().go_on(id, epoch, by_id, (&asked, &forgotten), room, now.mono_ms)?;
        Ok(match continued {
            Continued::Session { session, epoch } => {
                let asked = session.lock().asked();
                (Scope::Open { id, session, epoch }, asked)
            }
            Continued::Emptied => (Scope::None, distinct(asked)),
        })
    }

    /// Says what of the outcomes goes into the answer, and under which session. They stand in the order of what was to
    /// be read.
    pub fn tell<'a>(
        &self,
        scope: &Scope,
        asked: impl Iterator<Item = &'a Asked>,
        outcomes: &'a [Outcome],
        room: Room,
        now: Now,
    ) -> Telling {
        let error = ErrorCode::None;
        match scope {
            Scope::None => Telling { session_id: NO_SESSION, error, only: None },
            Scope::New { by_id } => {
                let session = Session::new(*by_id, asked.zip(outcomes));
                let id = self.cache.lock().insert(session, room, now.mono_ms, random_id);
                Telling { session_id: id.unwrap_or(NO_SESSION), error, only: None }
            }
            Scope::Open { id, session, epoch } => {
                let mut session = session.lock();
                if session.epoch() != *epoch {
                    // A further request in this session was taken while this one waited.
                    let error = ErrorCode::InvalidFetchSessionEpoch;
                    return Telling { session_id: *id, error, only: Some(vec![false; outcomes.len()]) };
                }
                Telling { session_id: *id, error, only: Some(session.tell(outcomes)) }
            }
        }
    }
}

/// Drawn, so that a client that comes back after a restart does not meet somebody else's session.
fn random_id() -> i32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    i32::from_be_bytes(bytes) & i32::MAX
}
