"""What was measured, and on what."""

import hashlib
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["rafka-server", "rafka-produce", "rafka-consume", "examples/bare", "examples/null", "examples/probe"]


def target_dir():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()


def release_dir():
    return target_dir() / "release"


def example(name):
    return str(release_dir() / "examples" / name)


def facts():
    """Results belong together if all of this is the same."""
    missing = [name for name in PROGRAMS if not (release_dir() / name).exists()]
    if missing:
        raise SystemExit(f"benches/run: {', '.join(missing)} not built; run without --no-build")
    digest = hashlib.sha256()
    for name in PROGRAMS:
        digest.update((release_dir() / name).read_bytes())
    return {
        "build": digest.hexdigest()[:12],
        "commit": output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
        "changed": bool(output("git", "-C", str(ROOT), "status", "--porcelain", "--", "src", "benches", "Cargo.toml", "Cargo.lock")),
        "machine": {
            "processor": field("/proc/cpuinfo", "model name"),
            "cores": os.cpu_count(),
            "memory_gib": round(int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20),
            "kernel": platform.release().split("-")[0],
            "file_system": output("stat", "-f", "-c", "%T", str(ROOT)),
        },
    }


def field(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown 0"


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
