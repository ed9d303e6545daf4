"""rafka-server as the suites use it: on a free port, with its data in a temporary directory, stopped in the end."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .checks import Failure, check, equal, indented
from .commands import environment, programs

LISTENING = re.compile(r"^Broker Listening on (\S+)$")


class RafkaServer:
    """Started with `--listen 127.0.0.1:0`; the port is read from the line it prints."""

    kind = "rafka-server"
    is_rafka = True
    START_TIMEOUT = 20

    def __init__(self, *flags, home=None, address=None):
        self.flags = list(flags)
        self.owns_home = home is None
        self.home = pathlib.Path(home or tempfile.mkdtemp(prefix="rafka-server-"))
        self.data = self.home / "data"
        self.process = None
        self.address = address

    def start(self):
        """Starts it, on the port that it had where this is a second start."""
        self.lines = []
        self.up = threading.Event()
        began = time.monotonic()
        self._spawn()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.up.wait(self.START_TIMEOUT) or self.address is None:
            raise Failure(f"rafka-server did not say that it listens (exit {self.process.poll()}); it printed {self.lines} and\n{self.stderr()}")
        self.start_seconds = time.monotonic() - began
        return self

    def _spawn(self):
        if getattr(self, "log", None):
            self.log.close()
        self.log = open(self.home / "stderr.log", "ab")
        command = [str(programs() / "rafka-server"), "--data-dir", str(self.data), "--listen", self.address or "127.0.0.1:0", *self.flags]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=environment())

    def start_and_kill(self, after):
        """A start that does not get far."""
        self._spawn()
        time.sleep(after)
        self.kill()
        self.process.stdout.close()

    def freeze(self, seconds):
        """Its time stands still for so long."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def _read(self):
        for line in self.process.stdout:
            text = line.decode("utf-8", "backslashreplace").rstrip("\n")
            self.lines.append(text)
            found = LISTENING.match(text)
            if found:
                self.address = found.group(1)
                self.up.set()
        self.up.set()

    def stderr(self):
        return indented((self.home / "stderr.log").read_bytes())

    def stop(self, sig=signal.SIGTERM, timeout=30):
        """A clean stop: what was accepted is flushed, and it ends with 0."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(sig)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"rafka-server did not stop within {timeout} s of {sig.name}:\n{self.stderr()}") from None
        self.reader.join(5)
        equal(code, 0, f"exit code of rafka-server after {sig.name}")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def check_alive(self):
        check(self.process.poll() is None, f"rafka-server ended (exit {self.process.poll()}):\n{self.stderr()}")

    def partition_dir(self, topic, partition):
        return self.data / topic / f"partition-{partition}"

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.kill()
        if getattr(self, "log", None):
            self.log.close()
        if self.owns_home:
            if os.environ.get("RAFKA_KEEP"):
                print(f"kept: {self.home}")
            else:
                shutil.rmtree(self.home, ignore_errors=True)


def port_below_ephemeral(chance):
    """A free port that the system gives to nobody while the broker that had it is down."""
    while True:
        port = chance.randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class RunningElsewhere:
    """A broker that somebody else started and stops: `--broker HOST:PORT`."""

    kind = "the given broker"
    is_rafka = True
    data = None

    def __init__(self, address):
        self.address = address

    def check_alive(self):
        pass


@contextlib.contextmanager
def given_or_started(address, *flags):
    if address:
        yield RunningElsewhere(address)
        return
    with RafkaServer(*flags) as broker:
        yield broker
        broker.stop()
