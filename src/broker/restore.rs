//! A catalogue that is damaged or lost comes back from what the topics' directories carry.
//!
//! Decisions are numbered, and a topic's note says by which of them it was written. So a note is believed where the
//! catalogue misses decisions from its number on, and nowhere else: a note that is behind, or a directory that was copied
//! here, changes nothing. What must be decided again is found by a pure function; each decision is made and told like
//! any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalogue::{Catalogue, Command, CommandLog, Finding};
use super::core::OpenError;
use super::data_dir::DataDir;
use super::reserve::Reserve;
use super::topic_note::TopicNote;
use super::topics::PARTITIONS_PER_TOPIC_MAX;
use crate::base::{TopicName, Uuid};

/// A directory that may be a topic's.
#[derive(Debug, Clone)]
pub struct FoundTopic {
    pub name: TopicName,
    pub note: FoundNote,
}

/// What a directory says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundNote {
    Good(TopicNote),
    /// That of another topic: a copy, or a file in the wrong place.
    OfAnother(TopicName),
    Damaged,
    /// The disk does not give it.
    Unreadable,
    None,
}

impl FoundTopic {
    fn good_note(&self) -> Option<&TopicNote> {
        match &self.note {
            FoundNote::Good(note) => Some(note),
            _ => None,
        }
    }
}

/// How far the catalogue can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trust {
    /// The last decision in it.
    pub index: u64,
    /// The first decision that may be missing: the one after the last, if none is known to be.
    pub doubtful_from: u64,
    /// There is none at all.
    pub is_empty: bool,
}

/// What is in the partitions' directories of a topic.
pub trait Contents {
    /// One more than the highest number of a partition with a log that is not empty.
    fn partitions(&self, name: &TopicName) -> i32;
    /// In one of them is a log with a good batch: there is no doubt what it is.
    fn has_batches(&self, name: &TopicName) -> bool;
}

/// Reads the decisions at the start, and makes again what is lost of them. Gives what the topics' directories carry, too.
pub fn read_decisions(data: &DataDir, reserve: &Reserve) -> Result<(CommandLog, Vec<FoundTopic>), OpenError> {
    let path = data.commands_path();
    let opened = reserve.spend_on(|| CommandLog::open(Arc::clone(data.disk()), &path));
    let opened = opened.map_err(|source| OpenError::Commands { path: path.display().to_string(), source })?;
    for Finding { line, flaw, .. } in &opened.findings {
        ::log::error!("line {line} of {}: {}", path.display(), flaw.sentence());
    }
    let mut decisions = opened.log;
    let found = match data.found_topics() {
        Ok(found) => {
            let (index, doubtful_from) = (decisions.index(), opened.doubtful_from);
            let trust = Trust { index, doubtful_from, is_empty: opened.is_empty };
            for done in restore(data, &mut decisions, reserve, &found, trust) {
                ::log::warn!("{done}");
            }
            found
        }
        // Whoever sees no directory must not conclude that there is none.
        Err(error) => {
            ::log::error!("{} can't be listed: {error}", data.path().display());
            Vec::new()
        }
    };
    if (!data.last_stop.clean || !opened.findings.is_empty())
        && let Err(error) = reserve.spend_on(|| decisions.settle())
    {
        ::log::warn!("{} can't be written anew: {error}", path.display());
    }
    Ok((decisions, found))
}

/// Decides what the catalogue has lost; a sentence for each thing done.
fn restore(
    data: &DataDir,
    decisions: &mut CommandLog,
    reserve: &Reserve,
    found: &[FoundTopic],
    trust: Trust,
) -> Vec<String> {
    let mut told = Vec::new();
    let newest = found.iter().filter_map(|topic| Some(topic.good_note()?.index)).max().unwrap_or(0);
    let has_lost = trust.doubtful_from <= trust.index || newest > trust.index;
    if has_lost {
        let path = data.commands_path();
        let path = path.display();
        told.push(match trust.is_empty {
            true => format!(
                "{path} is missing or holds nothing readable: topics come back from what their directories carry; what \
                 was set at run time for the broker and for groups is lost"
            ),
            false => format!("decisions are missing in {path}: topics are taken from what their directories carry"),
        });
        // A deletion that was not decided leaves the directory aside, not gone.
        for (name, entry) in &decisions.catalogue().topics {
            match data.bring_back(name, entry.id) {
                Ok(true) => told.push(format!("the deletion of topic \"{name}\" was cut short; the topic stays")),
                Ok(false) => {}
                // Nothing is lost yet; but it would count as deleted.
                Err(error) => {
                    told.push(format!("the files of topic \"{name}\" can't be moved back: {error}"));
                    decisions.go_on_after(newest);
                    return told;
                }
            }
        }
    }
    decisions.go_on_after(newest);
    for (command, sentence) in lost(decisions.catalogue(), found, data, trust, has_lost) {
        match reserve.spend_on(|| decisions.decide(&command)) {
            Ok(()) => told.push(sentence),
            Err(error) => told.push(format!("{sentence}, but that failed: {error}")),
        }
    }
    told
}

