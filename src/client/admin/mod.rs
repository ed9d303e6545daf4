//! Looking after a cluster: topics, offsets, settings, groups. One method per question; what a broker
//! refuses for one item of several comes back as that item's [`Refused`], not as the call's error.
//!
//! Every request goes to whoever must answer it (the controller, a partition's leader, a group's coordinator), so all
//! of this works against Apache Kafka as well.

mod cluster;
mod groups;
mod offsets;
mod settings;
mod topics;

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

pub use cluster::{BrokerView, ClusterView};
pub use groups::GroupListing;
pub use offsets::{AT_END, AT_START, FoundOffset};
pub use settings::{Change, ConfigEntry, ConfigOwner};
pub use topics::{CreatedTopic, NewTopic, Partition, Topic};

use super::Cluster;
use crate::base::ErrorCode;

/// How long a broker may take for a change.
const CHANGE_TIMEOUT_MS: i32 = 30_000;

/// What a broker answered about one item instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: ErrorCode,
    /// The broker's own words.
    pub message: Option<String>,
}

/// What was asked about one item, or why not.
pub type Answer<T> = Result<T, Refused>;

impl Refused {
    pub fn new(code: ErrorCode) -> Refused {
        Refused { code, message: None }
    }

    fn check(code: i16, message: Option<String>) -> Answer<()> {
        match ErrorCode::from_code(code) {
            ErrorCode::None => Ok(()),
            code => Err(Refused { code, message: message.filter(|m| !m.is_empty()) }),
        }
    }

    /// An item that the answer does not mention.
    fn unanswered() -> Refused {
        Refused { code: ErrorCode::UnknownServerError, message: Some("the broker did not answer this".to_owned()) }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} ({})", self.code.name()),
            None => f.write_str(self.code.name()),
        }
    }
}

/// A client that looks after a cluster.
pub struct Admin {
    cluster: Cluster,
}

impl Admin {
    pub fn new(cluster: Cluster) -> Admin {
        Admin { cluster }
    }
}

/// The answer to each item asked, in the order asked, whatever order the broker chose.
fn in_order<'a, K, A>(asked: impl Iterator<Item = &'a K>, answers: HashMap<K, Answer<A>>) -> Vec<Answer<A>>
where
    K: Hash + Eq + 'a,
    A: Clone,
{
    asked.map(|key| answers.get(key).cloned().unwrap_or_else(|| Err(Refused::unanswered()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_the_order_of_the_question_and_none_is_lost() {
        let answers = HashMap::from([("b", Ok(2)), ("a", Err(Refused::new(ErrorCode::InvalidConfig)))]);
        let asked = ["a", "b", "c", "b"];
        let ordered = in_order(asked.iter(), answers);
        assert_eq!(ordered, [Err(Refused::new(ErrorCode::InvalidConfig)), Ok(2), Err(Refused::unanswered()), Ok(2)]);
    }

    #[test]
    fn a_refusal_shows_the_brokers_words_and_the_code() {
        let refused = Refused::check(37, Some("too many".to_owned())).expect_err("a refusal");
        assert_eq!(refused.to_string(), "too many (INVALID_PARTITIONS)");
        assert_eq!(Refused::check(37, Some(String::new())).expect_err("a refusal").to_string(), "INVALID_PARTITIONS");
        assert_eq!(Refused::check(0, None), Ok(()));
    }
}
