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
    written: u64,
}

impl DirectStdout {
    pub fn open() -> io::Result<DirectStdout> {
        Ok(DirectStdout { file: own_handle()?, written: 0 })
    }

    /// Makes the pipe behind us large, if it is one.
    pub fn widen(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&self.file, PIPE_BYTES);
    }

    /// How many bytes it took.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How much lies in the pipe behind us that its reader has not taken, also when it is gone. 0 where there is no
    /// pipe, and where only the reading end could be asked.
    pub fn unread(&self) -> u64 {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::FileTypeExt;
            let is_pipe = self.file.metadata().is_ok_and(|found| found.file_type().is_fifo());
            if is_pipe { rustix::io::ioctl_fionread(&self.file).unwrap_or(0) } else { 0 }
        }
        #[cfg(not(target_os = "linux"))]
        0
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
        let written = match self.file.write(bytes) {
            // Somebody made it non-blocking, which holds for all who share it.
            #[cfg(unix)]
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                use rustix::event::{PollFd, PollFlags, poll};
                poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None)?;
                self.file.write(bytes)
            }
            written => written,
        }?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
