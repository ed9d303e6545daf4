//! What a topic's directory carries of the catalogue: name, id, partitions, settings, and the number of the decision
//! by which that was so. While the catalogue is good it is the truth, and these notes follow it; if it is damaged or lost,
//! it comes back from them (`restore`).
//!
//! `DATA/<topic>/topic` is one line of JSON and its seal. It is written after each decision and not waited for: only
//! who loses the catalogue and the power within the same minute would miss it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::topics::PARTITIONS_PER_TOPIC_MAX;
use crate::base::{TopicName, Uuid};
use crate::log::Disk;
use crate::log::whole_file::{self, Prepared};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicNote {
    pub name: TopicName,
    /// The last decision of all when this was written.
    pub index: u64,
    pub id: Uuid,
    pub partitions: i32,
    pub settings: BTreeMap<String, String>,
}

/// No catalogue comes near; a higher number is made up.
const INDEX_MAX: u64 = 1 << 62;

impl TopicNote {
    /// None if it can't be believed.
    pub fn parse(sealed: &[u8]) -> Option<TopicNote> {
        let note: TopicNote = serde_json::from_slice(whole_file::unseal(sealed)?).ok()?;
        ((1..=PARTITIONS_PER_TOPIC_MAX).contains(&note.partitions) && note.index < INDEX_MAX).then_some(note)
    }

    /// Whether both say the same of the topic, whenever they were written.
    pub fn agrees_with(&self, other: &TopicNote) -> bool {
        TopicNote { index: 0, ..self.clone() } == TopicNote { index: 0, ..other.clone() }
    }

    /// Puts it in place of the one before, in one step.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> io::Result<()> {
        let mut json = serde_json::to_vec(self).expect("names, numbers and strings always become JSON");
        json.push(b'\n');
        let prepared = Prepared::write(disk, path, &whole_file::seal(json))?;
        prepared.commit(disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RealDisk;

    #[test]
    fn a_note_is_read_back_or_not_believed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("topic");
        let settings = BTreeMap::from([("retention.ms".to_owned(), "1000".to_owned())]);
        let name = TopicName::new("Payments").expect("valid");
        let note = TopicNote { name, index: 7, id: Uuid::random(), partitions: 3, settings };
        note.write(&RealDisk, &path).expect("written");
        let good = std::fs::read(&path).expect("there");
        assert_eq!(TopicNote::parse(&good), Some(note.clone()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(TopicNote::parse(&bad), None, "bit {bit}");
        }
        for bad in [
            TopicNote { partitions: 0, ..note.clone() },
            TopicNote { partitions: i32::MAX, ..note.clone() },
            TopicNote { index: u64::MAX, ..note.clone() },
        ] {
            bad.write(&RealDisk, &path).expect("written");
            assert_eq!(TopicNote::parse(&std::fs::read(&path).expect("there")), None, "{bad:?}");
        }
        assert!(note.agrees_with(&TopicNote { index: 9, ..note.clone() }));
        assert!(!note.agrees_with(&TopicNote { partitions: 4, ..note.clone() }));
    }
}
