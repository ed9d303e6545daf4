//! The table of settings as the page docs/SETTINGS.md.
//!
//! The page is committed; a test compares it with the table, and writes it anew where RAFKA_REGENERATE is set.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::setting::{Effect, Setting, Table};

const HEAD: &str = "\
# Settings

<!-- Written by the table of settings (src/config). To write it anew: RAFKA_REGENERATE=1 cargo test --lib config::docs -->

Names and meanings are Kafka's, and so are the defaults, but where a line says otherwise and why. A broker takes its
settings from `--config FILE` (Kafka's .properties syntax) and `-X KEY=VALUE`; a topic from `rafka-admin create-topic
--setting` and `set-config`; the client programs from `--config` and `-X`. A flag beats the environment, which beats the
file, which beats the default. An unknown name or a bad value is refused.
";

/// The whole page.
pub fn settings_page() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "Topics", TOPICS, Table::topic());
    section(&mut page, "Groups", GROUPS, Table::group());
    section(&mut page, "Brokers", BROKERS, Table::broker());
    section(&mut page, "Clients", CLIENTS, Table::client());
    page
}

const TOPICS: &str = "All can be changed while the broker runs. What a topic does not set itself follows the broker's \
     setting at the end of its line.";
const GROUPS: &str = "All can be changed while the broker runs, for a group that exists or not (`kafka-configs --entity-type \
     groups`). What a group does not set itself follows the broker's setting at the end of its line.";
const BROKERS: &str = "Those marked * can be changed while the broker runs.";
const CLIENTS: &str = "For rafka-produce, rafka-consume and rafka-admin; their flags beat them.";

fn section(page: &mut String, title: &str, about: &str, table: &Table) {
    let mut put = |text: std::fmt::Arguments<'_>| page.write_fmt(text).expect("a String takes every write");
    put(format_args!("\n## {title}\n\n{about}\n\n| name | value | default | meaning |\n|---|---|---|---|\n"));
    let mut without_effect: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in table.rows() {
        match row.effect {
            Effect::Stored(reason) => without_effect.entry(reason).or_default().push(row.name),
            Effect::Here => {
                let mark = if row.dynamic && table.what == "broker" { " *" } else { "" };
                let (name, allowed) = (row.name, cell(&row.kind.allowed()));
                put(format_args!("| `{name}`{mark} | {allowed} | {} | {} |\n", default(row), cell(&meaning(row))));
            }
        }
    }
    put(format_args!("\nAccepted, so that what was written for Kafka works as it is, but without effect here:\n\n"));
    for (reason, names) in without_effect {
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        put(format_args!("- {reason}: {}\n", names.join(", ")));
    }
}

fn default(row: &Setting) -> String {
    match row.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some("9223372036854775807") => "never (2^63-1)".to_owned(),
        Some(value) => format!("`{value}`"),
    }
}

fn meaning(row: &Setting) -> String {
    let synonyms: Vec<String> = row.synonyms.iter().map(|synonym| format!("`{}`", synonym.name)).collect();
    match synonyms.is_empty() {
        true => row.documentation(),
        false => format!("{} Follows the broker's {}.", row.documentation(), synonyms.join(", ")),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_page_is_what_the_table_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/SETTINGS.md");
        if std::env::var_os("RAFKA_REGENERATE").is_some() {
            std::fs::create_dir_all(path.parent().expect("a directory")).expect("docs can be made");
            std::fs::write(&path, settings_page()).expect("the page can be written");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        let fresh = settings_page();
        let differs = fresh.lines().zip(committed.lines()).find(|(a, b)| a != b);
        assert!(
            committed == fresh,
            "docs/SETTINGS.md is not what the table says (first difference: {differs:?}); \
             write it anew with RAFKA_REGENERATE=1 cargo test --lib config::docs"
        );
    }
}
