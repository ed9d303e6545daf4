"""The rows, in the order of the page: each a name, a sentence, and a function that measures it."""

from . import throughput, clients, latency, broker, scale, long_run  # isort: skip
from .row import ROWS

__all__ = ["ROWS", "broker", "clients", "latency", "long_run", "scale", "throughput"]
