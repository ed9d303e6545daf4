//! HELP: the table of commands as lines a person reads, and the limits with their names and numbers.

use super::command::{HelpTopic, Usage, Verb};

/// The bounds of the text protocol, as the caller's settings have them now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// message.max.bytes and 4 KiB.
    pub line_bytes: usize,
    /// text.max.pipelined.commands
    pub pipelined_commands: usize,
    /// text.max.reply.bytes
    pub reply_bytes: usize,
    /// connections.max.idle.ms
    pub idle_ms: i64,
    /// max.connections
    pub connections: usize,
    /// Records of a CONSUME without <max>.
    pub consume_records: u64,
}

/// Writes what HELP prints before its `OK`.
pub(super) fn write(out: &mut Vec<u8>, topic: HelpTopic, limits: &Limits) {
    let mut line = |text: &str| {
        out.extend_from_slice(b"# ");
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    };
    match topic {
        HelpTopic::All => {
            let width = Verb::table().iter().map(|usage| usage.line().len()).max().unwrap_or(0);
            for usage in Verb::table() {
                line(&format!("{:width$}  {}", usage.line(), usage.about));
            }
        }
        HelpTopic::Verb(verb) => {
            let Usage { about, details, .. } = verb.usage();
            line(&verb.usage().line());
            line(about);
            details.iter().for_each(|detail| line(detail));
        }
        HelpTopic::Limits => {
            let Limits { line_bytes, pipelined_commands, reply_bytes, idle_ms, connections, consume_records } = limits;
            line(&format!("line length: {line_bytes} bytes (message.max.bytes and 4 KiB); a longer line closes"));
            line(&format!("pipelined commands: {pipelined_commands} (text.max.pipelined.commands); more wait"));
            line(&format!("reply size: {reply_bytes} bytes unread (text.max.reply.bytes); more waits"));
            line(&format!("idle time: {idle_ms} ms (connections.max.idle.ms); then the connection closes"));
            line(&format!("connections: {connections} (max.connections); more are refused"));
            line(&format!("records of a CONSUME without <max>: {consume_records}"));
        }
    }
}
