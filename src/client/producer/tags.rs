//! The caller's numbers for the records of a batch (line numbers, say), kept as a first number and a count as long as
//! they follow each other, which with one partition they always do.

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    first: u64,
    count: usize,
    /// Distance from `first`, one per record; empty while the numbers follow each other.
    apart: Vec<u32>,
}

impl Tags {
    /// Adds the next record's number. False if it is too far from the first one: it needs another batch.
    #[inline]
    pub fn push(&mut self, tag: u64) -> bool {
        if self.count == 0 {
            self.first = tag;
        } else if !self.apart.is_empty() || tag != self.first + self.count as u64 {
            return self.push_apart(tag);
        }
        self.count += 1;
        true
    }

    fn push_apart(&mut self, tag: u64) -> bool {
        let Some(distance) = tag.checked_sub(self.first).and_then(|d| u32::try_from(d).ok()) else { return false };
        if self.apart.is_empty() {
            // Batches hold far fewer than 2^32 records.
            self.apart.extend(0..self.count as u32);
        }
        self.apart.push(distance);
        self.count += 1;
        true
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn get(&self, index: usize) -> Option<u64> {
        if index >= self.count {
            return None;
        }
        Some(self.first + self.apart.get(index).map_or(index as u64, |distance| u64::from(*distance)))
    }

    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.count).filter_map(|index| self.get(index))
    }

    /// The lowest number, if there is any: records are numbered in the order they come.
    pub fn first(&self) -> Option<u64> {
        self.get(0)
    }

    /// The first `at` numbers, and the others.
    pub(super) fn split(&self, at: usize) -> (Tags, Tags) {
        let mut halves = (Tags::default(), Tags::default());
        for (index, tag) in self.iter().enumerate() {
            let half = if index < at { &mut halves.0 } else { &mut halves.1 };
            half.push(tag);
        }
        halves
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.apart.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(numbers: &[u64]) -> Tags {
        let mut tags = Tags::default();
        assert!(numbers.iter().all(|number| tags.push(*number)));
        tags
    }

    #[test]
    fn numbers_are_kept_whether_or_not_they_follow_each_other() {
        for numbers in [&[5u64, 6, 7][..], &[5, 6, 9, 10], &[1], &[3, 8, 9], &[]] {
            let tags = tags(numbers);
            assert_eq!(tags.iter().collect::<Vec<_>>(), numbers);
            assert_eq!(tags.first(), numbers.first().copied());
            assert_eq!(tags.len(), numbers.len());
        }
        assert!(tags(&[5, 6, 7]).apart.is_empty(), "a run takes no memory");
    }

    #[test]
    fn what_is_too_far_away_is_refused() {
        let mut tags = tags(&[10]);
        assert!(!tags.push(11 + u64::from(u32::MAX)));
        assert!(!tags.push(9));
        assert_eq!(tags.len(), 1);
    }

    #[test]
    fn halves_keep_their_numbers() {
        let (left, right) = tags(&[1, 2, 5, 9]).split(1);
        assert_eq!((left, right), (tags(&[1]), tags(&[2, 5, 9])));
    }
}
