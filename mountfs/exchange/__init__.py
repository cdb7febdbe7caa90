"""Whole folders into a project and out of it, and a look at every byte that is recorded.

These are the long errands of the command line. They know nothing of terminals: they take a `Meter` and give
back what they did.
"""
