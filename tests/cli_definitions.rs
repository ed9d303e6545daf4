//! The programs' definitions: what holds for all of them, and the committed files made of them.
//!
//! `RAFKA_REGENERATE=1 cargo test --test cli_definitions` writes `man/` and `completions/` anew.
#![cfg(feature = "cli")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command as Process;

use clap::Command;
use rafka::cli::{help, pages, programs};

/// Every program, and every command of rafka-admin, built, under the name a person types.
fn commands() -> Vec<(String, Command)> {
    let mut all = Vec::new();
    for program in programs() {
        let mut command = program.definition();
        command.build();
        for subcommand in command.get_subcommands() {
            all.push((format!("{} {}", program.name, subcommand.get_name()), subcommand.clone()));
        }
        all.push((program.name.to_owned(), command));
    }
    all
}

#[test]
fn clap_finds_no_fault_in_any_definition() {
    for program in programs() {
        program.definition().debug_assert();
    }
}

#[test]
fn a_letter_means_one_thing_in_all_programs() {
    let mut meanings: BTreeMap<char, BTreeSet<String>> = BTreeMap::new();
    for (_, command) in commands() {
        for arg in command.get_arguments() {
            if let (Some(short), Some(long)) = (arg.get_short(), arg.get_long()) {
                // One partition or several, one header or several: the same thing.
                meanings.entry(short).or_default().insert(long.trim_end_matches('s').to_owned());
            }
        }
    }
    for (letter, longs) in meanings {
        assert_eq!(longs.len(), 1, "-{letter} means {longs:?}");
    }
}

#[test]
fn every_flag_and_every_command_has_help() {
    for (name, command) in commands() {
        assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name} has no help");
        for arg in command.get_arguments() {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty(), "{name}: {} has no help", arg.get_id());
            assert!(!help.ends_with('.'), "{name}: the first line of {}'s help ends with a full stop", arg.get_id());
        }
    }
}

#[test]
fn every_command_has_examples_and_each_of_them_parses() {
    for (name, command) in commands() {
        let text = command.get_before_help().map(ToString::to_string).unwrap_or_default();
        let lines = text.strip_prefix(&format!("{}:\n", help::EXAMPLES));
        let mut tried = 0;
        for line in lines.unwrap_or_default().lines() {
            for words in invocations(line) {
                let program = programs().into_iter().find(|p| p.name == words[0]);
                let program = program.unwrap_or_else(|| panic!("{name}: no program is called {}", words[0]));
                if let Err(error) = program.definition().try_get_matches_from(&words) {
                    panic!("{name}: the example {line:?} does not parse: {error}");
                }
                tried += 1;
            }
        }
        assert!(tried > 0, "{name} has no examples");
    }
}

/// The calls of our programs in a line `  a | b && c   what it does`, as words.
fn invocations(line: &str) -> Vec<Vec<String>> {
    let typed = line.trim_start().split("  ").next().unwrap_or_default();
    let mut calls = vec![Vec::new()];
    for word in shell_words(typed) {
        match word.as_str() {
            "|" | "&&" | "||" | ";" | "&" => calls.push(Vec::new()),
            _ => calls.last_mut().expect("never empty").push(word),
        }
    }
    for call in &mut calls {
        if let Some(redirected) = call.iter().position(|word| word.starts_with(['<', '>'])) {
            call.truncate(redirected);
        }
        let start = call.iter().position(|word| word.starts_with("rafka-")).unwrap_or(call.len());
        // Only variables may stand in front: `RAFKA_BOOTSTRAP=kafka:9092 rafka-admin ping`.
        if call[..start].iter().all(|word| word.contains('=')) {
            call.drain(..start);
        } else {
            call.clear();
        }
    }
    calls.retain(|call| !call.is_empty());
    calls
}

/// Words as a shell sees them, single and double quotes honoured.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn the_shell_words_of_an_example_are_found() {
    let calls = invocations("  zcat f.gz | rafka-produce -K ', ' Flights > log   all of it");
    assert_eq!(calls, [["rafka-produce", "-K", ", ", "Flights"]]);
    assert_eq!(invocations("  A=1 rafka-admin ping && ./x"), [["rafka-admin", "ping"]]);
}

#[test]
fn rafka_admin_lists_what_is_there_and_nothing_else() {
    let admin = programs().into_iter().find(|p| p.name == "rafka-admin").expect("rafka-admin is a program");
    let command = admin.definition();
    let names: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
    let expected = [
        "add-partitions",
        "bench",
        "cluster-info",
        "create-topic",
        "delete-group",
        "delete-topic",
        "describe-group",
        "describe-topic",
        "get-config",
        "inspect-segment",
        "list-groups",
        "list-offsets",
        "list-topics",
        "ping",
        "reset-group",
        "set-config",
        "torture",
        "trim-topic",
        "verify-log",
        "wait",
    ];
    assert_eq!(names, expected.into_iter().collect());
}

