//! What is made of the definitions and committed: a man page per program and per command of rafka-admin, and
//! completions for five shells. Neither this machine nor its terminal has a say in them.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::{Man, roff::Roff};

use super::run::Program;

/// A file to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Relative to the root of the repository, with `/`.
    pub path: String,
    pub content: Vec<u8>,
}

/// Everything that `man/` and `completions/` hold.
pub fn pages(programs: &[Program]) -> io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    for program in programs {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            pages.push(completion(program, shell));
        }
        let mut command = program.definition();
        command.build();
        let subcommands: Vec<Command> = command.get_subcommands().cloned().collect();
        for subcommand in subcommands {
            let name = format!("{}-{}", program.name, subcommand.get_name());
            let see_also = [program.name.to_owned()];
            pages.push(man_page(&name, subcommand.display_name(name.clone()), &see_also)?);
        }
        let others = programs.iter().filter(|p| p.name != program.name).map(|p| p.name.to_owned());
        pages.push(man_page(program.name, command, &others.collect::<Vec<_>>())?);
    }
    Ok(pages)
}

fn completion(program: &Program, shell: Shell) -> Page {
    let mut command = program.definition();
    command.build();
    let mut content = Vec::new();
    clap_complete::generate(shell, &mut visible(&command), program.name, &mut content);
    if shell == Shell::Bash {
        // clap_complete 4.6 writes a '-' in the program's name in two ways, and then does not find its own commands.
        let text = String::from_utf8_lossy(&content);
        let (one, other) = (program.name.replace('-', "__subcmd__"), program.name.replace('-', "__"));
        content = text.replace(&one, &other).into_bytes();
    }
    Page { path: completion_path(program.name, shell), content }
}

/// The command without hidden flags: clap_complete offers those too. It must be built.
fn visible(command: &Command) -> Command {
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set()).map(|arg| arg.clone().global(false));
    let mut copy = Command::new(command.get_name().to_owned())
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(args)
        .subcommands(command.get_subcommands().map(visible));
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    copy
}

/// Names under which the shells look for completions in their own directories.
fn completion_path(program: &str, shell: Shell) -> String {
    match shell {
        Shell::Bash => format!("completions/{program}.bash"),
        Shell::Elvish => format!("completions/{program}.elv"),
        Shell::Fish => format!("completions/{program}.fish"),
        Shell::PowerShell => format!("completions/_{program}.ps1"),
        _ => format!("completions/_{program}"),
    }
}

fn man_page(name: &str, command: Command, see_also: &[String]) -> io::Result<Page> {
    let examples = command.get_before_help().map(ToString::to_string).unwrap_or_default();
    let end = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let has_subcommands = command.has_subcommands();
    let man = Man::new(command.subcommand_help_heading("COMMANDS"))
        .title(name)
        .section("1")
        .date("")
        .source(format!("rafka {}", env!("CARGO_PKG_VERSION")))
        .manual("Rafka");
    let mut content = Vec::new();
    man.render_title(&mut content)?;
    man.render_name_section(&mut content)?;
    man.render_synopsis_section(&mut content)?;
    man.render_description_section(&mut content)?;
    verbatim(&examples, &mut content)?;
    if has_subcommands {
        man.render_subcommands_section(&mut content)?;
    }
    man.render_options_section(&mut content)?;
    verbatim(&end, &mut content)?;
    if !see_also.is_empty() {
        let pages: Vec<String> = see_also.iter().map(|name| format!("{name}(1)")).collect();
        let mut roff = Roff::new();
        roff.control("SH", ["SEE ALSO"]).text([clap_mangen::roff::roman(pages.join(", "))]);
        roff.to_writer(&mut content)?;
    }
    Ok(Page { path: format!("man/{name}.1"), content })
}

/// Paragraphs of `Heading:` and lines, as `help` makes them, each to a section that keeps its lines.
fn verbatim(text: &str, out: &mut Vec<u8>) -> io::Result<()> {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let mut lines = paragraph.lines();
        let heading = lines.next().unwrap_or_default().trim_end_matches(':').to_uppercase();
        let mut roff = Roff::new();
        roff.control("SH", [heading.as_str()]);
        roff.control("nf", []);
        for line in lines {
            roff.text([clap_mangen::roff::roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
        roff.to_writer(out)?;
    }
    Ok(())
}
