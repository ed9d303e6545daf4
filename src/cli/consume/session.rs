//! A run of rafka-consume: what is read, alone or as a member of a group.

use std::time::Duration;

use super::plan::Plan;
use super::reading::Reading;
use super::share::Share;
use super::sink::Sink;
use crate::base::{OffsetSpec, PartitionId, TopicName, TopicPartition};
use crate::cli::failure::{Failure, reason};
use crate::cli::partition_list::PartitionList;
use crate::cli::run::Session;
use crate::client::group::{GroupOffsets, MemberConfig};
use crate::client::{ClientConfig, ClientError, Cluster, Consumer, ConsumerConfig};

/// After the first Ctrl-C, what is left to do has this long.
pub(super) const FINISH_WITHIN: Duration = Duration::from_millis(4500);

/// After that, a word to the group's coordinator has this long.
const LEAVING_TAKES: Duration = Duration::from_millis(300);

pub(super) struct ConsumeSession<'a> {
    pub(super) topics: Vec<TopicName>,
    pub(super) partitions: Option<&'a PartitionList>,
    pub(super) from: OffsetSpec,
    /// `from` was given with -o, and is no default.
    pub(super) from_is_asked: bool,
    pub(super) until: Option<OffsetSpec>,
    pub(super) follow: bool,
    pub(super) count: Option<u64>,
    pub(super) idle: Option<Duration>,
    pub(super) skip_damaged: bool,
    pub(super) group: Option<MemberConfig>,
    pub(super) reset: bool,
    /// None: nothing is committed.
    pub(super) commit_every: Option<Duration>,
    pub(super) session: &'a Session,
}

impl ConsumeSession<'_> {
    pub(super) fn run(&self, client: ClientConfig, config: ConsumerConfig, sink: Sink) -> Result<(), Failure> {
        let isolation = config.isolation;
        let mut cluster = Cluster::connect(client.clone())?;
        let places = self.places(&mut cluster)?;
        let mut plan = Plan::new(self.from, self.until, self.follow, isolation);
        let share = match &self.group {
            Some(group) => {
                if self.reset {
                    // Who is reading goes on from where he is; nobody moves the place under his feet.
                    GroupOffsets::new(group.group.clone()).check_unused(&mut cluster).map_err(cannot_reset)?;
                    plan.reset = true;
                }
                // It enters while the ends are asked for.
                let share = Share::join(&client, group.clone(), self.commit_every.is_some());
                Some(share.map_err(|e| Failure::failed(format!("can't become a member: {}", reason(&e))))?)
            }
            None => None,
        };
        let leaver = share.as_ref().map(|share| share.membership().leaver());
        self.session.leave_within(FINISH_WITHIN, move || {
            // Whoever holds us up, the group is not to wait for us.
            if let Some(leaver) = leaver {
                leaver.leave();
                std::thread::sleep(LEAVING_TAKES);
            }
        });
        plan.look(&mut cluster, &places)?;
        let mut reading = Reading::new(self, Consumer::new(cluster, config), sink, plan, share);
        if self.group.is_none() {
            reading.begin(&places)?;
        }
        reading.run()
    }

    /// Every partition there is to be read.
    fn places(&self, cluster: &mut Cluster) -> Result<Vec<TopicPartition>, Failure> {
        let mut places = Vec::new();
        let mut topics = cluster.topics(&self.topics, false).map_err(|e| self.cannot_open(e))?;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        for (name, topic) in self.topics.iter().zip(topics) {
            let partitions = topic.partition_count();
            let wanted: Vec<PartitionId> = match self.partitions {
                Some(list) => list.as_slice().to_vec(),
                None => (0..partitions).map(PartitionId).collect(),
            };
            for partition in wanted {
                if partition.0 >= partitions {
                    let topic = name.to_string();
                    return Err(ClientError::UnknownPartition { topic, partition, partitions }.into());
                }
                places.push(TopicPartition { topic: name.clone(), partition });
            }
        }
        Ok(places)
    }

    /// Who follows a topic may be there before it.
    fn cannot_open(&self, error: ClientError) -> Failure {
        let hint = match &error {
            ClientError::UnknownTopic { topic, nearest: None } if self.follow => {
                Some(format!("rafka-admin wait --topic {topic} --records 0 waits until somebody has made it"))
            }
            _ => None,
        };
        let failure = Failure::from(error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

fn cannot_reset(error: ClientError) -> Failure {
    match error {
        ClientError::GroupInUse { group } => Failure::failed(format!(
            "group \"{group}\" has live members, and --reset would move the place they read at"
        ))
        .with_hint("leave --reset out to read beside them, or wait until they have left"),
        other => other.into(),
    }
}
