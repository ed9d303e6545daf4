//! `--report`: where each record went, in the order of the input, however the brokers' answers come. Pure.

use std::collections::VecDeque;

use crate::client::producer::Delivery;

/// Deliveries that wait for those before them. Holds as many as the producer has records in its buffer.
#[derive(Debug)]
pub(super) struct Report {
    topic: String,
    /// The record whose line comes next.
    next: u64,
    /// For it and those behind it: partition and offset, where they are known by now.
    places: VecDeque<Option<(i32, i64)>>,
}

impl Report {
    /// `first` is the number of the first record.
    pub(super) fn new(topic: &str, first: u64) -> Report {
        Report { topic: topic.to_owned(), next: first, places: VecDeque::new() }
    }

    pub(super) fn add(&mut self, delivery: &Delivery) {
        for (index, tag) in delivery.tags.iter().enumerate() {
            let Some(place) = tag.checked_sub(self.next).and_then(|place| usize::try_from(place).ok()) else {
                continue;
            };
            if place >= self.places.len() {
                self.places.resize(place + 1, None);
            }
            // What the broker did not say is -1, as in Kafka.
            let offset = delivery.base_offset.map_or(-1, |base| base.0 + index as i64);
            self.places[place] = Some((delivery.partition.0, offset));
        }
    }

    /// The lines that are due.
    pub(super) fn write_due(&mut self, out: &mut Vec<u8>) {
        while let Some(Some((partition, offset))) = self.places.front() {
            out.extend_from_slice(format!("{}\t{partition}\t{offset}\n", self.topic).as_bytes());
            self.places.pop_front();
            self.next += 1;
        }
    }

    /// All lines there are: what is missing between them was not delivered.
    pub(super) fn write_rest(&mut self, out: &mut Vec<u8>) {
        self.places.retain(Option::is_some);
        self.write_due(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Offset, PartitionId};
    use crate::client::producer::{Tags, TopicHandle};

    fn delivery(partition: i32, base: Option<i64>, numbers: &[u64]) -> Delivery {
        let mut tags = Tags::default();
        numbers.iter().for_each(|number| assert!(tags.push(*number)));
        Delivery {
            topic: TopicHandle::for_tests(),
            partition: PartitionId(partition),
            base_offset: base.map(Offset),
            tags,
        }
    }

    #[test]
    fn lines_come_in_the_order_of_the_input() {
        let mut report = Report::new("T", 1);
        let mut out = Vec::new();
        report.add(&delivery(1, Some(10), &[2, 4]));
        report.write_due(&mut out);
        assert!(out.is_empty(), "the first record is not there yet");
        report.add(&delivery(0, Some(7), &[1, 3, 6]));
        report.write_due(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), "T\t0\t7\nT\t1\t10\nT\t0\t8\nT\t1\t11\n");
        out.clear();
        report.write_rest(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), "T\t0\t9\n", "record 5 was not delivered");
    }

    #[test]
    fn an_unknown_offset_is_minus_one() {
        let mut report = Report::new("T", 1);
        let mut out = Vec::new();
        report.add(&delivery(0, None, &[1]));
        report.write_due(&mut out);
        assert_eq!(out, b"T\t0\t-1\n");
    }
}