#[test]
fn help_fits_a_terminal_of_80_columns_and_starts_with_examples() {
    for (name, command) in commands() {
        let mut command = command.term_width(80);
        let short = command.render_help().to_string();
        let long = command.render_long_help().to_string();
        for text in [&short, &long] {
            let wide = text.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{name}: a line is too long");
            let place = |heading: &str| text.find(&format!("\n{heading}:\n"));
            let options = ["Arguments", "Options", "Help"].into_iter().filter_map(place).min();
            assert!(place("Examples").is_some() && place("Examples") < options, "{name}: examples do not come first");
        }
        assert!(short.len() <= long.len(), "{name}: -h says more than --help");
    }
}

#[test]
fn programs_tell_exit_codes_and_environment_in_long_help() {
    for program in programs() {
        let mut command = program.definition();
        let long = command.render_long_help().to_string();
        assert!(long.contains("Exit codes:\n  0 ") && long.contains("Environment:\n"), "{}", program.name);
        let short = command.render_help().to_string();
        assert!(!short.contains("Exit codes:"), "{}", program.name);
    }
}

/// The files in `man/` and `completions/` are what the definitions say.
#[test]
fn committed_pages_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = pages::pages(&programs()).expect("pages are made in memory");
    let folders = ["man", "completions"];
    if std::env::var_os("RAFKA_REGENERATE").is_some() {
        for folder in folders {
            let _ = std::fs::remove_dir_all(root.join(folder));
            std::fs::create_dir_all(root.join(folder)).expect("the folder can be made");
        }
        for page in &expected {
            std::fs::write(root.join(&page.path), &page.content).expect("the page can be written");
        }
    }
    let advice = "run RAFKA_REGENERATE=1 cargo test --test cli_definitions";
    for page in &expected {
        let committed = std::fs::read(root.join(&page.path)).unwrap_or_default();
        assert!(committed == page.content, "{} is out of date: {advice}", page.path);
    }
    for folder in folders {
        for entry in std::fs::read_dir(root.join(folder)).expect("the folder is there") {
            let path = format!("{folder}/{}", entry.expect("an entry").file_name().to_string_lossy());
            assert!(expected.iter().any(|page| page.path == path), "{path} belongs to no definition: {advice}");
        }
    }
}

#[test]
fn pages_tell_nothing_of_the_machine_that_made_them() {
    let machine = [env!("CARGO_MANIFEST_DIR").to_owned(), std::env::var("HOME").unwrap_or_default()];
    for page in pages::pages(&programs()).expect("pages are made in memory") {
        let text = String::from_utf8(page.content).expect("pages are text");
        for place in machine.iter().filter(|place| place.len() > 1) {
            assert!(!text.contains(place.as_str()), "{} names {place}", page.path);
        }
    }
}

/// Completion in a real bash, which every machine that tests this has: commands, and the flags of a command.
#[cfg(unix)]
#[test]
fn bash_completes_commands_and_their_flags() {
    let complete = |words: &[&str]| {
        let (last, before) = words.split_last().expect("words");
        let script = format!(
            "source completions/rafka-admin.bash; COMP_WORDS=({}); COMP_CWORD={}; _rafka__admin rafka-admin '{last}' '{}'; \
             echo \"${{COMPREPLY[*]}}\"",
            words.join(" "),
            words.len() - 1,
            before.last().expect("the program"),
        );
        let ran = Process::new("bash").args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        String::from_utf8(ran.expect("bash starts").stdout).expect("text").trim_end().to_owned()
    };
    assert_eq!(complete(&["rafka-admin", "ver"]), "verify-log");
    assert_eq!(complete(&["rafka-admin", "inspect-segment", "--f"]), "--from");
    assert_eq!(complete(&["rafka-admin", "list-topics", "--boot"]), "--bootstrap");
    assert_eq!(complete(&["rafka-admin", "verify-log", "--boot"]), "", "it needs no broker");
    assert_eq!(complete(&["rafka-admin", "list-topics", "--output", "pl"]), "plain");
}

/// The real programs: version on standard output, usage errors on standard error with exit code 2 and a hint.
#[test]
fn every_program_tells_its_version_and_refuses_nonsense() {
    for program in programs() {
        let run = |arg: &str| {
            let path = Path::new(env!("CARGO_BIN_EXE_rafka-admin")).with_file_name(program.name);
            Process::new(path).arg(arg).output().expect("the program starts")
        };
        let version = run("--version");
        assert!(version.status.success());
        let expected = format!("{} {}\n", program.name, env!("CARGO_PKG_VERSION"));
        assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
        let help = run("-h");
        assert!(help.status.success() && help.stderr.is_empty());
        let nonsense = run("--no-such-flag");
        assert_eq!(nonsense.status.code(), Some(2));
        assert!(nonsense.stdout.is_empty());
        let said = String::from_utf8_lossy(&nonsense.stderr).into_owned();
        assert!(said.starts_with(&format!("{}: error: unexpected argument '--no-such-flag'", program.name)), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.lines().nth(1).is_some_and(|hint| hint.starts_with("  hint: ")), "{said}");
    }
}
