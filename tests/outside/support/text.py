"""A text-protocol connection for what nc can't do: odd splits, half-closing, and waiting for one line."""

import socket
import time

from .checks import Failure

TIMEOUT = 20


class Line:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(TIMEOUT)
        self.pending = b""

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def line(self):
        while b"\n" not in self.pending:
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise Failure(f"no line within {TIMEOUT} s; so far {self.pending!r}") from None
            if not more:
                raise Failure(f"the connection was closed before a whole line; so far {self.pending!r}")
            self.pending += more
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode("utf-8", "backslashreplace")

    def reply(self):
        """The lines of one reply: data lines, and the line starting ACK, OK or ERR."""
        lines = [self.line()]
        while lines[-1].split(" ")[0] not in ("ACK", "OK", "ERR"):
            lines.append(self.line())
        return lines

    def ask(self, command):
        self.send(command + "\n")
        return self.reply()

    def rest(self):
        """Everything up to the close, which must come."""
        data = self.pending
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return data
            except socket.timeout:
                break
            if not more:
                return data
            data += more
        raise Failure(f"the connection was not closed within {TIMEOUT} s; it sent {data[:200]!r}")

    def silent_for(self, seconds):
        """True when nothing arrives; only for what must not answer."""
        self.socket.settimeout(seconds)
        try:
            more = self.socket.recv(65536)
            self.pending += more
            return False
        except socket.timeout:
            return not self.pending
        finally:
            self.socket.settimeout(TIMEOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
