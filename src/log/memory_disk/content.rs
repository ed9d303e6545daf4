//! What is in a file of the simulated disk: as everybody sees it, and as a power cut would leave it.
//!
//! A refused sync is Linux's: what was to be written stays in the page cache and counts as written, so that a later sync
//! says yes and does not make it durable.

use std::ops::Range;

#[derive(Default)]
pub(super) struct Content {
    pub cached: Vec<u8>,
    durable: Vec<u8>,
    /// What a refused sync gave up, and nobody wrote again.
    given_up: Vec<Range<usize>>,
}

impl Content {
    pub fn write(&mut self, start: usize, parts: &[&[u8]]) {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        if bytes == 0 {
            return;
        }
        self.forget(start..start + bytes);
        if self.cached.len() < start {
            self.grow_to(start);
        }
        let mut at = start;
        for part in parts {
            let (over, behind) = part.split_at(part.len().min(self.cached.len() - at));
            self.cached[at..at + over.len()].copy_from_slice(over);
            self.cached.extend_from_slice(behind);
            at += part.len();
        }
    }

    pub fn set_len(&mut self, bytes: usize) {
        self.cached.truncate(bytes);
        self.grow_to(bytes);
        self.forget(bytes..usize::MAX);
    }

    fn grow_to(&mut self, bytes: usize) {
        // Piece by piece: `Vec::resize` goes byte by byte in a debug build.
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.cached.len() < bytes {
            let missing = (bytes - self.cached.len()).min(ZEROS.len());
            self.cached.extend_from_slice(&ZEROS[..missing]);
        }
    }

    /// These bytes are new, or gone: what was given up there counts no more.
    fn forget(&mut self, bytes: Range<usize>) {
        if self.given_up.is_empty() {
            return;
        }
        let parts =
            |range: &Range<usize>| [range.start..range.end.min(bytes.start), range.start.max(bytes.end)..range.end];
        let left = self.given_up.iter().flat_map(parts).filter(|range| range.start < range.end).collect();
        self.given_up = left;
    }

    pub fn sync(&mut self) {
        let before = std::mem::replace(&mut self.durable, self.cached.clone());
        let bytes = self.durable.len();
        for at in self.given_up.iter().flat_map(|range| range.start..range.end.min(bytes)) {
            self.durable[at] = before.get(at).copied().unwrap_or(0);
        }
    }

    /// The disk refuses a sync.
    pub fn give_up(&mut self) {
        let same = self.cached.iter().zip(&self.durable).take_while(|(cached, durable)| cached == durable).count();
        if same < self.cached.len() {
            self.given_up.clear();
            self.given_up.push(same..self.cached.len());
        }
    }

    /// After a power cut.
    pub fn left(&self, keep: impl FnOnce(&[u8], &[u8]) -> Vec<u8>) -> Content {
        let bytes = keep(&self.durable, &self.cached);
        Content { cached: bytes.clone(), durable: bytes, ..Content::default() }
    }
}
