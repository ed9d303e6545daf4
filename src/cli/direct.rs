//! Standard output without the standard library's line buffer: what is written is out, in as few calls as there are.

use std::fs::File;
use std::io::{self, Write};

/// The pipe behind a program is made this large where the system allows it: fewer, larger writes.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1024 * 1024;

/// A handle of our own to standard output.
#[derive(Debug)]
pub struct DirectStdout {
    file: File,
}

impl DirectStdout {
    pub fn open() -> io::Result<DirectStdout> {
        Ok(DirectStdout { file: own_handle()? })
    }

    /// Makes the pipe behind us large, if it is one.
    pub fn widen(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&self.file, PIPE_BYTES);
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for DirectStdout {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(unix)]
fn own_handle() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn own_handle() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdout().as_handle().try_clone_to_owned().map(File::from)
}

impl Write for DirectStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            // Somebody made it non-blocking, which holds for all who share it.
            #[cfg(unix)]
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                use rustix::event::{PollFd, PollFlags, poll};
                poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None)?;
                self.file.write(bytes)
            }
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
