"""mountfs: a creative studio's versioned assets as ordinary files. See docs/architecture.md."""
