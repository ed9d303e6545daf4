"""What the outside suites share: running commands, starting brokers, checking, and the data they use.

Only Python's standard library is used here, so that a suite runs wherever Python 3.9 does.
"""
