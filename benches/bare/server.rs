//! The server: a thread per connection, one file, one lock around its end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex};

use crate::batch;

struct Log {
    file: File,
    fdatasync: bool,
    end: Mutex<End>,
    moved: Condvar,
}

#[derive(Clone, Copy, Default)]
struct End {
    bytes: u64,
    offset: u64,
}

pub fn serve(path: &str, fdatasync: bool) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let log = Arc::new(Log { file, fdatasync, end: Mutex::default(), moved: Condvar::new() });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for socket in listener.incoming() {
        let (socket, log) = (socket?, Arc::clone(&log));
        std::thread::spawn(move || {
            // A client that goes away is no trouble.
            let _ = connection(socket, &log);
        });
    }
    Ok(())
}

fn connection(mut socket: TcpStream, log: &Log) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut verb = [0];
    socket.read_exact(&mut verb)?;
    match verb[0] {
        b'P' => take(socket, log),
        b'C' => give(&socket, log, false),
        b'F' => give(&socket, log, true),
        _ => Ok(()),
    }
}

/// Batches in, an ack of eight bytes for each.
fn take(mut socket: TcpStream, log: &Log) -> io::Result<()> {
    let mut buffer = vec![0; batch::HEADER_BYTES];
    loop {
        match socket.read_exact(&mut buffer[..batch::HEADER_BYTES]) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let whole = batch::whole_bytes(&buffer).ok_or(io::ErrorKind::InvalidData)?;
        if buffer.len() < whole {
            buffer.resize(whole, 0);
        }
        socket.read_exact(&mut buffer[batch::HEADER_BYTES..whole])?;
        let bytes = &mut buffer[..whole];
        if !batch::is_intact(bytes) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let base = log.append(bytes)?;
        socket.write_all(&base.to_be_bytes())?;
    }
}

/// The file out, to its end as it is, or as it grows.
fn give(socket: &TcpStream, log: &Log, follow: bool) -> io::Result<()> {
    let mut sent = 0;
    loop {
        let end = {
            let mut end = log.end.lock().expect("no thread panics with it");
            while follow && end.bytes == sent {
                end = log.moved.wait(end).expect("no thread panics with it");
            }
            end.bytes
        };
        if sent == end {
            return Ok(());
        }
        while sent < end {
            let left = (end - sent) as usize;
            rustix::fs::sendfile(socket, &log.file, Some(&mut sent), left)?;
        }
    }
}

impl Log {
    fn append(&self, bytes: &mut [u8]) -> io::Result<u64> {
        let mut end = self.end.lock().expect("no thread panics with it");
        bytes[..8].copy_from_slice(&end.offset.to_be_bytes());
        // In one call: pieces that do not end where a page does make the kernel keep them in smaller folios.
        self.file.write_all_at(bytes, end.bytes)?;
        if self.fdatasync {
            self.file.sync_data()?;
        }
        let base = end.offset;
        *end = End { bytes: end.bytes + bytes.len() as u64, offset: base + batch::record_count(bytes) };
        self.moved.notify_all();
        Ok(base)
    }
}
