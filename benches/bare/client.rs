//! The clients: lines in, lines out, and a steady trickle whose acks are timed.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::batch::{self, Builder};

const BATCH_BYTES_MAX: usize = 1_000_000;
const IN_FLIGHT_MAX: usize = 5;
const READ_BYTES: usize = 256 * 1024;
/// The pipe in front is made this large where the system allows it.
const PIPE_BYTES: usize = 1024 * 1024;
/// So much is written at once: little enough to be in the processor's cache still.
const WRITTEN_BYTES: usize = 128 * 1024;
/// What is read where it is not known yet how long the batch is.
const SMALL_BYTES: usize = 4096;

pub fn produce(address: &str) -> io::Result<()> {
    let mut link = Link::open(address)?;
    let mut builder = Builder::new(BATCH_BYTES_MAX);
    let mut stdin = io::stdin().lock();
    // Stdin may be no pipe, and then is as fast as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE_BYTES);
    // A line that is not whole yet stays at the front.
    let mut buffer = vec![0; READ_BYTES];
    let mut held = 0;
    loop {
        if held == buffer.len() {
            buffer.resize(2 * held, 0);
        }
        let read = stdin.read(&mut buffer[held..])?;
        if read == 0 {
            break;
        }
        let filled = held + read;
        let mut line_at = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[..filled]) {
            link.put(&mut builder, &buffer[line_at..newline])?;
            line_at = newline + 1;
        }
        buffer.copy_within(line_at..filled, 0);
        held = filled - line_at;
    }
    if held > 0 {
        link.put(&mut builder, &buffer[..held])?;
    }
    link.send(&mut builder)?;
    while link.in_flight > 0 {
        link.acknowledged()?;
    }
    Ok(())
}

pub fn consume(address: &str, follow: bool) -> io::Result<()> {
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(if follow { b"F" } else { b"C" })?;
    let mut out = io::stdout().lock();
    // One batch and the beginning of the next: what stays in the processor's cache is quickest to go over again.
    let mut buffer = vec![0; BATCH_BYTES_MAX + SMALL_BYTES];
    let mut lines = Vec::with_capacity(2 * WRITTEN_BYTES);
    let mut held = 0;
    loop {
        let whole = batch::whole_bytes(&buffer[..held]);
        let Some(whole) = whole.filter(|whole| *whole <= held) else {
            let wanted = whole.unwrap_or(0).max(held) + SMALL_BYTES;
            if buffer.len() < wanted {
                buffer.resize(wanted, 0);
            }
            match socket.read(&mut buffer[held..wanted])? {
                0 => return Ok(()),
                read => held += read,
            }
            continue;
        };
        let bytes = &buffer[..whole];
        if !batch::is_intact(bytes) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        batch::for_each_value(bytes, |value| {
            lines.extend_from_slice(value);
            lines.push(b'\n');
            if lines.len() < WRITTEN_BYTES {
                return Ok(());
            }
            out.write_all(&lines)?;
            lines.clear();
            Ok::<(), io::Error>(())
        })?;
        out.write_all(&lines)?;
        out.flush()?;
        lines.clear();
        buffer.copy_within(whole..held, 0);
        held -= whole;
    }
}

/// Sends one record of 100 bytes each `1 / rate` seconds and prints how long each ack took, in microseconds. A record
/// begins with the time, for who reads it at the other end.
pub fn paced(address: &str, rate: f64, count: u32) -> io::Result<()> {
    let mut link = Link::open(address)?;
    let mut builder = Builder::new(1024);
    let mut took = Vec::with_capacity(count as usize);
    let began = Instant::now();
    for n in 0..count {
        let due = began + Duration::from_secs_f64(f64::from(n) / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        let value = format!("{:020}{:x<80}", since_1970().as_nanos(), "");
        builder.push(value.as_bytes());
        link.send(&mut builder)?;
        link.acknowledged()?;
        took.push(sent.elapsed().as_micros());
    }
    let mut out = io::stdout().lock();
    for micros in took {
        writeln!(out, "{micros}")?;
    }
    Ok(())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

struct Link {
    socket: TcpStream,
    in_flight: usize,
}

impl Link {
    fn open(address: &str) -> io::Result<Link> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.write_all(b"P")?;
        Ok(Link { socket, in_flight: 0 })
    }

    fn put(&mut self, builder: &mut Builder, value: &[u8]) -> io::Result<()> {
        if builder.bytes.len() + Builder::room_for(value) > BATCH_BYTES_MAX {
            self.send(builder)?;
        }
        builder.push(value);
        Ok(())
    }

    fn send(&mut self, builder: &mut Builder) -> io::Result<()> {
        if builder.is_empty() {
            return Ok(());
        }
        while self.in_flight >= IN_FLIGHT_MAX {
            self.acknowledged()?;
        }
        builder.seal(since_1970().as_millis() as i64);
        self.socket.write_all(&builder.bytes)?;
        self.in_flight += 1;
        builder.clear();
        Ok(())
    }

    fn acknowledged(&mut self) -> io::Result<()> {
        let mut offset = [0; 8];
        self.socket.read_exact(&mut offset)?;
        self.in_flight -= 1;
        Ok(())
    }
}

/// Prints for each of `count` lines on stdin, which begin with the time they were sent, how old it is in microseconds.
pub fn arrivals(count: usize) -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut line = String::new();
    let mut took = Vec::with_capacity(count);
    while took.len() < count {
        line.clear();
        if io::BufRead::read_line(&mut stdin, &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let sent = line.get(..20).and_then(|time| time.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        took.push(since_1970().as_nanos().saturating_sub(sent) / 1000);
    }
    let mut out = io::stdout().lock();
    for micros in took {
        writeln!(out, "{micros}")?;
    }
    Ok(())
}

/// Lines of `bytes` as `arrivals` reads them, one each `1 / rate` seconds.
pub fn lines(rate: f64, count: u32, bytes: usize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let began = Instant::now();
    for n in 0..count {
        let due = began + Duration::from_secs_f64(f64::from(n) / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        writeln!(out, "{:020}{:x<2$}", since_1970().as_nanos(), "", bytes.saturating_sub(20))?;
        out.flush()?;
    }
    Ok(())
}

/// Appends 4 KiB and has them made durable, `count` times, and prints how long each took in microseconds.
pub fn syncs(path: &str, count: usize) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        file.write_all(&[b'x'; 4096])?;
        file.sync_data()?;
        took.push(began.elapsed().as_micros());
    }
    let mut out = io::stdout().lock();
    for micros in took {
        writeln!(out, "{micros}")?;
    }
    Ok(())
}
