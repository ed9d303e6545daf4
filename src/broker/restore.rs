//! A catalogue that is damaged or lost comes back from what the topics' directories carry.
//!
//! While the catalogue is whole it is right, and all that is looked for is a topic's directory with a good note that it
//! does not know: a file that was cut between two lines looks whole. A directory without a note is a stranger then, which
//! is kept and reported. Where the catalogue is in doubt, the notes are at least as new. What must be decided again is
//! found by a pure function; each decision is made and told like any other.

use super::catalogue::{Catalogue, Command, CommandLog};
use super::data_dir::DataDir;
use super::reserve::Reserve;
use super::topic_note::TopicNote;
use crate::base::{TopicName, Uuid};

/// A topic's directory.
#[derive(Debug, Clone)]
pub struct FoundTopic {
    pub name: TopicName,
    /// What it says of itself, if that is about this name.
    pub note: Option<TopicNote>,
    /// One more than the highest number among its partitions' directories.
    pub partitions: i32,
    /// In one of them is a log with a good batch: there is no doubt what it is.
    pub has_batches: bool,
}

/// Decides what the catalogue has lost; a sentence for each thing done.
pub fn restore(data: &DataDir, decisions: &mut CommandLog, reserve: &Reserve, is_doubtful: bool) -> Vec<String> {
    let mut told = Vec::new();
    if is_doubtful {
        // A deletion that was not decided leaves the directory aside, not gone.
        for (name, entry) in &decisions.catalogue().topics {
            match data.bring_back(name, entry.id) {
                Ok(true) => told.push(format!("the deletion of topic \"{name}\" was cut short; the topic stays")),
                Ok(false) => {}
                // Nothing is lost yet; but it would count as deleted.
                Err(error) => return vec![format!("the files of topic \"{name}\" can't be moved back: {error}")],
            }
        }
    }
    // A whole catalogue need not be compared with what it knows.
    let known = decisions.catalogue().topics.clone();
    let found = match data.found_topics(|name| is_doubtful || !known.contains_key(name)) {
        Ok(found) => found,
        Err(error) => return vec![format!("{} can't be listed: {error}", data.path().display())],
    };
    for (command, sentence) in lost(decisions.catalogue(), &found, is_doubtful) {
        match reserve.spend_on(|| decisions.decide(&command)) {
            Ok(()) => told.push(sentence),
            Err(error) => told.push(format!("{sentence}, but that failed: {error}")),
        }
    }
    told
}

/// What was decided once, by what is there, and is not in the catalogue. Each with a sentence.
fn lost(catalogue: &Catalogue, found: &[FoundTopic], is_doubtful: bool) -> Vec<(Command, String)> {
    let mut commands = Vec::new();
    if !is_doubtful {
        let unknown = found.iter().filter(|topic| !catalogue.topics.contains_key(&topic.name));
        let noted = unknown.filter_map(|topic| Some((topic.note.as_ref()?, topic.partitions)));
        return noted.map(|(note, partitions)| create(note, partitions.max(note.partitions))).collect();
    }
    for (name, entry) in &catalogue.topics {
        if !found.iter().any(|topic| topic.name == *name) {
            let command = Command::DeleteTopic { name: name.clone(), id: entry.id };
            commands.push((command, format!("topic \"{name}\" has no directory any more; it counts as deleted")));
        }
    }
    for topic in found {
        let name = &topic.name;
        let known = catalogue.topics.get(name);
        let partitions = topic.note.as_ref().map_or(0, |note| note.partitions).max(topic.partitions);
        match (known, &topic.note) {
            (Some(entry), Some(note)) if entry.id != note.id => {
                let command = Command::DeleteTopic { name: name.clone(), id: entry.id };
                commands.push((command, format!("topic \"{name}\" is a later one of this name")));
                commands.push(create(note, partitions));
            }
            (Some(entry), note) => {
                if partitions > entry.partition_count() {
                    let command = Command::AddPartitions { name: name.clone(), total: partitions };
                    commands.push((command, format!("topic \"{name}\" has {partitions} partitions again")));
                }
                if let Some(note) = note.as_ref().filter(|note| note.settings != entry.settings) {
                    let settings = note.settings.clone();
                    let command = Command::SetTopicSettings { name: name.clone(), settings };
                    commands.push((command, format!("topic \"{name}\" has its settings again")));
                }
            }
            (None, Some(note)) => commands.push(create(note, partitions)),
            (None, None) if topic.has_batches => {
                let (id, settings) = (Uuid::random(), Default::default());
                let command = Command::CreateTopic { name: name.clone(), id, partitions, settings };
                let sentence =
                    format!("topic \"{name}\" is there again, but its id and settings are lost: they are new");
                commands.push((command, sentence));
            }
            (None, None) => {}
        }
    }
    commands
}

