//! Walks the batches of a segment file, in bounded memory, and says of each whether it is good.
//!
//! Knows a file and what offsets may come in it; recovery, reads, index rebuilding and inspection all walk with it.
//! What always holds: a batch is handed out only if it lies whole inside the region, its offsets follow those before
//! it and stay below the bound, and (where asked for) its CRC fits. After a bad one the walk goes on only by
//! [`Scanner::skip_damage`], at the next good batch with a higher offset.

use std::io;

use super::disk::DiskFile;
use crate::base::Offset;
use crate::record::{BatchError, BatchHeader, HEADER_BYTES};

/// What a walk must know beside the file.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// The first byte to look at: the start of a batch.
    pub start: u64,
    /// The first byte behind.
    pub end: u64,
    /// The offset that comes next.
    pub expected: Offset,
    /// No batch reaches this offset.
    pub bound: Offset,
    /// Offsets may be missing between batches, as compaction leaves them.
    pub gaps: bool,
    pub verify: Verify,
}

/// Which batches have their CRC computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// None: headers alone say where the next batch is. Damage may be noticed one batch late.
    Nothing,
    /// Those that are not followed by another batch: damage is noticed where it is, unless a header survived it.
    Suspects,
    Everything,
}

/// One step of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Batch { position: u64, header: BatchHeader },
    Damage { position: u64, reason: Flaw },
    End,
}

/// Why there is no good batch at a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("its offset is {found}, but {expected} comes next")]
    Offset { found: Offset, expected: Offset },
    #[error("it reaches offset {last}, but the segment ends before {bound}")]
    Bound { last: Offset, bound: Offset },
}

/// Where every batch of format 2 has its format, and what stands there.
const MAGIC_POSITION: u64 = 16;
const MAGIC: u8 = 2;

pub struct Scanner<'a> {
    file: &'a dyn DiskFile,
    position: u64,
    end: u64,
    expected: Offset,
    bound: Offset,
    gaps: bool,
    verify: Verify,
    /// Set by `skip_damage`: offsets are missing before the next batch, and that is known.
    after_damage: bool,
    window: Window,
}

