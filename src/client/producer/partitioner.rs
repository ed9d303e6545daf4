//! Which partition a record goes to, where nobody has said.

use crate::base::PartitionId;
use crate::record::partition_for_key;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartitionBy {
    /// The next partition for each record, whatever its key.
    RoundRobin,
    /// Where Java's client puts the key; records without one are dealt round-robin.
    #[default]
    KeyHash,
}

#[derive(Debug, Clone)]
pub struct Partitioner {
    by: PartitionBy,
    partitions: i32,
    next: i32,
}

impl Partitioner {
    /// Starts at a random partition, so that many short runs do not all fill the first one.
    pub fn new(by: PartitionBy, partitions: i32) -> Partitioner {
        let mut random = [0; 4];
        // Without random bytes the first partition is as good as any.
        let _ = getrandom::fill(&mut random);
        Partitioner::starting_at(by, partitions, u32::from_le_bytes(random))
    }

    fn starting_at(by: PartitionBy, partitions: i32, start: u32) -> Partitioner {
        let partitions = partitions.max(1);
        Partitioner { by, partitions, next: (start % partitions as u32) as i32 }
    }

    #[inline]
    pub fn pick(&mut self, key: Option<&[u8]>) -> PartitionId {
        match (self.by, key) {
            (PartitionBy::KeyHash, Some(key)) => partition_for_key(key, self.partitions),
            _ => {
                let picked = self.next;
                self.next = if picked + 1 == self.partitions { 0 } else { picked + 1 };
                PartitionId(picked)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dealing_is_even_whatever_the_start() {
        for start in [0, 5, u32::MAX] {
            let mut partitioner = Partitioner::starting_at(PartitionBy::RoundRobin, 6, start);
            let mut counts = [0; 6];
            for i in 0..20 {
                counts[partitioner.pick((i % 2 == 0).then_some(b"k")).0 as usize] += 1;
            }
            assert!(counts.iter().all(|count| (3..=4).contains(count)), "{counts:?}");
        }
    }

    /// Placements of Java's DefaultPartitioner: toPositive(murmur2(key)) % partitions.
    #[test]
    fn keys_go_where_java_puts_them() {
        let mut partitioner = Partitioner::starting_at(PartitionBy::KeyHash, 6, 0);
        for (key, hash) in [("", 275_646_681), ("21", -973_932_308), ("foobar", -790_332_482), ("abc", 479_470_107)] {
            assert_eq!(partitioner.pick(Some(key.as_bytes())), PartitionId((hash & 0x7fff_ffff) % 6), "{key:?}");
        }
        let dealt: Vec<i32> = (0..7).map(|_| partitioner.pick(None).0).collect();
        assert_eq!(dealt, [0, 1, 2, 3, 4, 5, 0], "keys take no turn");
    }
}
