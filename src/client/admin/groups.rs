//! Consumer groups: which there are, who is in them, where they stand, moving and deleting them.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::{Admin, Answer, Refused, in_order};
use crate::base::{Offset, TopicPartition};
use crate::client::group::{Committer, GroupDescription, GroupOffsets, describe};
use crate::client::{ClientError, Node};
use crate::protocol::kafka::api::delete_groups::DeleteGroupsRequest;
use crate::protocol::kafka::api::list_groups::ListGroupsRequest;

/// A coordinator may still be loading, or may just have moved.
const PATIENCE: Duration = Duration::from_secs(20);

/// A group in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    pub name: String,
    /// What kind of clients use it: `consumer` for consumers; empty if it only has committed offsets.
    pub protocol: String,
    /// None where an older broker does not tell.
    pub state: Option<String>,
    /// `classic`, `consumer` (KIP-848), `share` and so on.
    pub kind: Option<String>,
}

impl Admin {
    /// Every group there is, sorted by name. Each broker is asked for those it coordinates.
    pub fn groups(&mut self) -> Result<Vec<GroupListing>, ClientError> {
        let brokers: Vec<i32> = self.cluster.metadata().brokers.keys().copied().collect();
        let mut found = BTreeMap::new();
        for broker in brokers {
            let groups = self.cluster.with_retries(Instant::now() + PATIENCE, |cluster| {
                let answer = cluster.call(Node::Broker(broker), &ListGroupsRequest::default())?;
                match answer.error_code {
                    0 => Ok(answer.groups),
                    code => Err(ClientError::refused(format!("the groups of broker {broker}"), code, None)),
                }
            })?;
            let told = |text: String| Some(text).filter(|text| !text.is_empty());
            found.extend(groups.into_iter().map(|group| {
                let listing = GroupListing {
                    name: group.group_id.clone(),
                    protocol: group.protocol_type,
                    state: told(group.group_state),
                    kind: told(group.group_type),
                };
                (group.group_id, listing)
            }));
        }
        Ok(found.into_values().collect())
    }

    /// Who is in a group and has what; none, if it is not there.
    pub fn group(&mut self, name: &str) -> Result<Option<GroupDescription>, ClientError> {
        describe(&mut self.cluster, name)
    }

    /// Moves the place of a group; one with live members is not moved.
    pub fn move_group(&mut self, name: &str, to: &[(TopicPartition, Offset)]) -> Result<(), ClientError> {
        GroupOffsets::new(name).commit(&mut self.cluster, &Committer::outside(), to)
    }

    /// Deletes groups, none named twice, and what they have committed.
    pub fn delete_groups(&mut self, names: &[String]) -> Result<Vec<Answer<()>>, ClientError> {
        let mut answers: HashMap<String, Answer<()>> = HashMap::new();
        for name in names {
            let request = DeleteGroupsRequest { groups_names: vec![name.clone()] };
            let answer = self.cluster.with_retries(Instant::now() + PATIENCE, |cluster| {
                let answer = cluster.call(Node::GroupCoordinator(name.clone()), &request)?;
                let code = answer.results.first().map_or(0, |result| result.error_code);
                let refused = ClientError::refused(format!("deleting group \"{name}\""), code, None);
                if refused.is_retriable() { Err(refused) } else { Ok(answer) }
            })?;
            for result in answer.results {
                answers.insert(result.group_id, Refused::check(result.error_code, None));
            }
        }
        Ok(in_order(names.iter(), answers))
    }
}
