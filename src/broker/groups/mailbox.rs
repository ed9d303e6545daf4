//! Where the answer to a request that waits is put, by whoever comes to have it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::classic::Reply;
use crate::broker::waiting::Waker;

pub struct Mailbox {
    answer: Mutex<Option<Reply>>,
    owner: Arc<dyn Waker>,
}

impl Mailbox {
    pub fn new(owner: &Arc<dyn Waker>) -> Arc<Mailbox> {
        Arc::new(Mailbox { answer: Mutex::new(None), owner: Arc::clone(owner) })
    }

    pub fn put(&self, reply: Reply) {
        *self.answer.lock() = Some(reply);
        self.owner.wake();
    }

    pub fn take(&self) -> Option<Reply> {
        self.answer.lock().take()
    }
}
