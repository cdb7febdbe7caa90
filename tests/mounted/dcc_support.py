"""Writes ``docs/dcc-support.md``: which versions the recorded sessions of creative tools make in a mount.

``make dcc-table`` plays all of them and writes the file. The tests play them too, and compare: what the
file says is what happens.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from mountfs.testing.mounts import Mounts
from mountfs.testing.replay import Action
from tests.mounted.film import Home, personal
from tests.mounted.sessions import Form, Session, Who, forms, play

PAGE = Path(__file__).parents[2] / "docs" / "dcc-support.md"

RULES = {
    "local": (
        "A new name stays local for somebody whose role lacks `create_asset`, as the artist's does. The tool"
        " and its user have the file, it survives a remount, and `mountfs status` says why it is no asset."
    ),
    "beside": "A new file beside the one that was saved, under a name that is not ignored, is an asset too.",
}
"""What decides where the number found is not the number expected."""

BESIDE = {
    "blender-export-render": {"textures/t.exr", "textures/t.png"},  # unpacked
    "blender50-export": {"textures/color_0C0C0C.exr"},  # USD exports bring their textures along
    "editors-text": {"c.nk.bak"},  # perl was asked for a backup of this name
}
"""By recording: files that nothing is said about there, and that are assets by the rule ``beside``."""

HEAD = """\
# What creative tools make of a mount

Written by `make dcc-table`; the test suite plays the same sessions and compares.

Sessions of the tools were recorded on a disk, system call by system call (`tests/data/dcc`). Here they are
played in a mount, and beside it on a disk. All calls end alike: the same bytes, sizes and errors, the same
files at the end. Permission bits of group and others are the mount's own and are not compared. The tables say
how many versions the project got by each action of the tool's user:

- *expected*: how many new versions of that file the action should make; two numbers: the fewest and the most.
- *owner*: found for the owner of the project, in personal mode.
- *artist*: found for a user of the role `artist`. The files that were there before are tasks of theirs, in a
  collection that is not assigned to them.

After each action the mount is waited for (`mountfs wait`), so that actions are further apart than the quiet
time. The content of each version was compared with what the tool had saved.

Unnamed files (`O_TMPFILE`) and hard links are not to be had in a mount. Tools know that: Krita makes a file
with a name then, and perl renames. Instead of the recordings `krita-save` and `krita-export` their form
`@fuse` is played, which was recorded where there are none.

Rules for what is otherwise than expected:

{rules}
"""


def page(sections: list[str]) -> str:
    """The whole file."""
    rules = "\n".join(f"- **{name}**: {text}" for name, text in RULES.items())
    return "\n".join([HEAD.format(rules=rules), *sections])


def section(form: Form, sessions: dict[Who, Session]) -> str:
    """What one recorded session made, as its owner and as an artist."""
    recording = form.recording
    title = f"## {recording.name}: {recording.version}"
    lines = [title, "", *([f"Adapted: {form.adapted}.", ""] if form.adapted else [])]
    lines += ["| action | file | expected | owner | artist | rule |", "|---|---|---|---|---|---|"]
    for action in recording.actions:
        if action.label in ("start", "end") and not _paths(action, sessions):
            continue
        for path in _paths(action, sessions) or [""]:
            lines.append(_row(form, action, path, sessions))
    return "\n".join(lines) + "\n"


def unexplained(form: Form, who: Who, session: Session) -> list[str]:
    """Numbers of versions that are not as expected, and no rule says why, in sentences."""
    told = []
    for action in form.recording.actions:
        for path in _paths(action, {who: session}):
            found = session.found.get((action.label, path), 0)
            if not _as_expected(action, path, found) and not _rule(form, action, path, who, session):
                told.append(
                    f"{action.label}: {path} got {found} versions, expected {_expected(action, path)}"
                )
    return told


def _paths(action: Action, sessions: dict[Who, Session]) -> list[str]:
    found = {path for session in sessions.values() for label, path in session.found if label == action.label}
    return sorted(action.expected.keys() | found)


def _row(form: Form, action: Action, path: str, sessions: dict[Who, Session]) -> str:
    numbers = {who: session.found.get((action.label, path), 0) for who, session in sessions.items()}
    rules = [
        _rule(form, action, path, who, session)
        for who, session in sessions.items()
        if path and not _as_expected(action, path, numbers[who])
    ]
    cells = [
        action.label,
        f"`{path}`" if path else "",
        _expected(action, path) if path else "",
        *(str(numbers[who]) if path else "" for who in Who),
        ", ".join(dict.fromkeys(rules)),
    ]
    return "| " + " | ".join(cells) + " |"


def _expected(action: Action, path: str) -> str:
    if path not in action.expected:
        return "not said"
    least, most = action.expected[path]
    return str(least) if least == most else f"{least} to {most}"


def _as_expected(action: Action, path: str, found: int) -> bool:
    least, most = action.expected.get(path, (0, 0))
    return least <= found <= most


def _rule(form: Form, action: Action, path: str, who: Who, session: Session) -> str:
    """Why the number found is not the number expected; empty if no rule says so."""
    found = session.found.get((action.label, path), 0)
    if who is Who.ARTIST and path not in session.known and not found:
        return "local"
    if who is Who.OWNER and path in BESIDE.get(form.name, ()) and found:
        return "beside"
    return ""


def sessions_of(form: Form, folder: Path, home: Home = personal) -> dict[Who, Session]:
    """Play a form as everybody, below an empty folder."""
    found = {}
    for who in Who:
        below = folder / who
        below.mkdir()
        film = home(below)
        try:
            with Mounts(below) as mounts:
                found[who] = play(form, who, film, mounts, below)
        finally:
            film.close()
    return found


def main() -> int:
    """Play all recordings and write the page. 1 if something is otherwise than it should be."""
    sections, told = [], []
    for form in forms():
        with tempfile.TemporaryDirectory(prefix="dcc-support-") as folder:
            sessions = sessions_of(form, Path(folder))
        sections.append(section(form, sessions))
        for who, session in sessions.items():
            told += [
                f"{form.name}, {who}: {each}" for each in [*session.wrong, *unexplained(form, who, session)]
            ]
    PAGE.write_text(page(sections), encoding="utf-8")
    for sentence in told:
        print(sentence, file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
