//! Sending: bytes from memory, and stretches of files that never pass through this process.

use std::io::{self, Write};
use std::net::TcpStream;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;

use crate::broker::Reply;
use crate::log::disk::DiskFile;
use crate::protocol::kafka::Piece;

/// A reply with files in it is put together in memory up to this size: one call and one packet, where sending each piece
/// by itself would wake the peer for the first of them and again for the last.
const TOGETHER_BYTES_MAX: usize = 16 * 1024;

/// What is read at once where the system can't send a file by itself.
const COPY_BYTES: usize = 64 * 1024;

/// Where a connection's replies go. TLS will be another one, which has to read what it encrypts.
pub trait Output {
    /// Sends all of it. `more` says that further bytes follow at once, so that small pieces share a packet.
    fn send(&mut self, bytes: &[u8], more: bool) -> io::Result<()>;

    /// Sends a stretch of a file.
    fn send_file(&mut self, file: &dyn DiskFile, position: u64, len: usize) -> io::Result<()>;
}

/// Sends a whole reply, its files in their places. `more` says that another one follows at once.
pub fn send_reply(output: &mut dyn Output, reply: &Reply, more: bool) -> io::Result<()> {
    let mut slices = reply.slices.iter();
    let mut slice_of = |len: usize| {
        let slice = slices.next().filter(|slice| slice.len == len);
        slice.ok_or_else(|| io::Error::other("a reply names a piece that it does not have"))
    };
    let bytes = reply.frame.len();
    if !reply.slices.is_empty() && bytes <= TOGETHER_BYTES_MAX {
        let mut whole = Vec::with_capacity(bytes);
        for piece in reply.frame.pieces() {
            match piece {
                Piece::Bytes(bytes) => whole.extend_from_slice(bytes),
                Piece::Elsewhere(len) => {
                    let (slice, start) = (slice_of(len)?, whole.len());
                    whole.resize(start + len, 0);
                    slice.file.read_exact_at(slice.position, &mut whole[start..])?;
                }
            }
        }
        return output.send(&whole, more);
    }
    let mut pieces = reply.frame.pieces().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Bytes(bytes) => output.send(bytes, more || pieces.peek().is_some())?,
            Piece::Elsewhere(len) => {
                let slice = slice_of(len)?;
                output.send_file(&*slice.file, slice.position, slice.len)?;
            }
        }
    }
    Ok(())
}

impl Output for &TcpStream {
    #[cfg(target_os = "linux")]
    fn send(&mut self, mut bytes: &[u8], more: bool) -> io::Result<()> {
        use rustix::net::{SendFlags, send};
        let flags = if more { SendFlags::MORE | SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL };
        while !bytes.is_empty() {
            let sent = retry(|| send(self.as_fd(), bytes, flags))?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn send(&mut self, bytes: &[u8], _more: bool) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn send_file(&mut self, file: &dyn DiskFile, position: u64, len: usize) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(file) = file.as_std() {
            let mut at = position;
            let end = position + len as u64;
            while at < end {
                let left = (end - at) as usize;
                let sent = retry(|| rustix::fs::sendfile(self.as_fd(), file.as_fd(), Some(&mut at), left))?;
                if sent == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            return Ok(());
        }
        copy(self, file, position, len)
    }
}

/// A signal is no reason to give up.
#[cfg(target_os = "linux")]
fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

fn copy(mut socket: &TcpStream, file: &dyn DiskFile, position: u64, len: usize) -> io::Result<()> {
    let mut buffer = vec![0; len.min(COPY_BYTES)];
    let mut done = 0;
    while done < len {
        let step = buffer.len().min(len - done);
        file.read_exact_at(position + done as u64, &mut buffer[..step])?;
        socket.write_all(&buffer[..step])?;
        done += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;
    use std::path::Path;

    use super::*;
    use crate::base::Offset;
    use crate::log::memory_disk::MemoryDisk;
    use crate::log::{Disk, LogSlice, OpenMode};
    use crate::protocol::kafka::api::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
    use crate::protocol::kafka::{ApiKey, RecordsField, response_frame};

    /// What was sent, and in how many calls.
    #[derive(Default)]
    struct Sent {
        bytes: Vec<u8>,
        calls: usize,
        files: usize,
    }

    impl Output for Sent {
        fn send(&mut self, bytes: &[u8], _more: bool) -> io::Result<()> {
            self.bytes.extend_from_slice(bytes);
            self.calls += 1;
            Ok(())
        }

        fn send_file(&mut self, file: &dyn DiskFile, position: u64, len: usize) -> io::Result<()> {
            let start = self.bytes.len();
            self.bytes.resize(start + len, 0);
            self.files += 1;
            file.read_exact_at(position, &mut self.bytes[start..])
        }
    }

    /// A fetch's answer that has `len` bytes of a file in it, and the bytes it must be on the wire.
    fn reply(len: usize) -> (Reply, Vec<u8>) {
        let disk = MemoryDisk::default();
        disk.create_dir(Path::new("/d")).expect("made");
        let file = disk.open(Path::new("/d/file"), OpenMode::Create).expect("made");
        let content: Vec<u8> = (0..len + 10).map(|n| n as u8).collect();
        file.write_all_at(0, &[IoSlice::new(&content)]).expect("written");
        let frame = |records| {
            let partitions = vec![PartitionData { records, ..Default::default() }];
            let responses = vec![FetchableTopicResponse { partitions, ..Default::default() }];
            let response = FetchResponse { responses, ..Default::default() };
            response_frame(&response, ApiKey::Fetch, 12, 1, Vec::new())
        };
        let expected = frame(RecordsField::Bytes(content[10..].to_vec().into())).to_bytes().to_vec();
        let (first_offset, next_offset) = (Offset(0), Offset(1));
        let slice = LogSlice { file, position: 10, len, first_offset, next_offset, ends_segment: false };
        (Reply { frame: frame(RecordsField::Elsewhere(len)), slices: vec![slice] }, expected)
    }

    #[test]
    fn a_small_reply_goes_out_in_one_call_and_a_large_one_is_not_copied() {
        for (len, calls, files) in [(1, 1, 0), (TOGETHER_BYTES_MAX / 2, 1, 0), (TOGETHER_BYTES_MAX, 2, 1)] {
            let (reply, expected) = reply(len);
            let mut sent = Sent::default();
            send_reply(&mut sent, &reply, false).expect("sent");
            assert_eq!((sent.calls, sent.files), (calls, files), "{len} bytes");
            assert!(sent.bytes == expected, "{len} bytes");
        }
    }

    #[test]
    fn a_reply_that_lacks_a_piece_is_not_sent() {
        for len in [100, 2 * TOGETHER_BYTES_MAX] {
            let (reply, _) = reply(len);
            let slices = vec![LogSlice { len: len - 1, ..reply.slices[0].clone() }];
            assert!(send_reply(&mut Sent::default(), &Reply { slices, ..reply }, false).is_err());
        }
    }
}
