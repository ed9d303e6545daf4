"""Measuring Rafka: what runs, how turns are taken, what is kept, and how it is told."""
