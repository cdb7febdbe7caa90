"""Measurements with their peers beside them in the same run.

`make bench`, or `python -m benchmarks.read --help`.
"""
