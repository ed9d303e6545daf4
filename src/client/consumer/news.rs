//! What becomes of the topics being read: one may be deleted, and another may get its name.

use super::Consumer;
use crate::base::{ErrorCode, Offset, TopicName, Uuid};
use crate::client::ClientError;
use crate::client::cluster::Answered;

/// Something a reader may want to know of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicNews {
    /// The brokers know it no more. It is asked for again and again.
    Gone(TopicName),
    /// Another topic has got the name, and is read from its first record on.
    Anew(TopicName),
}

impl Consumer {
    /// What happened since it was asked last.
    pub fn take_news(&mut self) -> Vec<TopicNews> {
        std::mem::take(&mut self.news)
    }

    /// Compares what the brokers say now with the topics that are being read.
    pub(super) fn look_at_topics(&mut self, answered: &[Answered]) -> Result<(), ClientError> {
        for (name, read) in answered {
            match read {
                Err(ErrorCode::UnknownTopicOrPartition) => self.gone(name),
                Ok(topic) => self.found(name, topic.id)?,
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn gone(&mut self, name: &str) {
        for assigned in self.assigned.iter_mut().filter(|assigned| *assigned.topic == *name && !assigned.is_gone) {
            assigned.is_gone = true;
            self.has_news |= tell(&mut self.news, TopicNews::Gone(assigned.name.clone()));
        }
    }

    fn found(&mut self, name: &str, id: Uuid) -> Result<(), ClientError> {
        for assigned in self.assigned.iter_mut().filter(|assigned| *assigned.topic == *name) {
            assigned.is_gone = false;
            if assigned.topic_id == id || id == Uuid::ZERO {
                continue;
            }
            let is_first_known = std::mem::replace(&mut assigned.topic_id, id) == Uuid::ZERO;
            if is_first_known {
                continue;
            }
            if assigned.until.is_some() {
                // Whatever is known of the other is not to be told of this one.
                self.has_news |= tell(&mut self.news, TopicNews::Gone(assigned.name.clone()));
                if assigned.is_done() {
                    continue;
                }
                // The end that was to be reached was the other's.
                let what = format!("reading {}/{}", assigned.topic, assigned.partition);
                let message = Some("it was deleted, and another topic has got its name".to_owned());
                return Err(ClientError::refused(what, ErrorCode::UnknownTopicId.code(), message));
            }
            assigned.position = Offset::ZERO;
            assigned.takes_start = true;
            assigned.seeks += 1;
            assigned.unknown_since = None;
            self.has_news |= tell(&mut self.news, TopicNews::Anew(assigned.name.clone()));
        }
        Ok(())
    }
}

/// A topic's partitions have it in common. True if it was not told yet.
fn tell(all: &mut Vec<TopicNews>, news: TopicNews) -> bool {
    let is_new = !all.contains(&news);
    if is_new {
        all.push(news);
    }
    is_new
}
