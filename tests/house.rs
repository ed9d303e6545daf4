//! The house keeps its order: imports run one way, as the map in src/lib.rs says.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and those it may know beside itself.
const ROOMS: [(&str, &[&str]); 9] = [
    ("base", &[]),
    ("config", &["base"]),
    ("record", &["base"]),
    ("protocol", &["base", "record"]),
    ("log", &["base", "config", "record"]),
    ("broker", &["base", "config", "record", "protocol", "log"]),
    ("client", &["base", "config", "record", "protocol"]),
    ("server", &["base", "config", "record", "protocol", "log", "broker"]),
    ("cli", &["base", "config", "record", "protocol", "log", "broker", "client", "server"]),
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn imports_run_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for (room, may_know) in ROOMS {
        for path in sources(&root.join(room)) {
            let text = fs::read_to_string(&path).expect("text");
            for (at, _) in text.match_indices("crate::") {
                let word: String =
                    text[at + "crate::".len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = ROOMS.iter().any(|(name, _)| *name == word);
                let line = text[..at].lines().count();
                assert!(
                    !known || word == room || may_know.contains(&word.as_str()),
                    "{}:{line}: {room} must not know {word}",
                    path.display()
                );
                seen += usize::from(known);
            }
        }
    }
    assert!(seen > 100, "only {seen} imports were looked at");
}

#[test]
fn every_file_says_what_it_is_for() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("//!"), "{} does not begin with what it is for", path.display());
    }
}
