//! Running rafka-admin.

use std::io;
use std::process::{Child, Command, Output, Stdio};

/// The program, with nothing of this machine's environment that could change what it does.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rafka-admin"));
    command.args(args).stdin(Stdio::null());
    for name in ["RAFKA_BOOTSTRAP", "RAFKA_CONFIG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is text"),
            err: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

pub fn admin(args: &[&str]) -> Ran {
    command(args).output().expect("rafka-admin starts").into()
}

pub fn spawn(args: &[&str]) -> io::Result<Child> {
    command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}
