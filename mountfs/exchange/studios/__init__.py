"""Whole studios: backups of one, the way back from a backup, and projects that move in."""