/// What was decided once, by what is there, and is not in the catalogue. Each with a sentence.
fn lost(
    catalogue: &Catalogue,
    found: &[FoundTopic],
    contents: &dyn Contents,
    trust: Trust,
    has_lost: bool,
) -> Vec<(Command, String)> {
    let mut commands = Vec::new();
    if has_lost {
        for (name, entry) in &catalogue.topics {
            if !found.iter().any(|topic| topic.name == *name) {
                let command = Command::DeleteTopic { name: name.clone(), id: entry.id };
                commands.push((command, format!("topic \"{name}\" has no directory any more; it counts as deleted")));
            }
        }
    }
    // What is known for sure comes first: a guess must not take the place of it.
    for topic in found {
        let Some(note) = topic.good_note().filter(|note| note.index >= trust.doubtful_from) else { continue };
        let name = &topic.name;
        let partitions = note.partitions.max(contents.partitions(name));
        match catalogue.topics.get(name) {
            Some(entry) if entry.id != note.id => {
                let command = Command::DeleteTopic { name: name.clone(), id: entry.id };
                commands.push((command, format!("topic \"{name}\" is a later one of this name")));
                commands.push(create(note, partitions));
            }
            Some(entry) => {
                if partitions > entry.partition_count() {
                    let command = Command::AddPartitions { name: name.clone(), total: partitions };
                    commands.push((command, format!("topic \"{name}\" has {partitions} partitions again")));
                }
                if note.settings != entry.settings {
                    let command = Command::SetTopicSettings { name: name.clone(), settings: note.settings.clone() };
                    commands.push((command, format!("topic \"{name}\" has its settings again")));
                }
            }
            None => commands.push(create(note, partitions)),
        }
    }
    // Without any catalogue, even a directory that says nothing is more likely a topic than not, if there are records.
    let silent =
        |topic: &&FoundTopic| matches!(topic.note, FoundNote::None | FoundNote::Damaged | FoundNote::Unreadable);
    for topic in found.iter().filter(|_| trust.is_empty).filter(silent) {
        if contents.has_batches(&topic.name) {
            commands.push(guess(&topic.name, contents.partitions(&topic.name)));
        }
    }
    commands
}

fn create(note: &TopicNote, partitions: i32) -> (Command, String) {
    let (name, settings) = (note.name.clone(), note.settings.clone());
    let sentence = format!("topic \"{name}\" is there again, as its directory has it");
    (Command::CreateTopic { name, id: note.id, partitions, settings }, sentence)
}

