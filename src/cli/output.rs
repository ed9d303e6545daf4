//! Results on standard output: a table for eyes, TAB-separated lines for `cut`, one JSON document for `jq`.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;

use super::failure::Failure;
use super::{escape, terminal};

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Aligned columns with a heading
    Table,
    /// TAB-separated lines without a heading
    Plain,
    /// One JSON document
    Json,
}

impl OutputFormat {
    /// What a person or a pipe wants where nobody said.
    pub fn for_stdout() -> OutputFormat {
        if io::stdout().is_terminal() { OutputFormat::Table } else { OutputFormat::Plain }
    }
}

/// A result that can be printed in all three ways; what `Serialize` yields is the JSON document.
pub trait Report: Serialize {
    fn columns(&self) -> Vec<Column>;
    /// One text per column. Empty means "none" and is `-` in a table.
    fn rows(&self) -> Vec<Vec<String>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    heading: &'static str,
    is_number: bool,
}

impl Column {
    pub const fn text(heading: &'static str) -> Column {
        Column { heading, is_number: false }
    }

    /// Aligned to the right.
    pub const fn number(heading: &'static str) -> Column {
        Column { heading, is_number: true }
    }
}

/// Prints a report on standard output.
pub fn print(format: OutputFormat, report: &impl Report) -> Result<(), Failure> {
    let text = match format {
        OutputFormat::Table => table(report, terminal::may_colour(&io::stdout())),
        OutputFormat::Plain => plain(report),
        OutputFormat::Json => json(report)?,
    };
    write_stdout(text.as_bytes())
}

/// Bytes on standard output, at once.
pub fn write_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
}

fn table(report: &impl Report, colour: bool) -> String {
    let columns = report.columns();
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(columns.iter().map(|column| {
        let cell = Cell::new(column.heading.to_uppercase()).set_alignment(alignment(*column));
        if colour { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    for row in report.rows() {
        table.add_row(row.iter().zip(&columns).map(|(text, column)| {
            let shown = if text.is_empty() { "-".into() } else { escape::terminal(text.as_bytes()) };
            Cell::new(shown).set_alignment(alignment(*column))
        }));
    }
    let last = columns.len().saturating_sub(1);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if i == last { 0 } else { 2 }));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn alignment(column: Column) -> CellAlignment {
    if column.is_number { CellAlignment::Right } else { CellAlignment::Left }
}

fn plain(report: &impl Report) -> String {
    let mut text = String::new();
    for row in report.rows() {
        for (i, field) in row.iter().enumerate() {
            if i > 0 {
                text.push('\t');
            }
            text.push_str(&escape::field(field.as_bytes()));
        }
        text.push('\n');
    }
    text
}

fn json(report: &impl Serialize) -> Result<String, Failure> {
    match serde_json::to_string(report) {
        Ok(text) => Ok(text + "\n"),
        Err(e) => Err(Failure::failed(format!("can't write the result as JSON: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sizes {
        sizes: Vec<(String, u64)>,
    }

    impl Report for Sizes {
        fn columns(&self) -> Vec<Column> {
            vec![Column::text("name"), Column::number("bytes")]
        }

        fn rows(&self) -> Vec<Vec<String>> {
            self.sizes.iter().map(|(name, size)| vec![name.clone(), size.to_string()]).collect()
        }
    }

    fn sizes() -> Sizes {
        Sizes { sizes: vec![("Payments".to_owned(), 7), (String::new(), 1024), ("a\tb\x1b\\".to_owned(), 0)] }
    }

    #[test]
    fn a_table_is_aligned_and_harmless() {
        assert_eq!(
            table(&sizes(), false),
            "NAME       BYTES\nPayments       7\n-           1024\na\\tb\\x1b\\      0\n"
        );
    }

    #[test]
    fn plain_lines_have_one_tab_between_fields_and_none_inside() {
        assert_eq!(plain(&sizes()), "Payments\t7\n\t1024\na\\tb\\x1b\\\\\t0\n");
    }

    #[test]
    fn json_is_one_document_on_one_line() {
        let text = json(&sizes()).expect("serializes");
        assert_eq!(text, "{\"sizes\":[[\"Payments\",7],[\"\",1024],[\"a\\tb\\u001b\\\\\",0]]}\n");
    }
}
