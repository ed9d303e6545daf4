//! Sending: bytes from memory, and stretches of files that never pass through this process.

use std::io::{self, Write};
use std::net::TcpStream;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;

use crate::broker::Reply;
use crate::log::disk::DiskFile;
use crate::protocol::kafka::Piece;

/// What is read at once where the system can't send a file by itself.
const COPY_BYTES: usize = 64 * 1024;

/// Where a connection's replies go. TLS will be another one, which has to read what it encrypts.
pub trait Output {
    /// Sends all of it. `more` says that further bytes follow at once, so that small pieces share a packet.
    fn send(&mut self, bytes: &[u8], more: bool) -> io::Result<()>;

    /// Sends a stretch of a file.
    fn send_file(&mut self, file: &dyn DiskFile, position: u64, len: usize) -> io::Result<()>;
}

/// Sends a whole reply, its files in their places.
pub fn send_reply(output: &mut dyn Output, reply: &Reply) -> io::Result<()> {
    let mut slices = reply.slices.iter();
    let mut pieces = reply.frame.pieces().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Bytes(bytes) => output.send(bytes, pieces.peek().is_some())?,
            Piece::Elsewhere(len) => {
                let slice = slices.next().filter(|slice| slice.len == len);
                let slice = slice.ok_or_else(|| io::Error::other("a reply names a piece that it does not have"))?;
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
