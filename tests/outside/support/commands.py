"""Running programs: with a time limit, what they printed kept, and a message that can be pasted into a shell.

The four programs are found in RAFKA_BIN, else in target/release, else in target/debug, and lead the PATH of
everything that runs here, so that a command is written as a user types it.
"""

import contextlib
import os
import pathlib
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

from .checks import Failure, Skip, indented

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "outside"
TIMEOUT = 60


def programs():
    """The directory that holds rafka-server and its kin."""
    named = os.environ.get("RAFKA_BIN")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    for place in [pathlib.Path(named)] if named else [target / "release", target / "debug"]:
        if (place / "rafka-server").exists():
            return place
    why = "the four programs are not built: run `cargo build --release` first, or name their directory in RAFKA_BIN"
    raise (Failure if os.environ.get("CI") else Skip)(why)


def need(program):
    """Skips the case where a foreign program is missing, but fails in CI, which must have installed it."""
    if shutil.which(program):
        return
    if os.environ.get("CI"):
        raise Failure(f"{program} is not installed, and CI must have it")
    raise Skip(f"{program} is not installed")


def environment(broker=None, extra=None):
    env = dict(os.environ)
    for name in list(env):
        if name.startswith("RAFKA_") and name not in ("RAFKA_BIN",):
            del env[name]
    with contextlib.suppress(Skip, Failure):  # what needs none of the four runs without them
        env["PATH"] = f"{programs()}:{env['PATH']}"
    env["LC_ALL"] = "C.UTF-8"
    if broker:
        env["RAFKA_BOOTSTRAP"] = broker
        env["B"] = broker
        env["HOST"], _, env["PORT"] = broker.rpartition(":")
    env.update(extra or {})
    return env


class Done:
    """How a command ended, and what it printed."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.code, self.out, self.err, self.seconds = command, code, out, err, seconds

    @property
    def text(self):
        return self.out.decode("utf-8", "backslashreplace")

    @property
    def errors(self):
        return self.err.decode("utf-8", "backslashreplace")

    @property
    def lines(self):
        return self.text.splitlines()

    def story(self):
        out = self.out if len(self.out) < 4000 else self.out[:1000] + b"\n..."
        return f"$ {self.command}\nexit {self.code} after {self.seconds:.1f} s\nstdout:\n{indented(out)}\nstderr:\n{indented(self.err)}"


def sh(command, broker=None, stdin=b"", code=0, timeout=TIMEOUT, cwd=None, extra=None):
    """Runs a line of bash with pipefail. `code` is the exit code that is right, several of them, or None for any."""
    if os.environ.get("RAFKA_OUTSIDE_VERBOSE"):
        print(f"     $ {command}", file=sys.stderr, flush=True)
    if isinstance(stdin, str):
        stdin = stdin.encode()
    began = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(broker, extra),
        cwd=cwd,
        start_new_session=True,  # so that the whole pipeline can be ended
    )
    try:
        out, err = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        done = Done(command, "none (killed)", out, err, time.monotonic() - began)
        raise Failure(f"took longer than {timeout} s:\n{done.story()}") from None
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    done = Done(command, process.returncode, out, err, time.monotonic() - began)
    right = code if isinstance(code, (tuple, list)) else (code,)
    if code is not None and process.returncode not in right:
        raise Failure(f"exit code {process.returncode}, expected {' or '.join(map(str, right))}:\n{done.story()}")
    return done


def quote(*words):
    return " ".join(shlex.quote(str(w)) for w in words)


class Running:
    """A program that goes on: its output can be waited for line by line, and its input written to.

    `command` is one simple command, no pipeline: it replaces its shell, so that a signal reaches it.
    """

    def __init__(self, command, broker=None, stdin=None, extra=None, cwd=None, stderr=None):
        self.command = command
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            stdin=subprocess.PIPE if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=stderr or subprocess.PIPE,
            env=environment(broker, extra),
            cwd=cwd,
        )
        self.arrived = queue.Queue()
        self.err = b""
        self.threads = [threading.Thread(target=self._read, daemon=True)]
        if stderr is None:
            self.threads.append(threading.Thread(target=self._read_errors, daemon=True))
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.arrived.put((time.monotonic(), line))
        self.arrived.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.err += line

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def line(self, timeout=TIMEOUT):
        """The next line of its output, with its newline; a Failure when none comes or it ends."""
        return self.timed_line(timeout)[1]

    def timed_line(self, timeout=TIMEOUT):
        """As `line`, with the time.monotonic() at which it arrived."""
        try:
            item = self.arrived.get(timeout=timeout)
        except queue.Empty:
            raise Failure(f"no line within {timeout} s from: {self.command}\n{indented(self.err)}") from None
        if item is None:
            self.arrived.put(None)
            raise Failure(f"ended (exit {self.process.wait()}) instead of printing a line: {self.command}\n{indented(self.err)}")
        return item

    def nothing(self, seconds):
        """True when no line arrives for so long. Only for what has no event to wait for."""
        try:
            item = self.arrived.get(timeout=seconds)
        except queue.Empty:
            return True
        self.arrived.put(item)
        return False

    def rest(self, timeout=TIMEOUT):
        """All lines up to its end."""
        lines = []
        deadline = time.monotonic() + timeout
        while True:
            try:
                item = self.arrived.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise Failure(f"still running after {timeout} s: {self.command}\n{indented(self.err)}") from None
            if item is None:
                self.arrived.put(None)
                return lines
            lines.append(item[1])

    def close_input(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def end(self, sig=signal.SIGTERM, timeout=20):
        """Sends the signal where it still runs and gives its exit code."""
        if self.process.poll() is None and sig is not None:
            self.process.send_signal(sig)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"did not end within {timeout} s of signal {sig}: {self.command}\n{indented(self.err)}") from None
        for thread in self.threads:
            thread.join(5)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                try:
                    stream.close()
                except (BrokenPipeError, ValueError):
                    pass
