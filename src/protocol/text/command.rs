//! The commands of the text protocol, and the one table that describes them.

use crate::base::{OffsetSpec, PartitionId, TopicName};

/// One line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Produce { topic: TopicName, partition: Option<PartitionId>, key: Option<Vec<u8>>, value: Option<Vec<u8>> },
    Consume { topic: TopicName, partition: PartitionId, from: OffsetSpec, max: Option<u64>, follow: bool },
    Create { topic: TopicName, partitions: Option<i32>, replicas: Option<i16> },
    Topics,
    Offsets { topic: TopicName },
    Commit { group: String, topic: TopicName, partition: PartitionId, offset: OffsetSpec },
    Committed { group: String, topic: Option<TopicName> },
    Groups,
    Ping,
    Help(HelpTopic),
    Quit,
}

/// What HELP was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelpTopic {
    All,
    Verb(Verb),
    Limits,
}

/// The first word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Produce,
    Consume,
    Create,
    Topics,
    Offsets,
    Commit,
    Committed,
    Groups,
    Ping,
    Help,
    Quit,
}

/// One row of the table: HELP prints it, the sentences about arguments are made of it.
#[derive(Debug)]
pub struct Usage {
    pub verb: Verb,
    pub name: &'static str,
    /// The arguments that must be there.
    pub required: &'static str,
    /// The arguments that may follow.
    pub optional: &'static str,
    /// What it does, as a clause.
    pub about: &'static str,
    /// What `HELP <verb>` adds, a line each.
    pub details: &'static [&'static str],
    /// What people who know other servers type instead.
    pub(super) aliases: &'static [&'static str],
}

impl Usage {
    /// The command with its arguments, as HELP shows it.
    pub fn line(&self) -> String {
        let words = [self.name, self.required, self.optional];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl Verb {
    /// The row of the table for this verb.
    pub fn usage(self) -> &'static Usage {
        // The table is in the order of the enum; a test holds them together.
        &TABLE[self as usize]
    }

    /// Every row, in the order in which HELP prints them.
    pub fn table() -> &'static [Usage] {
        &TABLE
    }

    /// The verb a word names, in any case.
    pub fn from_word(word: &[u8]) -> Option<Verb> {
        TABLE.iter().find(|usage| usage.name.as_bytes().eq_ignore_ascii_case(word)).map(|usage| usage.verb)
    }

    /// The verb a word that names none probably meant.
    pub(super) fn nearest(word: &str) -> Option<Verb> {
        let known_elsewhere = |usage: &&Usage| usage.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word));
        if let Some(usage) = TABLE.iter().find(known_elsewhere) {
            return Some(usage.verb);
        }
        // Measuring how near two words are costs the product of their lengths; no verb is this long.
        const NEAREST_BYTES_MAX: usize = 32;
        if word.len() > NEAREST_BYTES_MAX {
            return None;
        }
        crate::base::nearest(word.trim_matches('"'), TABLE.iter().map(|usage| usage.name))
            .and_then(|name| Verb::from_word(name.as_bytes()))
    }
}

