"""``python -m mountfs.testing.replay RECORDING DIR [--mirror DIR]``.

The exit code is 0 without a difference, 1 with one, 2 if it could not be played.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mountfs.testing.replay.player import Traits, replay, seed
from mountfs.testing.replay.recording import Recording


def main() -> int:
    """Seed, play, and print what differed."""
    parser = argparse.ArgumentParser(prog="python -m mountfs.testing.replay", description=main.__doc__)
    parser.add_argument("recording", type=Path, help="a recording, such as tests/data/dcc/gimp-save.json")
    parser.add_argument("folder", type=Path, help="an empty folder, or one that holds the recording's files")
    parser.add_argument(
        "--mirror", type=Path, help="an empty folder on an ordinary file system, to compare with"
    )
    parser.add_argument("--no-seed", action="store_true", help="the files are there already")
    parser.add_argument(
        "--mount", action="store_true", help="the folder is in a mount: compare what a mount keeps"
    )
    words = parser.parse_args()
    try:
        recording = Recording.load(words.recording)
        if words.mount:
            recording = recording.without_hard_links()
        if not words.no_seed:
            seed(recording, words.folder)
        told = replay(
            recording,
            words.folder,
            mirror=words.mirror,
            traits=Traits(permissions=0o700) if words.mount else None,
            after_action=lambda action: print(f"{action.label} is over"),
        )
    except (OSError, ValueError) as exc:
        print(exc, file=sys.stderr)
        return 2
    for sentence in told:
        print(sentence)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
