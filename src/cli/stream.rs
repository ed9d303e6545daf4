//! Results that may be longer than memory: printed row by row, in the same three ways as a report.

use std::borrow::Cow;
use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;
use serde_json::Value;

use super::escape;
use super::failure::Failure;
use super::output::OutputFormat;

/// A column and the width it has in a table; longer content is not cut, it only moves the rest.
#[derive(Debug, Clone, Copy)]
pub struct StreamColumn {
    pub heading: &'static str,
    pub width: usize,
    pub is_number: bool,
}

impl StreamColumn {
    pub const fn text(heading: &'static str, width: usize) -> StreamColumn {
        StreamColumn { heading, width, is_number: false }
    }

    pub const fn number(heading: &'static str, width: usize) -> StreamColumn {
        StreamColumn { heading, width, is_number: true }
    }
}

/// A field of the JSON document, beside its rows.
pub type Field = (&'static str, Value);

/// What stands in a row under a column.
#[derive(Debug, Clone)]
pub enum Cell<'a> {
    Text(Cow<'a, str>),
    /// A key or a value: escaped, so that a line stays a line.
    Bytes(&'a [u8]),
    /// Nothing, as against something empty: `\N` in plain lines.
    Null,
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Cell::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(Cow::Borrowed(text))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Cell::Text(Cow::Owned(number.to_string()))
    }
}

/// Prints rows as they come.
pub struct RowStream<W: Write = BufWriter<Stdout>> {
    format: OutputFormat,
    columns: &'static [StreamColumn],
    out: W,
    any_row: bool,
}

impl RowStream {
    /// Starts on standard output. In JSON, `head` are the document's first fields and `rows` the name of the list.
    pub fn begin(
        format: OutputFormat,
        columns: &'static [StreamColumn],
        head: &[Field],
        rows: &str,
    ) -> Result<RowStream, Failure> {
        RowStream::begin_on(BufWriter::with_capacity(64 * 1024, io::stdout()), format, columns, head, rows)
    }
}

impl<W: Write> RowStream<W> {
    fn begin_on(
        out: W,
        format: OutputFormat,
        columns: &'static [StreamColumn],
        head: &[Field],
        rows: &str,
    ) -> Result<RowStream<W>, Failure> {
        let mut stream = RowStream { format, columns, out, any_row: false };
        match format {
            OutputFormat::Table => {
                let headings: Vec<String> = columns.iter().map(|column| column.heading.to_uppercase()).collect();
                stream.table_line(headings.iter().map(String::as_str))?;
            }
            OutputFormat::Plain => {}
            OutputFormat::Json => {
                let fields: String = head.iter().map(|(name, value)| format!("{}:{value},", quoted(name))).collect();
                stream.put(&format!("{{{fields}{}:[", quoted(rows)))?;
            }
        }
        Ok(stream)
    }

    /// One row: its cells, and what stands for it in JSON.
    pub fn row(&mut self, cells: &[Cell<'_>], json: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Table => {
                let shown: Vec<Cow<'_, str>> = cells.iter().map(in_table).collect();
                self.table_line(shown.iter().map(Cow::as_ref))?;
            }
            OutputFormat::Plain => {
                for (i, cell) in cells.iter().enumerate() {
                    self.put(if i > 0 { "\t" } else { "" })?;
                    self.put(&in_plain(cell))?;
                }
                self.put("\n")?;
            }
            OutputFormat::Json => {
                self.put(if self.any_row { "," } else { "" })?;
                let written = serde_json::to_writer(&mut self.out, json);
                written.map_err(|e| Failure::output(&io::Error::from(e)))?;
            }
        }
        self.any_row = true;
        Ok(())
    }

    /// The last fields of the JSON document.
    pub fn end(mut self, tail: &[Field]) -> Result<(), Failure> {
        if self.format == OutputFormat::Json {
            let fields: String = tail.iter().map(|(name, value)| format!(",{}:{value}", quoted(name))).collect();
            self.put(&format!("]{fields}}}\n"))?;
        }
        self.out.flush().map_err(|e| Failure::output(&e))
    }

    fn table_line<'a>(&mut self, cells: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
        let mut line = String::new();
        for (cell, column) in cells.zip(self.columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let width = column.width;
            line.push_str(&if column.is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
        }
        self.put(line.trim_end())?;
        self.put("\n")
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(|e| Failure::output(&e))
    }
}

fn quoted(name: &str) -> Value {
    Value::from(name)
}

fn in_table<'a>(cell: &'a Cell<'_>) -> Cow<'a, str> {
    match cell {
        Cell::Text(text) => escape::terminal(text.as_bytes()),
        Cell::Bytes(bytes) => escape::terminal(bytes),
        Cell::Null => Cow::Borrowed("-"),
    }
}

fn in_plain<'a>(cell: &'a Cell<'_>) -> Cow<'a, str> {
    match cell {
        Cell::Text(text) => escape::field(text.as_bytes()),
        Cell::Bytes(bytes) => escape::field(bytes),
        Cell::Null => Cow::Borrowed("\\N"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(format: OutputFormat) -> String {
        const COLUMNS: &[StreamColumn] = &[StreamColumn::number("offset", 6), StreamColumn::text("value", 4)];
        let mut out = Vec::new();
        let mut stream =
            RowStream::begin_on(&mut out, format, COLUMNS, &[("file", json!("x.log"))], "records").expect("in memory");
        stream.row(&[7.into(), Cell::Bytes(b"a\t\xff")], &json!({"offset": 7})).expect("in memory");
        stream.row(&[8.into(), Cell::Null], &json!({"offset": 8})).expect("in memory");
        stream.end(&[("ok", json!(true))]).expect("in memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn rows_are_printed_in_all_three_ways() {
        assert_eq!(printed(OutputFormat::Table), "OFFSET  VALUE\n     7  a\\t\\xff\n     8  -\n");
        assert_eq!(printed(OutputFormat::Plain), "7\ta\\t\\xff\n8\t\\N\n");
        assert_eq!(
            printed(OutputFormat::Json),
            "{\"file\":\"x.log\",\"records\":[{\"offset\":7},{\"offset\":8}],\"ok\":true}\n"
        );
    }
}
