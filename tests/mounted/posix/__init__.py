"""The same calls on a mount and on a native file system, and what is to come of them."""