fn create(note: &TopicNote, partitions: i32) -> (Command, String) {
    let (name, settings) = (note.name.clone(), note.settings.clone());
    let sentence = format!("topic \"{name}\" is there again, as its directory has it");
    (Command::CreateTopic { name, id: note.id, partitions, settings }, sentence)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::new(text).expect("valid")
    }

    fn note(text: &str, id: u8, partitions: i32, retention: Option<&str>) -> TopicNote {
        let settings = retention.map(|ms| ("retention.ms".to_owned(), ms.to_owned()));
        let settings: BTreeMap<_, _> = settings.into_iter().collect();
        TopicNote { name: name(text), id: Uuid([id; 16]), partitions, settings }
    }

    fn found(note: TopicNote) -> FoundTopic {
        FoundTopic { name: note.name.clone(), partitions: note.partitions, note: Some(note), has_batches: true }
    }

    /// The catalogue after what was lost has been decided again.
    fn restored(mut catalogue: Catalogue, topics: &[FoundTopic]) -> Catalogue {
        for (command, sentence) in lost(&catalogue, topics, true) {
            catalogue.apply(&command).unwrap_or_else(|rejected| panic!("{sentence}: {rejected}"));
        }
        assert!(lost(&catalogue, topics, true).is_empty(), "once is enough");
        catalogue
    }

    fn catalogue(notes: &[TopicNote]) -> Catalogue {
        let topics: Vec<_> = notes.iter().cloned().map(found).collect();
        restored(Catalogue::default(), &topics)
    }

    #[test]
    fn nothing_is_decided_again_that_is_known() {
        let notes = [note("a", 1, 3, Some("1000")), note("b", 2, 1, None)];
        let whole = catalogue(&notes);
        assert_eq!(whole.topics[&name("a")].partition_count(), 3);
        assert_eq!(whole.topics[&name("a")].settings["retention.ms"], "1000");
        assert_eq!(whole.topics[&name("b")].id, Uuid([2; 16]));
    }

    #[test]
    fn what_changed_after_the_damage_is_found() {
        let before = catalogue(&[note("a", 1, 1, None), note("b", 2, 1, None), note("gone", 3, 1, None)]);
        let now = [found(note("a", 1, 4, Some("5"))), found(note("b", 9, 2, None))];
        let after = restored(before, &now);
        assert_eq!(after, catalogue(&[note("a", 1, 4, Some("5")), note("b", 9, 2, None)]));
    }

    #[test]
    fn a_whole_catalogue_is_right_but_for_what_it_does_not_know() {
        let whole = catalogue(&[note("a", 1, 1, None), note("moved-away", 2, 1, None)]);
        let bare = FoundTopic { name: name("stranger"), note: None, partitions: 1, has_batches: true };
        let there = [found(note("a", 1, 4, Some("5"))), found(note("cut-off", 3, 2, None)), bare];
        let commands = lost(&whole, &there, false);
        let created: Vec<_> = commands.iter().map(|(command, _)| command).collect();
        assert!(
            matches!(created[..], [Command::CreateTopic { name, partitions: 2, .. }] if name.as_str() == "cut-off"),
            "{created:?}"
        );
    }

    #[test]
    fn a_directory_without_a_note_still_has_its_records() {
        let bare = |has_batches| FoundTopic { name: name("t"), note: None, partitions: 2, has_batches };
        let after = restored(Catalogue::default(), &[bare(true)]);
        assert_eq!(after.topics[&name("t")].partition_count(), 2);
        assert!(restored(Catalogue::default(), &[bare(false)]).topics.is_empty());
        // Where the catalogue knows more than the directory, it is right.
        let known = catalogue(&[note("t", 1, 3, Some("7"))]);
        assert_eq!(restored(known.clone(), &[bare(true)]), known);
    }
}
