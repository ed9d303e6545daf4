//! The topics there are, as far as groups care: names, ids, numbers of partitions.

use std::collections::BTreeMap;

use crate::base::Uuid;

/// One state of the topics. Internal ones are not in here: nobody subscribes to them.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Another state has another version.
    version: u64,
    topics: BTreeMap<String, Shape>,
    names: BTreeMap<Uuid, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub id: Uuid,
    pub partitions: i32,
}

impl Topology {
    /// `version` is above 0; 0 is for "never looked".
    pub fn new(version: u64, topics: impl IntoIterator<Item = (String, Shape)>) -> Topology {
        let topics: BTreeMap<String, Shape> = topics.into_iter().collect();
        let names = topics.iter().map(|(name, shape)| (shape.id, name.clone())).collect();
        Topology { version, topics, names }
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn topic(&self, name: &str) -> Option<Shape> {
        self.topics.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    pub fn name(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// What the topics of these names are like, in one number that can be kept: 0 if none of them is there, else the
    /// same only if none of them changed. Kafka's (KIP-1101) is made otherwise; after moving data from one to the other a
    /// group is assigned anew once.
    pub fn hash<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> i64 {
        // FNV-1a.
        const START: u64 = 0xcbf2_9ce4_8422_2325;
        let mix = |hash: u64, bytes: &[u8]| {
            bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
        };
        let mut hash = None;
        for shape in names.into_iter().filter_map(|name| self.topic(name)) {
            let so_far = mix(hash.unwrap_or(START), &shape.id.0);
            hash = Some(mix(so_far, &shape.partitions.to_be_bytes()));
        }
        hash.map_or(0, u64::cast_signed)
    }
}
