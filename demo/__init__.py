"""A small production to try mountfs on: ``make demo``."""
