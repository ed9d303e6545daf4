//! Which fetch sessions there are, and which one makes room for another (Kafka's FetchSessionCache).
//!
//! A new session takes the place of one that nobody has used for two minutes; failing that, of the smallest one that is
//! two minutes old, if that has fewer partitions than itself. Else there is no new session, and its client goes on
//! naming every partition in every fetch. (Kafka's followers go before consumers; one broker has none.)

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::session::{Asked, Session};
use crate::base::ErrorCode;

/// How long a session stays though nobody uses it, or though a larger one wants its place.
const EVICTION_MS: i64 = 120_000;

/// How much there may be: `max.incremental.fetch.session.cache.slots`, and a bound on memory that Kafka lacks.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub sessions: usize,
    pub bytes: usize,
}

struct Entry {
    session: Arc<Mutex<Session>>,
    created_ms: i64,
    used_ms: i64,
    /// As the session was when it was last used.
    size: usize,
    bytes: usize,
}

#[derive(Default)]
pub struct Cache {
    sessions: HashMap<i32, Entry>,
    bytes: usize,
}

/// What becomes of an incremental fetch.
pub enum Continued {
    /// The session, and the epoch at which it stands until the next request.
    Session { session: Arc<Mutex<Session>>, epoch: i32 },
    /// No partition is left in it; the session is closed.
    Emptied,
}

impl Cache {
    /// Remembers a session under an id that `draw` gives, unless there is no room for it.
    pub fn insert(&mut self, session: Session, room: Room, now_ms: i64, mut draw: impl FnMut() -> i32) -> Option<i32> {
        let (size, bytes) = (session.size(), session.bytes());
        if bytes > room.bytes || room.sessions == 0 {
            return None;
        }
        while self.sessions.len() >= room.sessions || self.bytes + bytes > room.bytes {
            let evicted = self.stale(now_ms).or_else(|| self.smaller(size))?;
            self.remove(evicted);
        }
        let id = loop {
            let id = draw();
            if id > 0 && !self.sessions.contains_key(&id) {
                break id;
            }
        };
        let session = Arc::new(Mutex::new(session));
        self.bytes += bytes;
        self.sessions.insert(id, Entry { session, created_ms: now_ms, used_ms: now_ms, size, bytes });
        Some(id)
    }

    /// Takes in an incremental fetch.
    pub fn go_on(
        &mut self,
        id: i32,
        epoch: i32,
        by_id: bool,
        (asked, forgotten): (&[Asked], &[(super::TopicRef, i32)]),
        room: Room,
        now_ms: i64,
    ) -> Result<Continued, ErrorCode> {
        let entry = self.sessions.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let session = Arc::clone(&entry.session);
        let mut locked = session.lock();
        if locked.epoch() != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if locked.by_id() != by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        locked.update(asked, forgotten);
        self.bytes = self.bytes - entry.bytes + locked.bytes();
        (entry.size, entry.bytes, entry.used_ms) = (locked.size(), locked.bytes(), now_ms);
        if locked.size() == 0 {
            self.remove(id);
            return Ok(Continued::Emptied);
        }
        if self.bytes > room.bytes {
            // It has outgrown its place. Its client begins again, as with any session that had to go.
            self.remove(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        let epoch = locked.next_epoch();
        drop(locked);
        Ok(Continued::Session { session, epoch })
    }

    pub fn remove(&mut self, id: i32) {
        if let Some(entry) = self.sessions.remove(&id) {
            self.bytes -= entry.bytes;
        }
    }

    #[cfg(test)]
    pub fn ids(&self) -> Vec<i32> {
        let mut ids: Vec<i32> = self.sessions.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The session that was not used for the longest, if that is too long.
    fn stale(&self, now_ms: i64) -> Option<i32> {
        let (id, entry) = self.sessions.iter().min_by_key(|(id, entry)| (entry.used_ms, **id))?;
        (now_ms - entry.used_ms > EVICTION_MS).then_some(*id)
    }

    /// The smallest session that was still in use long after it began, if `size` is larger.
    fn smaller(&self, size: usize) -> Option<i32> {
        let old = self.sessions.iter().filter(|(_, entry)| entry.used_ms - entry.created_ms > EVICTION_MS);
        let (id, entry) = old.min_by_key(|(id, entry)| (entry.size, **id))?;
        (size > entry.size).then_some(*id)
    }
}