/// A topic of which nothing but its records is known. None of them goes because of a default.
fn guess(name: &TopicName, partitions: i32) -> (Command, String) {
    let keep_all = [("retention.ms", "-1"), ("retention.bytes", "-1")];
    let settings: BTreeMap<_, _> =
        keep_all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let sentence = format!(
        "topic \"{name}\" is there again, but its id and settings are lost: the id is new, and it keeps everything \
         (retention.ms=-1, retention.bytes=-1) until you set otherwise"
    );
    let partitions = partitions.clamp(1, PARTITIONS_PER_TOPIC_MAX);
    (Command::CreateTopic { name: name.clone(), id: Uuid::random(), partitions, settings }, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same for every topic.
    struct Holds {
        partitions: i32,
        batches: bool,
    }

    impl Contents for Holds {
        fn partitions(&self, _: &TopicName) -> i32 {
            self.partitions
        }

        fn has_batches(&self, _: &TopicName) -> bool {
            self.batches
        }
    }

    const NOTHING: Holds = Holds { partitions: 0, batches: false };
    const RECORDS: Holds = Holds { partitions: 2, batches: true };

    fn name(text: &str) -> TopicName {
        TopicName::new(text).expect("valid")
    }

    fn note(text: &str, index: u64, id: u8, partitions: i32, retention: Option<&str>) -> TopicNote {
        let settings = retention.map(|ms| ("retention.ms".to_owned(), ms.to_owned()));
        let settings: BTreeMap<_, _> = settings.into_iter().collect();
        TopicNote { name: name(text), index, id: Uuid([id; 16]), partitions, settings }
    }

    fn found(note: &TopicNote) -> FoundTopic {
        FoundTopic { name: note.name.clone(), note: FoundNote::Good(note.clone()) }
    }

    fn bare(text: &str, note: FoundNote) -> FoundTopic {
        FoundTopic { name: name(text), note }
    }

    fn whole(index: u64) -> Trust {
        Trust { index, doubtful_from: index + 1, is_empty: false }
    }

    const EMPTY: Trust = Trust { index: 0, doubtful_from: 0, is_empty: true };

    /// The catalogue after what was lost has been decided again.
    fn restored(mut catalogue: Catalogue, topics: &[FoundTopic], contents: &Holds, trust: Trust) -> Catalogue {
        let newest = topics.iter().filter_map(|topic| Some(topic.good_note()?.index)).max().unwrap_or(0);
        let has_lost = trust.doubtful_from <= trust.index || newest > trust.index;
        for (command, sentence) in lost(&catalogue, topics, contents, trust, has_lost) {
            catalogue.apply(&command).unwrap_or_else(|rejected| panic!("{sentence}: {rejected}"));
        }
        catalogue
    }

    fn catalogue(notes: &[TopicNote]) -> Catalogue {
        let topics: Vec<_> = notes.iter().map(found).collect();
        restored(Catalogue::default(), &topics, &NOTHING, EMPTY)
    }

    #[test]
    fn everything_comes_back() {
        let notes = [note("a", 1, 1, 3, Some("1000")), note("b", 2, 2, 1, None)];
        let back = catalogue(&notes);
        assert_eq!(back.topics[&name("a")].partition_count(), 3);
        assert_eq!(back.topics[&name("a")].settings["retention.ms"], "1000");
        assert_eq!(back.topics[&name("b")].id, Uuid([2; 16]));
    }

    #[test]
    fn decisions_that_are_missing_at_the_end_are_known_from_newer_notes() {
        let before = catalogue(&[note("a", 1, 1, 1, None), note("b", 2, 2, 1, None), note("gone", 3, 3, 1, None)]);
        let notes = [note("a", 6, 1, 4, Some("5")), note("b", 8, 9, 2, None)];
        let after = restored(before, &[found(&notes[0]), found(&notes[1])], &NOTHING, whole(3));
        assert_eq!(after, catalogue(&notes));
    }

    #[test]
    fn of_a_line_that_is_lost_in_the_middle_the_notes_from_there_on_know() {
        // Decision 2, which set a's retention, is damaged; 3 made b.
        let before = catalogue(&[note("a", 1, 1, 1, None), note("b", 3, 2, 1, Some("7"))]);
        let trust = Trust { index: 3, doubtful_from: 2, is_empty: false };
        let there = [found(&note("a", 2, 1, 1, Some("5"))), found(&note("b", 1, 2, 1, None))];
        let after = restored(before, &there, &NOTHING, trust);
        assert_eq!(after.topics[&name("a")].settings["retention.ms"], "5");
        assert_eq!(after.topics[&name("b")].settings["retention.ms"], "7", "its note is behind");
    }

    #[test]
    fn a_whole_catalogue_is_right() {
        let known = catalogue(&[note("a", 1, 1, 1, None), note("moved-away", 2, 2, 1, None)]);
        let there = [
            found(&note("a", 1, 9, 4, Some("5"))),
            found(&note("deleted-and-copied-back", 2, 3, 2, None)),
            bare("stranger", FoundNote::None),
            bare("copy", FoundNote::OfAnother(name("a"))),
        ];
        assert_eq!(restored(known.clone(), &there, &RECORDS, whole(2)), known);
    }

    #[test]
    fn a_directory_that_says_nothing_is_a_topic_only_where_no_catalogue_says_otherwise() {
        let silent =
            [bare("t", FoundNote::None), bare("u", FoundNote::Damaged), bare("c", FoundNote::OfAnother(name("t")))];
        let after = restored(Catalogue::default(), &silent, &RECORDS, EMPTY);
        assert_eq!(after.topics.keys().map(TopicName::as_str).collect::<Vec<_>>(), ["t", "u"]);
        let entry = &after.topics[&name("t")];
        assert_eq!((entry.partition_count(), entry.settings["retention.ms"].as_str()), (2, "-1"));
        assert!(restored(Catalogue::default(), &silent, &NOTHING, EMPTY).topics.is_empty());
        let torn = Trust { index: 3, doubtful_from: 2, is_empty: false };
        assert!(restored(Catalogue::default(), &silent, &RECORDS, torn).topics.is_empty());
    }

    #[test]
    fn what_is_known_takes_its_name_before_what_is_guessed() {
        let noted = note("t_x", 4, 1, 1, None);
        let commands =
            lost(&Catalogue::default(), &[bare("t.x", FoundNote::None), found(&noted)], &RECORDS, EMPTY, true);
        assert!(matches!(&commands[0].0, Command::CreateTopic { name, .. } if name.as_str() == "t_x"), "{commands:?}");
    }
}