static TABLE: [Usage; 11] = [
    Usage {
        verb: Verb::Produce,
        name: "PRODUCE",
        required: "<topic>[/<partition>] <key or -> <value>",
        optional: "",
        about: "append one record; the value is the rest of the line",
        details: &[
            "- alone is null; \"\" is empty; quotes take \\\" \\\\ \\n \\r \\t \\0 \\xHH",
            "without a partition, the key's hash chooses it, and without a key they take turns",
            "the topic is created where auto.create.topics.enable is on",
            "answers ACK once the record is as safe as acks=all makes it",
            "example: PRODUCE Payments key1 HelloWorld",
        ],
        aliases: &["SEND", "PUBLISH", "PUB", "WRITE", "APPEND", "ADD", "PUT", "POST", "SET"],
    },
    Usage {
        verb: Verb::Consume,
        name: "CONSUME",
        required: "<topic> <partition> <offset>",
        optional: "[<max>] [FOLLOW]",
        about: "read committed records from an offset on, 1000 unless <max> says otherwise",
        details: &[
            "<offset> is earliest, latest, N, -N (N before the end) or @milliseconds",
            "prints MSG <offset> <key> <value> for each record; next= is where to go on",
            "with FOLLOW it goes on as records come, until any further line",
            "example: CONSUME Payments 0 earliest",
        ],
        aliases: &["READ", "FETCH", "GET", "SUBSCRIBE", "SUB", "POLL", "TAIL", "CAT"],
    },
    Usage {
        verb: Verb::Create,
        name: "CREATE",
        required: "<topic>",
        optional: "[<partitions> [<replicas>]]",
        about: "create a topic",
        details: &[
            "without a number, num.partitions and default.replication.factor apply",
            "example: CREATE Payments 6",
        ],
        aliases: &["MAKE", "NEW", "MKTOPIC"],
    },
    Usage {
        verb: Verb::Topics,
        name: "TOPICS",
        required: "",
        optional: "",
        about: "list the topics by name",
        details: &["prints TOPIC <name> partitions=N replicas=N for each"],
        aliases: &["LIST", "LS", "SHOW", "METADATA"],
    },
    Usage {
        verb: Verb::Offsets,
        name: "OFFSETS",
        required: "<topic>",
        optional: "",
        about: "show where each partition of a topic starts and ends",
        details: &[
            "prints PARTITION <n> low=N high=N leader=N for each; high is the offset the next record gets",
            "example: OFFSETS Payments",
        ],
        aliases: &["DESCRIBE", "INFO", "WATERMARKS"],
    },
    Usage {
        verb: Verb::Commit,
        name: "COMMIT",
        required: "<group> <topic> <partition> <offset>",
        optional: "",
        about: "keep where a group goes on reading",
        details: &[
            "<offset> is the next one to read, as in Kafka: earliest, latest, N, -N or @milliseconds",
            "example: COMMIT billing Payments 0 3",
        ],
        aliases: &[],
    },
    Usage {
        verb: Verb::Committed,
        name: "COMMITTED",
        required: "<group>",
        optional: "[<topic>]",
        about: "show what a group committed, and how far behind it is",
        details: &["prints OFFSET <topic> <partition> committed=N high=N lag=N for each", "example: COMMITTED billing"],
        aliases: &["LAG"],
    },
    Usage {
        verb: Verb::Groups,
        name: "GROUPS",
        required: "",
        optional: "",
        about: "list the consumer groups",
        details: &["prints GROUP <name> state=S members=N for each"],
        aliases: &[],
    },
    Usage {
        verb: Verb::Ping,
        name: "PING",
        required: "",
        optional: "",
        about: "answer OK pong",
        details: &[],
        aliases: &["HELLO", "ECHO"],
    },
    Usage {
        verb: Verb::Help,
        name: "HELP",
        required: "",
        optional: "[<verb> or LIMITS]",
        about: "show the commands, one command, or the limits",
        details: &["example: HELP CONSUME"],
        aliases: &["?", "H", "-H", "--HELP", "MAN", "COMMANDS"],
    },
    Usage {
        verb: Verb::Quit,
        name: "QUIT",
        required: "",
        optional: "",
        about: "answer OK bye and close the connection",
        details: &[],
        aliases: &["EXIT", "BYE", "CLOSE", "LOGOUT", "Q"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for usage in Verb::table() {
            assert_eq!(usage.verb.usage().name, usage.name);
            assert_eq!(Verb::from_word(usage.name.to_lowercase().as_bytes()), Some(usage.verb));
        }
    }

    #[test]
    fn an_alias_is_no_verb_and_belongs_to_one_row() {
        let mut seen = std::collections::BTreeSet::new();
        for alias in TABLE.iter().flat_map(|usage| usage.aliases) {
            assert_eq!(Verb::from_word(alias.as_bytes()), None, "{alias}");
            assert!(seen.insert(alias), "{alias} twice");
        }
    }

    #[test]
    fn typos_and_other_servers_words_find_their_verb() {
        assert_eq!(Verb::nearest("PRODCE"), Some(Verb::Produce));
        assert_eq!(Verb::nearest("comit"), Some(Verb::Commit));
        assert_eq!(Verb::nearest("exit"), Some(Verb::Quit));
        assert_eq!(Verb::nearest("get"), Some(Verb::Consume));
        assert_eq!(Verb::nearest("FROBNICATE"), None);
        assert_eq!(Verb::nearest(&"x".repeat(1 << 20)), None);
    }
}
