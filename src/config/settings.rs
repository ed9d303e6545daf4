//! Values as somebody gave them, each with where it came from.
//!
//! A stronger origin beats a weaker one in whatever order they come; of one origin, the later beats the earlier.
//! What is in here was checked against its row of the table, so reading it cannot fail.

use std::collections::BTreeMap;
use std::fmt;

use super::error::ConfigError;
use super::properties::parse_properties;
use super::setting::{Setting, Table};

/// Who said so; the later of these wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Default => "default",
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::Flag => "flag",
        })
    }
}

/// The given values of one scope.
#[derive(Debug, Clone)]
pub struct Settings {
    table: &'static Table,
    given: BTreeMap<&'static str, (String, Origin)>,
}

/// One line of `--print-config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    pub name: &'static str,
    /// `None` where nothing is set and there is no default. A password is never shown.
    pub value: Option<&'a str>,
    pub origin: Origin,
}

impl Settings {
    /// Nothing given: all defaults.
    pub fn new(table: &'static Table) -> Settings {
        Settings { table, given: BTreeMap::new() }
    }

    pub fn broker() -> Settings {
        Settings::new(Table::broker())
    }

    pub fn client() -> Settings {
        Settings::new(Table::client())
    }

    /// Takes one value, or says what is wrong with it.
    pub fn set(&mut self, name: &str, value: &str, origin: Origin) -> Result<(), ConfigError> {
        let row = self.table.find(name)?;
        let value = row.check(value)?;
        match self.given.get(row.name) {
            Some((_, stronger)) if *stronger > origin => {}
            _ => {
                self.given.insert(row.name, (value, origin));
            }
        }
        Ok(())
    }

    /// Takes `KEY=VALUE`, as `-X` has it.
    pub fn set_pair(&mut self, pair: &str, origin: Origin) -> Result<(), ConfigError> {
        let (name, value) = pair.split_once('=').ok_or_else(|| ConfigError::NoPair(super::error::cut(pair)))?;
        self.set(name.trim(), value, origin)
    }

    /// Takes a file in .properties syntax; an error names its line.
    pub fn load(&mut self, file: &[u8]) -> Result<(), ConfigError> {
        for property in parse_properties(file)? {
            self.set(&property.key, &property.value, Origin::File).map_err(|e| e.at_line(property.line))?;
        }
        Ok(())
    }

    /// What was given under that name, and by whom. The default is not given.
    pub fn given(&self, name: &str) -> Option<(&str, Origin)> {
        self.given.get(name).map(|(value, origin)| (value.as_str(), *origin))
    }

    /// Whether somebody set it.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Every setting by name, with its value and where that comes from.
    pub fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        self.table.rows().map(|row| {
            let (value, origin) = match self.given(row.name) {
                Some((value, origin)) => (Some(value), origin),
                None => (row.default, Origin::Default),
            };
            let value = if row.kind.is_sensitive() { value.map(|_| "(hidden)") } else { value };
            Shown { name: row.name, value, origin }
        })
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            table: self.table,
            value: Box::new(|row| self.given(row.name).map(|(v, _)| v).or(row.default).map(str::to_owned)),
        }
    }
}

/// Reads values as their types. Names are those of the table, and values have passed it; what is read for the typed
/// configurations is read from the defaults in a test, so no name or type can be wrong.
pub(super) struct Reader<'a> {
    pub table: &'static Table,
    pub value: Box<ValueOf<'a>>,
}

/// The canonical value that holds for a row.
pub(super) type ValueOf<'a> = dyn Fn(&Setting) -> Option<String> + 'a;

impl Reader<'_> {
    pub fn optional(&self, name: &str) -> Option<String> {
        let row = self.table.get(name).expect("only names of the table are read");
        (self.value)(row)
    }

    pub fn text(&self, name: &str) -> String {
        self.optional(name).expect("a setting that is read without asking has a default")
    }

    pub fn boolean(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    pub fn long(&self, name: &str) -> i64 {
        self.text(name).parse().expect("the table let only whole numbers pass")
    }

    pub fn int(&self, name: &str) -> i32 {
        i32::try_from(self.long(name)).expect("the table let only ints pass")
    }

    /// A count or a size, whose range in the table starts at 0 or above; as much as this machine can count.
    pub fn double(&self, name: &str) -> f64 {
        self.text(name).parse().unwrap_or_default()
    }

    pub fn size(&self, name: &str) -> usize {
        usize::try_from(self.long(name)).unwrap_or(usize::MAX)
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        super::kind::list_items(&self.text(name)).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let mut settings = Settings::broker();
        let shown = |settings: &Settings| {
            let row = settings.shown().find(|row| row.name == "num.partitions").expect("a row");
            (row.value.map(str::to_owned), row.origin)
        };
        assert_eq!(shown(&settings), (Some("1".to_owned()), Origin::Default));
        settings.set_pair("num.partitions=4", Origin::Flag).expect("valid");
        settings.set("num.partitions", "3", Origin::Environment).expect("valid");
        settings.load(b"num.partitions=2").expect("valid");
        assert_eq!(shown(&settings), (Some("4".to_owned()), Origin::Flag));
        settings.set_pair("num.partitions = 5", Origin::Flag).expect("valid");
        assert_eq!(settings.given("num.partitions"), Some(("5", Origin::Flag)), "the later of two flags counts");

        let mut settings = Settings::broker();
        settings.set("num.partitions", "3", Origin::Environment).expect("valid");
        settings.load(b"num.partitions=2").expect("valid");
        assert_eq!(shown(&settings), (Some("3".to_owned()), Origin::Environment));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_the_nearest_name() {
        let mut settings = Settings::broker();
        let error = settings.load(b"# mine\nnum.partitions=2\n\nnum.partition=3").expect_err("unknown");
        assert_eq!(error.to_string(), "line 4: there is no broker setting \"num.partition\"");
        assert_eq!(error.hint().as_deref(), Some("did you mean \"num.partitions\"?"));
        let error = settings.load(b"num.partitions=none").expect_err("no number");
        let text = "line 1: num.partitions: \"none\" is not allowed; it must be a whole number from 1 on (int)";
        assert_eq!(error.sentence(), text);
        let error = settings.set_pair("num.partitions", Origin::Flag).expect_err("no pair");
        assert_eq!(error.to_string(), "\"num.partitions\" is no setting: it must read KEY=VALUE");
        let error = settings.set("ssl.keystore.location", "x", Origin::File).expect_err("not here");
        let text = "\"ssl.keystore.location\" is a setting of Kafka's TLS, which Rafka does not have; remove it";
        assert_eq!(error.sentence(), text);
        let error = settings.set(&"x".repeat(10_000), "", Origin::Flag).expect_err("unknown");
        assert!(error.to_string().len() < 200);
    }
}
