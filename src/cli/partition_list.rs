//! Partition lists as a person types them: `0,2,5-7`.

use crate::base::PartitionId;

/// More partitions than anyone has in a topic; keeps `0-2147483647` from filling the memory.
const PARTITIONS_MAX: usize = 100_000;

/// Some partitions of a topic, sorted, each once, never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionList(Vec<PartitionId>);

impl PartitionList {
    /// For clap.
    pub fn parse(text: &str) -> Result<PartitionList, String> {
        let refuse = || "partitions are numbers and ranges, such as 0,2,5-7".to_owned();
        let mut partitions = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first).ok_or_else(refuse)?, number(last).ok_or_else(refuse)?),
                None => (number(part).ok_or_else(refuse)?, number(part).ok_or_else(refuse)?),
            };
            if first > last {
                return Err(format!("the range {part} runs backwards"));
            }
            if (last - first) as usize >= PARTITIONS_MAX - partitions.len() {
                return Err(format!("that is more than {PARTITIONS_MAX} partitions"));
            }
            partitions.extend((first..=last).map(PartitionId));
        }
        partitions.sort_unstable();
        partitions.dedup();
        Ok(PartitionList(partitions))
    }

    pub fn as_slice(&self) -> &[PartitionId] {
        &self.0
    }

    pub fn contains(&self, partition: PartitionId) -> bool {
        self.0.binary_search(&partition).is_ok()
    }
}

fn number(text: &str) -> Option<i32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Result<Vec<i32>, String> {
        PartitionList::parse(text).map(|list| list.as_slice().iter().map(|p| p.0).collect())
    }

    #[test]
    fn numbers_and_ranges_are_merged() {
        assert_eq!(numbers("0"), Ok(vec![0]));
        assert_eq!(numbers("0,2,5-7"), Ok(vec![0, 2, 5, 6, 7]));
        assert_eq!(numbers("7,1-3,2"), Ok(vec![1, 2, 3, 7]));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for bad in ["", ",", "1,", "-1", "1-", "a", "3-1", "1-2-3", "0-2147483647", "+1", "99999999999", " 1"] {
            assert!(numbers(bad).is_err(), "{bad:?}");
        }
    }
}
