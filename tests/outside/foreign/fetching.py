"""Other people's sources, fetched by the package manager that carries them and built once, into target/outside."""

import contextlib
import fcntl
import shutil

from support.commands import CACHE, need, quote, sh

FETCH_TIMEOUT = 300


@contextlib.contextmanager
def once(name):
    """The directory CACHE/name, and whether it is still to be filled. Filled as a whole or not at all."""
    CACHE.mkdir(parents=True, exist_ok=True)
    place = CACHE / name
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = not (place / "complete").exists()
        if fresh:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        yield place, fresh
        (place / "complete").touch()


def patient(command, **more):
    """A command that asks a registry, which may have been busy: tried twice."""
    done = sh(command, timeout=FETCH_TIMEOUT, code=None, **more)
    return done if done.code == 0 else sh(command, timeout=FETCH_TIMEOUT, **more)


def npm_source(package, place):
    """Unpacks an npm package's tarball into place/package, running nothing of it."""
    need("npm")
    patient(f"npm pack --silent --pack-destination {quote(place)} {quote(package)}")
    sh("tar xzf *.tgz && rm *.tgz", cwd=place)
    return place / "package"