impl<'a> Scanner<'a> {
    pub fn new(file: &'a dyn DiskFile, region: Region, window_bytes: usize) -> Scanner<'a> {
        Scanner {
            file,
            position: region.start,
            end: region.end,
            expected: region.expected,
            bound: region.bound,
            gaps: region.gaps,
            verify: region.verify,
            after_damage: false,
            window: Window { start: 0, filled: 0, bytes: vec![0; window_bytes.max(HEADER_BYTES)] },
        }
    }

    /// Where the next batch should start.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The offset that comes next.
    pub fn expected(&self) -> Offset {
        self.expected
    }

    pub fn set_verify(&mut self, verify: Verify) {
        self.verify = verify;
    }

    /// Goes on at another place: a batch known to start there, or the end of one.
    pub fn jump(&mut self, position: u64, expected: Offset) {
        self.position = position;
        self.expected = expected;
        self.after_damage = true;
    }

    /// The next batch. After `Damage` and `End` it says the same again.
    pub fn step(&mut self) -> io::Result<Step> {
        let position = self.position;
        if position >= self.end {
            return Ok(Step::End);
        }
        let gap = self.gaps || self.after_damage;
        let mut verdict = self.check(position, self.expected, gap)?;
        if verdict.is_err() {
            // Whatever is damaged is read twice before anything is concluded from it: a bit may have gone wrong on its
            // way here, and a tail that is cut does not come back.
            self.window.forget();
            verdict = self.check(position, self.expected, gap)?;
        }
        match verdict {
            Ok(header) => {
                self.position += header.total_bytes() as u64;
                self.expected = header.next_offset();
                self.after_damage = false;
                Ok(Step::Batch { position, header })
            }
            Err(reason) => Ok(Step::Damage { position, reason }),
        }
    }

    /// After `Damage`: looks for the next good batch behind it, by CRC, wherever it starts, and stands there. False
    /// if there is none before the end of the region.
    pub fn skip_damage(&mut self) -> io::Result<bool> {
        let mut candidate = self.position + 1;
        while candidate + HEADER_BYTES as u64 <= self.end {
            // Only a place with the right magic byte is worth a closer look.
            let ahead = self.window.some(self.file, candidate + MAGIC_POSITION, self.end)?;
            let Some(distance) = memchr::memchr(MAGIC, ahead) else {
                candidate += (ahead.len() as u64).max(1);
                continue;
            };
            candidate += distance as u64;
            let verify = std::mem::replace(&mut self.verify, Verify::Everything);
            let verdict = self.check(candidate, self.expected, true);
            self.verify = verify;
            if verdict?.is_ok() {
                self.position = candidate;
                self.after_damage = true;
                return Ok(true);
            }
            candidate += 1;
        }
        self.position = self.end;
        Ok(false)
    }

    /// Everything that must be true of a batch here. The outer error is the disk's, the inner one the batch's.
    fn check(&mut self, position: u64, expected: Offset, gap: bool) -> io::Result<Result<BatchHeader, Flaw>> {
        let header = match self.header_at(position)? {
            Ok(header) => header,
            Err(error) => return Ok(Err(error.into())),
        };
        if let Some(flaw) = self.implausible(&header, position, expected) {
            return Ok(Err(flaw));
        }
        let jumps = header.base_offset > expected && !gap;
        if header.base_offset > expected && gap && !self.is_confirmed(position, &header)? {
            return Ok(Err(Flaw::Offset { found: header.base_offset, expected }));
        }
        let must_verify = match self.verify {
            Verify::Nothing => jumps,
            Verify::Suspects => jumps || !self.leads_on(position, &header)?,
            Verify::Everything => true,
        };
        if must_verify && let Some(flaw) = self.crc_flaw(position, &header)? {
            return Ok(Err(flaw));
        }
        // The base offset lies outside the CRC. One that jumps is believed only if the next batch follows it.
        if jumps && !self.is_followed(position, &header)? {
            return Ok(Err(Flaw::Offset { found: header.base_offset, expected }));
        }
        Ok(Ok(header))
    }

    fn header_at(&mut self, position: u64) -> io::Result<Result<BatchHeader, BatchError>> {
        let end = self.end;
        let bytes = self.window.at(self.file, position, HEADER_BYTES, end)?;
        Ok(BatchHeader::parse(bytes))
    }

    /// Where offsets may be missing nothing but a second look tells a gap from an offset that was misread on its way here;
    /// and a log that goes on behind such a one has lost all offsets up to there.
    fn is_confirmed(&self, position: u64, header: &BatchHeader) -> io::Result<bool> {
        let mut again = [0; 8];
        Ok(self.file.read_up_to(position, &mut again)? == again.len()
            && i64::from_be_bytes(again) == header.base_offset.0)
    }

    fn implausible(&self, header: &BatchHeader, position: u64, expected: Offset) -> Option<Flaw> {
        let have = (self.end - position) as usize;
        if header.total_bytes() > have {
            return Some(BatchError::Truncated { have, need: header.total_bytes() }.into());
        }
        if header.last_offset_delta < 0 || header.record_count < 0 {
            return Some(BatchError::Invalid("its counts are negative").into());
        }
        if header.base_offset < expected {
            return Some(Flaw::Offset { found: header.base_offset, expected });
        }
        if header.next_offset() > self.bound {
            return Some(Flaw::Bound { last: header.last_offset(), bound: self.bound });
        }
        None
    }

    fn crc_flaw(&mut self, position: u64, header: &BatchHeader) -> io::Result<Option<Flaw>> {
        let computed = self.crc_of(position, header)?;
        if computed == header.crc {
            return Ok(None);
        }
        #[cfg(test)]
        if super::testing::is_left_out(super::testing::RecoveryRule::CrcCheck) {
            return Ok(None);
        }
        Ok(Some(BatchError::Crc { stored: header.crc, computed }.into()))
    }

    /// The CRC of a batch that lies whole in the region, read piece by piece.
    fn crc_of(&mut self, position: u64, header: &BatchHeader) -> io::Result<u32> {
        let end = position + header.total_bytes() as u64;
        let mut at = position + HEADER_BYTES as u64;
        let mut crc = header.crc_with(&[]);
        while at < end {
            let piece = self.window.some(self.file, at, end)?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            crc = crc32c::crc32c_append(crc, piece);
            at += piece.len() as u64;
        }
        Ok(crc)
    }

    /// Whether the header's length leads to another batch, or to the end.
    fn leads_on(&mut self, position: u64, header: &BatchHeader) -> io::Result<bool> {
        let next = position + header.total_bytes() as u64;
        if next >= self.end {
            return Ok(true);
        }
        let follower = self.header_at(next)?;
        Ok(follower.is_ok_and(|follower| self.implausible(&follower, next, header.next_offset()).is_none()))
    }

    fn is_followed(&mut self, position: u64, header: &BatchHeader) -> io::Result<bool> {
        let next = position + header.total_bytes() as u64;
        if next >= self.end {
            return Ok(header.next_offset() == self.bound);
        }
        Ok(self.header_at(next)?.is_ok_and(|follower| follower.base_offset == header.next_offset()))
    }
}

/// The piece of the file in memory.
struct Window {
    start: u64,
    filled: usize,
    bytes: Vec<u8>,
}

impl Window {
    fn forget(&mut self) {
        self.filled = 0;
    }

    /// `want` bytes from `position` on, fewer only where `end` (or the file's) comes before.
    fn at(&mut self, file: &dyn DiskFile, position: u64, want: usize, end: u64) -> io::Result<&[u8]> {
        let want = want.min(end.saturating_sub(position) as usize);
        if position < self.start || position + want as u64 > self.start + self.filled as u64 {
            self.fill(file, position, end)?;
        }
        let from = (position - self.start) as usize;
        Ok(&self.bytes[from.min(self.filled)..(from + want).min(self.filled)])
    }

    /// As many bytes from `position` on as the window has, at least one unless the file ends there.
    fn some(&mut self, file: &dyn DiskFile, position: u64, end: u64) -> io::Result<&[u8]> {
        if position < self.start || position >= self.start + self.filled as u64 {
            self.fill(file, position, end)?;
        }
        let from = (position - self.start) as usize;
        let to = self.filled.min((end - self.start) as usize);
        Ok(&self.bytes[from.min(to)..to])
    }

    fn fill(&mut self, file: &dyn DiskFile, position: u64, end: u64) -> io::Result<()> {
        let want = self.bytes.len().min(end.saturating_sub(position) as usize);
        self.start = position;
        self.filled = 0;
        self.filled = file.read_up_to(position, &mut self.bytes[..want])?;
        Ok(())
    }
}
