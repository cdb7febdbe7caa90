"""Recorded saves of creative tools, issued again against any folder and compared with a mirror on a disk.

`recording` is what a recording says, `place` a folder one is played into, `handle_calls` and `name_calls`
the system calls, and `player` plays one from its beginning to its end.
``python -m mountfs.testing.replay`` does it from a command line.
"""

from mountfs.testing.replay.player import Traits, replay, seed
from mountfs.testing.replay.recording import Action, Operation, Recording

__all__ = ["Action", "Operation", "Recording", "Traits", "replay", "seed"]
