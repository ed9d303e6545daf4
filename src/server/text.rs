//! A connection that speaks lines of text.

use super::connection::{Connection, Ended, Received};
use super::output::Output;
use super::waker::{Watch, Woken};
use crate::base::limits::{TEXT_CONSUME_RECORDS_DEFAULT, TEXT_LINE_EXTRA_BYTES};
use crate::broker::{TextSession, TextStep};
use crate::protocol::text::{Command, Limits, Lines, NextLine, TextError, parse_line, reply};

/// Read from the peer at once.
const READ_BYTES: usize = 8 * 1024;
/// Replies are sent when so much of them has gathered, or when there is nothing more to do.
const OUTPUT_BYTES: usize = 64 * 1024;

pub fn serve(connection: &Connection, first_bytes: &[u8]) -> Result<(), Ended> {
    let limits = limits(connection);
    let mut lines = Lines::new(limits.line_bytes);
    lines.push(first_bytes);
    let session = TextSession::new(connection.caller.clone());
    let mut conversation = Conversation {
        connection,
        limits,
        lines,
        session,
        held: None,
        out: Vec::new(),
        input_ended: false,
        too_long: false,
    };
    let outcome = conversation.run();
    // Whatever ended it: what was appended is made safe.
    conversation.session.abandon(&connection.core);
    outcome
}

fn limits(connection: &Connection) -> Limits {
    let config = connection.core.config();
    Limits {
        line_bytes: config.topic_defaults.max_message_bytes + TEXT_LINE_EXTRA_BYTES,
        pipelined_commands: config.text.pipelined_commands_max,
        reply_bytes: config.text.reply_bytes_max,
        idle_ms: config.network.idle_ms,
        connections: config.network.connections_max,
        consume_records: TEXT_CONSUME_RECORDS_DEFAULT,
    }
}

struct Conversation<'a> {
    connection: &'a Connection,
    limits: Limits,
    lines: Lines,
    session: TextSession,
    /// A command whose turn has not come.
    held: Option<Result<Command, TextError>>,
    out: Vec<u8>,
    input_ended: bool,
    too_long: bool,
}

impl Conversation<'_> {
    fn run(&mut self) -> Result<(), Ended> {
        loop {
            let hungry = self.take_lines();
            let step = self.resume()?;
            match step {
                TextStep::Close => return Ok(()),
                TextStep::More => continue,
                TextStep::Ready if self.too_long => {
                    reply::error(&mut self.out, &TextError::line_too_long(self.limits.line_bytes));
                    self.send()?;
                    return Ok(());
                }
                TextStep::Ready if self.connection.core.is_stopping() => return Ok(()),
                // A line that was held back has its turn now.
                TextStep::Ready if !hungry => continue,
                TextStep::Ready if self.input_ended => return Ok(()),
                TextStep::Ready => {
                    if !self.read()? {
                        return Ok(());
                    }
                }
                // A FOLLOW ends as if its count were reached; what is being flushed is worth the wait.
                TextStep::Wait if self.connection.core.is_stopping() && self.session.is_following() => {
                    self.session.stop_following();
                }
                TextStep::Wait => self.wait(hungry)?,
            }
        }
    }

    /// Carries out the lines that are here. True if only a further read can bring the next.
    fn take_lines(&mut self) -> bool {
        if self.session.is_following() && self.lines.has_line() {
            self.session.stop_following();
            return false;
        }
        while self.session.takes_more(self.limits.pipelined_commands) {
            if let Some(command) = self.held.take() {
                // Appends may share a flush. Any other command must see what those before it did.
                let in_turn = self.session.outstanding() == 0 || matches!(command, Ok(Command::Produce { .. }));
                if !in_turn {
                    self.held = Some(command);
                    return false;
                }
                let core = &self.connection.core;
                self.session.execute(core, command, &self.limits, core.now());
            }
            match self.lines.next_line() {
                NextLine::Line(line) => self.held = parse_line(line).transpose(),
                NextLine::More => return true,
                NextLine::TooLong => {
                    self.too_long = true;
                    return true;
                }
                NextLine::End => {
                    self.input_ended = true;
                    return true;
                }
            }
        }
        self.session.is_following()
    }

    /// Writes what is due, running the flush that it waits for.
    fn resume(&mut self) -> Result<TextStep, Ended> {
        let core = &self.connection.core;
        let full = self.limits.reply_bytes.clamp(1, OUTPUT_BYTES);
        let mut step = self.session.resume(core, &mut self.out, full);
        if step == TextStep::Wait && self.session.wants_flush() {
            core.flusher().run();
            step = self.session.resume(core, &mut self.out, full);
        }
        self.send()?;
        Ok(step)
    }

    fn wait(&mut self, hungry: bool) -> Result<(), Ended> {
        let watch = match (self.input_ended || self.too_long, hungry) {
            (true, _) => Watch::Broken,
            // Further lines may join, or end a FOLLOW.
            (false, true) => Watch::Input,
            (false, false) => Watch::Hangup,
        };
        if self.connection.wait(watch, None)? == Woken::Socket {
            if watch == Watch::Broken {
                return Err(Ended::Io(std::io::ErrorKind::BrokenPipe.into()));
            }
            self.read()?;
        }
        Ok(())
    }

    /// Reads once. False when nothing more is to be read.
    fn read(&mut self) -> Result<bool, Ended> {
        let mut received = Vec::new();
        match self.connection.read_more(&mut received, READ_BYTES)? {
            Received::Bytes => self.lines.push(&received),
            Received::End => {
                self.input_ended = true;
                self.lines.end();
            }
            Received::NoMore => {
                self.input_ended = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn send(&mut self) -> Result<(), Ended> {
        if !self.out.is_empty() {
            (&*self.connection.socket).send(&self.out, false)?;
            self.out.clear();
        }
        Ok(())
    }
}
