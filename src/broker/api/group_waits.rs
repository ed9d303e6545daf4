//! What requests about groups wait for: an answer that others bring about, or records that must be safe first.

use std::sync::Arc;

use super::{Answer, Context, Envelope};
use crate::base::{ErrorCode, Now};
use crate::broker::answer::Pending;
use crate::broker::core::Core;
use crate::broker::groups::{Mailbox, Pledge, Reply};
use crate::broker::partition::Kept;
use crate::broker::waiting::Subscription;

/// An answer is not worth waiting for longer than a client does (Kafka: offsets.commit.timeout.ms).
const WRITE_TIMEOUT_MS: i64 = 5000;

/// The group's own deadlines bound a wait for others; this is how often one looks even if nobody says a word.
const LOOK_AGAIN_MS: i64 = 600_000;

/// A write, and the subscription that tells of its progress.
struct Safekeeping {
    pledge: Pledge,
    _progress: Subscription,
}

impl Safekeeping {
    fn begin(context: Context<'_>, pledge: Pledge) -> Safekeeping {
        let progress = pledge.subscribe(context.core, &context.caller.waker);
        Safekeeping { pledge, _progress: progress }
    }
}

/// Waits until somebody has put an answer into the mailbox; meanwhile it may have a record made safe, which an answer
/// depends on.
pub(super) struct WaitForMailbox {
    envelope: Envelope,
    mailbox: Arc<Mailbox>,
    write: Option<Safekeeping>,
    /// What is answered if the broker stops.
    at_stop: Reply,
    look_again_ms: i64,
}

impl WaitForMailbox {
    pub fn answer(context: Context<'_>, mailbox: Arc<Mailbox>, pledge: Option<Pledge>, at_stop: Reply) -> Answer {
        let write = pledge.map(|pledge| Safekeeping::begin(context, pledge));
        let look_again_ms = context.now.mono_ms + LOOK_AGAIN_MS;
        let mut waiting = WaitForMailbox { envelope: context.envelope, mailbox, write, at_stop, look_again_ms };
        match waiting.look(context.core, context.now, false) {
            Some(answer) => answer,
            None => Answer::Wait(Box::new(waiting)),
        }
    }
}

impl Pending for WaitForMailbox {
    fn look(&mut self, core: &Core, now: Now, last: bool) -> Option<Answer> {
        self.look_again_ms = now.mono_ms + LOOK_AGAIN_MS;
        if self.write.as_ref().is_some_and(|write| write.pledge.look(core, now) != Kept::NotYet) {
            self.write = None;
        }
        let answer = self.mailbox.take();
        if (last || answer.is_some())
            && let Some(write) = self.write.take()
        {
            write.pledge.abandon(core);
        }
        match answer {
            Some(reply) => Some(reply_to(self.envelope, &reply)),
            None => last.then(|| reply_to(self.envelope, &self.at_stop)),
        }
    }

    fn deadline_ms(&self) -> i64 {
        self.look_again_ms
    }

    fn wants_flush(&self) -> bool {
        self.write.is_some()
    }
}

fn reply_to(envelope: Envelope, reply: &Reply) -> Answer {
    match reply {
        Reply::Join(response) => envelope.reply(response),
        Reply::Sync(response) => envelope.reply(response),
    }
}

/// How a write ended, for an answer that depends on it.
pub(super) type Outcome = Result<(), ErrorCode>;

/// Makes the answer, given how each write ended, in their order.
type Finish = Box<dyn FnOnce(Envelope, &Core, &[Outcome]) -> Answer + Send>;

/// Waits until writes are safe, or have failed.
pub(super) struct WaitForWrites {
    envelope: Envelope,
    writes: Vec<Result<Safekeeping, Outcome>>,
    finish: Option<Finish>,
    deadline_ms: i64,
}

impl WaitForWrites {
    pub fn answer(
        context: Context<'_>,
        pledges: Vec<Pledge>,
        finish: impl FnOnce(Envelope, &Core, &[Outcome]) -> Answer + Send + 'static,
    ) -> Answer {
        let writes = pledges.into_iter().map(|pledge| Ok(Safekeeping::begin(context, pledge))).collect();
        let deadline_ms = context.now.mono_ms + WRITE_TIMEOUT_MS;
        let finish: Finish = Box::new(finish);
        let mut waiting = WaitForWrites { envelope: context.envelope, writes, finish: Some(finish), deadline_ms };
        match waiting.look(context.core, context.now, false) {
            Some(answer) => answer,
            None => Answer::Wait(Box::new(waiting)),
        }
    }
}

impl Pending for WaitForWrites {
    fn look(&mut self, core: &Core, now: Now, last: bool) -> Option<Answer> {
        let give_up = last || now.mono_ms >= self.deadline_ms;
        for write in &mut self.writes {
            let Ok(kept) = write else { continue };
            let outcome = match kept.pledge.look(core, now) {
                Kept::Yes => Ok(()),
                Kept::Never => Err(ErrorCode::CoordinatorNotAvailable),
                Kept::NotYet if give_up => Err(ErrorCode::RequestTimedOut),
                Kept::NotYet => continue,
            };
            if let Ok(given_up) = std::mem::replace(write, Err(outcome))
                && outcome == Err(ErrorCode::RequestTimedOut)
            {
                // It is in the log, and counts once it is safe, whatever the client is told.
                given_up.pledge.abandon(core);
            }
        }
        let outcomes: Vec<Outcome> = self.writes.iter().filter_map(|write| write.as_ref().err().copied()).collect();
        if outcomes.len() < self.writes.len() {
            return None;
        }
        let finish = self.finish.take()?;
        Some(finish(self.envelope, core, &outcomes))
    }

    fn deadline_ms(&self) -> i64 {
        self.deadline_ms
    }

    fn wants_flush(&self) -> bool {
        true
    }
}
