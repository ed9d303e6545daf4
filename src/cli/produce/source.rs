//! Standard input, read in blocks, with the one question that matters: is there more right now?

use std::io;

/// The pipe in front of this program is made this large where the system allows it: fewer, larger reads.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;

pub(super) use platform::Source;

#[cfg(unix)]
mod platform {
    use std::io::{self, Read, Stdin};
    use std::os::fd::AsFd;
    use std::time::Instant;

    use crate::client::Watch;
    use crate::client::poll;

    #[derive(Debug)]
    pub(in crate::cli::produce) struct Source {
        stdin: Stdin,
    }

    impl Source {
        pub(in crate::cli::produce) fn open() -> Source {
            let stdin = io::stdin();
            super::widen(&stdin);
            Source { stdin }
        }

        /// Whether a read would give something, or the end, without waiting.
        pub(in crate::cli::produce) fn is_ready(&mut self) -> bool {
            let mut watches = [self.watch()];
            poll::wait(&mut watches, &mut [], None, Some(Instant::now()));
            watches[0].ready
        }

        /// Blocks if nothing is there. 0 is the end.
        pub(in crate::cli::produce) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            // The standard library's buffer is passed by: reads here are larger than it.
            self.stdin.lock().read(space)
        }

        pub(in crate::cli::produce) fn watches(&self) -> Vec<Watch<'_>> {
            vec![self.watch()]
        }

        fn watch(&self) -> Watch<'_> {
            Watch::readable(self.stdin.as_fd())
        }

        /// How many bytes are still to come, where that is known: a file.
        pub(in crate::cli::produce) fn size(&self) -> Option<u64> {
            let stat = rustix::fs::fstat(&self.stdin).ok()?;
            let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile;
            let at = rustix::fs::tell(&self.stdin).ok().filter(|_| is_file)?;
            Some(u64::try_from(stat.st_size).ok()?.saturating_sub(at))
        }
    }
}

#[cfg(target_os = "linux")]
fn widen(stdin: &io::Stdin) {
    // What is no pipe, or a pipe that may not grow, is read as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(stdin, PIPE_BYTES);
}

#[cfg(all(unix, not(target_os = "linux")))]
fn widen(_: &io::Stdin) {}

#[cfg(not(unix))]
mod platform {
    use std::io::{self, Read};

    use crossbeam_channel::{Receiver, TryRecvError, bounded};

    use super::super::splitter::BLOCK_BYTES;
    use crate::client::Watch;

    /// Blocks read ahead.
    const BLOCKS_MAX: usize = 4;

    /// A thread reads, since nothing here can ask standard input whether it has something.
    #[derive(Debug)]
    pub(in crate::cli::produce) struct Source {
        blocks: Receiver<io::Result<Vec<u8>>>,
        block: Option<io::Result<Vec<u8>>>,
        is_over: bool,
    }

    impl Source {
        pub(in crate::cli::produce) fn open() -> Source {
            let (sender, blocks) = bounded(BLOCKS_MAX);
            std::thread::spawn(move || {
                let mut stdin = io::stdin().lock();
                loop {
                    let mut block = vec![0; BLOCK_BYTES / 2];
                    let read = stdin.read(&mut block);
                    let is_last = !matches!(&read, Ok(1..));
                    let block = read.map(|count| {
                        block.truncate(count);
                        block
                    });
                    if sender.send(block).is_err() || is_last {
                        return;
                    }
                }
            });
            Source { blocks, block: None, is_over: false }
        }

        pub(in crate::cli::produce) fn is_ready(&mut self) -> bool {
            if self.block.is_none() {
                match self.blocks.try_recv() {
                    Ok(block) => self.block = Some(block),
                    Err(TryRecvError::Empty) => {}
                    Err(TryRecvError::Disconnected) => self.is_over = true,
                }
            }
            self.block.is_some() || self.is_over
        }

        pub(in crate::cli::produce) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let block = match self.block.take() {
                Some(block) => block?,
                None => match self.blocks.recv() {
                    Ok(block) => block?,
                    Err(_) => return Ok(0),
                },
            };
            let count = block.len().min(space.len());
            space[..count].copy_from_slice(&block[..count]);
            if count < block.len() {
                self.block = Some(Ok(block[count..].to_vec()));
            }
            Ok(count)
        }

        pub(in crate::cli::produce) fn watches(&self) -> Vec<Watch<'_>> {
            Vec::new()
        }

        pub(in crate::cli::produce) fn size(&self) -> Option<u64> {
            None
        }
    }
}
