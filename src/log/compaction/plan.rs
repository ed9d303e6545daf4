//! What a compaction takes on: from where, up to where, whether it is worth it, and which segments become one
//! (Kafka's LogCleanerManager and LogCleaner.groupSegmentsBySize).

use crate::base::Offset;
use crate::log::settings::LogSettings;

/// A sealed segment, as far as the plan needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outline {
    pub base: Offset,
    /// Where the next segment begins.
    pub next: Offset,
    pub bytes: u64,
    /// Of the larger of its indexes.
    pub index_bytes: u64,
    /// -1 where there is none, here and below.
    pub first_timestamp: i64,
    pub max_timestamp: i64,
}

/// The uncompacted part of a log that may be compacted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dirt {
    pub start: Offset,
    /// The round leaves everything from here on alone.
    pub limit: Offset,
    /// Its part of all that is sealed.
    pub ratio: f64,
    /// The ratio, or `max.compaction.lag.ms`, says it is time.
    pub due: bool,
}

/// More segments are not made one: each is held open while its successor takes its place.
const SEGMENTS_MERGED_MAX: usize = 32;

/// What there is to do. `segments` are those that may be compacted, in order and without a gap; `start` is up to where
/// compaction has come.
pub(super) fn dirt(segments: &[Outline], start: Offset, settings: &LogSettings, now_ms: i64) -> Option<Dirt> {
    let first_dirty = segments.partition_point(|segment| segment.next <= start);
    let (clean, dirty) = segments.split_at(first_dirty);
    let fresh = |segment: &&Outline| {
        settings.min_compaction_lag_ms > 0
            && segment.max_timestamp > now_ms.saturating_sub(settings.min_compaction_lag_ms)
    };
    let ripe = dirty.iter().position(|segment| fresh(&segment)).unwrap_or(dirty.len());
    let dirty = &dirty[..ripe];
    let limit = dirty.last()?.next;
    let bytes = |segments: &[Outline]| segments.iter().map(|segment| segment.bytes).sum::<u64>();
    let (clean_bytes, dirty_bytes) = (bytes(clean), bytes(dirty));
    if dirty_bytes == 0 {
        return None;
    }
    let ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
    let oldest = dirty.iter().map(|segment| segment.first_timestamp).filter(|first| *first >= 0).min();
    let overdue = oldest.is_some_and(|oldest| now_ms.saturating_sub(oldest) > settings.max_compaction_lag_ms);
    let start = start.max(segments[0].base);
    Some(Dirt { start, limit, ratio, due: overdue || ratio > settings.min_cleanable_ratio })
}

/// Runs of segments that become one each. Those that `stays` names are left as they are.
pub(super) fn groups(
    segments: &[Outline],
    settings: &LogSettings,
    stays: impl Fn(Offset) -> bool,
) -> Vec<std::ops::Range<usize>> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < segments.len() {
        if stays(segments[start].base) {
            start += 1;
            continue;
        }
        let (mut end, mut bytes, mut index_bytes) = (start, 0, 0);
        for segment in &segments[start..] {
            bytes += segment.bytes;
            index_bytes += segment.index_bytes;
            let fits = bytes <= settings.segment_bytes
                && index_bytes <= settings.segment_index_bytes
                && segment.next.since(segments[start].base) <= i64::from(i32::MAX)
                && end - start < SEGMENTS_MERGED_MAX
                && !stays(segment.base);
            // One alone is always taken, however large.
            if !fits && end > start {
                break;
            }
            end += 1;
        }
        groups.push(start..end);
        start = end;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(n: i64, bytes: u64) -> Outline {
        let (base, next) = (Offset(n * 10), Offset(n * 10 + 10));
        Outline { base, next, bytes, index_bytes: 8, first_timestamp: n * 100, max_timestamp: n * 100 + 50 }
    }

    fn settings() -> LogSettings {
        LogSettings { cleanup_compact: true, segment_bytes: 1000, ..LogSettings::default() }
    }

    #[test]
    fn the_ratio_decides_and_lags_overrule_it() {
        let segments: Vec<Outline> = (0..6).map(|n| outline(n, 100)).collect();
        assert_eq!(dirt(&segments, Offset(60), &settings(), 0), None);
        assert_eq!(dirt(&[], Offset(0), &settings(), 0), None);
        let some = dirt(&segments, Offset(30), &settings(), 0).expect("three segments are dirty");
        assert_eq!((some.start, some.limit, some.ratio, some.due), (Offset(30), Offset(60), 0.5, false));
        assert!(dirt(&segments, Offset(20), &settings(), 0).expect("dirty").due);
        // In the middle of a segment: all of it counts.
        assert_eq!(dirt(&segments, Offset(29), &settings(), 0).expect("dirty").ratio, 4.0 / 6.0);
        let lazy = LogSettings { min_compaction_lag_ms: 100, ..settings() };
        let ripe = dirt(&segments, Offset(0), &lazy, 480).expect("dirty");
        assert_eq!(ripe.limit, Offset(40), "the segment that reaches 450 is too young");
        assert_eq!(dirt(&segments, Offset(40), &lazy, 480), None);
        let pressed = LogSettings { max_compaction_lag_ms: 100, ..settings() };
        assert!(!dirt(&segments, Offset(50), &pressed, 600).expect("dirty").due);
        assert!(dirt(&segments, Offset(50), &pressed, 601).expect("dirty").due);
    }

    #[test]
    fn small_neighbours_become_one_up_to_every_limit() {
        let sizes = [400, 400, 400, 900, 100, 2000, 1];
        let segments: Vec<Outline> = (0..).zip(sizes).map(|(n, bytes)| outline(n, bytes)).collect();
        assert_eq!(groups(&segments, &settings(), |_| false), [0..2, 2..3, 3..5, 5..6, 6..7]);
        assert_eq!(groups(&segments, &settings(), |base| base == Offset(40)), [0..2, 2..3, 3..4, 5..6, 6..7]);
        let narrow = LogSettings { segment_index_bytes: 8, ..settings() };
        assert_eq!(groups(&segments, &narrow, |_| false).len(), 7);
        let many: Vec<Outline> = (0..100).map(|n| outline(n, 0)).collect();
        assert_eq!(groups(&many, &settings(), |_| false), [0..32, 32..64, 64..96, 96..100]);
        let far = [Outline { next: Offset(i64::from(i32::MAX)), ..outline(0, 1) }, outline(300_000_000, 1)];
        assert_eq!(groups(&far, &settings(), |_| false), [0..1, 1..2]);
    }
}
