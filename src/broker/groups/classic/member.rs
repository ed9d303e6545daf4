//! One member of a classic group, as its last JoinGroup described it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Ticket;

/// The id under which the coordinator knows a member; the coordinator made it up.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// Kafka's form: who it is (instance id, else client id), a hyphen, and something random.
    pub fn fresh(who: &str) -> MemberId {
        MemberId(format!("{who}-{}", crate::base::Uuid::random().hyphenated()).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MemberId {
    fn from(id: &str) -> MemberId {
        MemberId(id.into())
    }
}

impl std::borrow::Borrow<str> for MemberId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A way to share the work (an assignor), and what the member says for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    pub name: String,
    pub metadata: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// A static member (KIP-345) keeps its place while its process is replaced.
    pub instance_id: Option<Arc<str>>,
    pub client_id: String,
    pub client_host: String,
    pub rebalance_timeout_ms: i64,
    pub session_timeout_ms: i64,
    /// The one it likes best comes first.
    pub protocols: Vec<Protocol>,
    pub assignment: Bytes,
    /// The JoinGroup that waits for the next generation.
    pub(super) joining: Option<Ticket>,
    /// The SyncGroup that waits for the leader's assignment.
    pub(super) syncing: Option<Ticket>,
    /// It has not seen a generation yet, and may have given up on its JoinGroup without a word.
    pub(super) is_new: bool,
    /// `None`: it was due while the member waited for us, and is set anew with the answer.
    pub(super) session_ends_at: Option<i64>,
}

impl Member {
    pub fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    /// What it says for one protocol.
    pub fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.iter().find(|offered| offered.name == protocol).map(|offered| &offered.metadata)
    }

    /// Whoever waits for an answer from us need not send heartbeats; a new member's wait is bounded all the same.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }

    pub(super) fn renew_session(&mut self, mono_ms: i64) {
        self.session_ends_at = Some(mono_ms.saturating_add(self.session_timeout_ms));
    }
}
