"""The Python clients: the packages of clients/requirements.txt, installed once into a venv of ours."""

import fcntl
import hashlib
import pathlib

from .commands import CACHE, quote, sh

WANTED = pathlib.Path(__file__).resolve().parents[1] / "clients" / "requirements.txt"


def python():
    """The shell word for a Python that has them."""
    place = CACHE / f"venv-{hashlib.sha256(WANTED.read_bytes()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            install = f"{quote(place / 'bin/pip')} install -q --disable-pip-version-check --only-binary :all: -r {quote(WANTED)}"
            sh(f"python3 -m venv --clear {quote(place)} && {install}", timeout=300)
            (place / "complete").touch()
    return quote(place / "bin/python")
