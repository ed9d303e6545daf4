"""Other people's test suites, and the page about them: ../card.py runs them, docs/COMPATIBILITY.md is the outcome.

A suite knows how to fetch and build what it needs, names its tests (from the suite's own source, so that none can be
forgotten), and runs those that are asked for against brokers it starts.
"""
