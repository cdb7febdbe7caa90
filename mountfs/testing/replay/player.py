"""Plays a recording: each call in the folder under test and in its mirror, in lock step, then both trees."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mountfs.testing.replay import handle_calls, name_calls
from mountfs.testing.replay.place import Call, LostHandle, Outcome, Place
from mountfs.testing.replay.recording import Action, Operation, Recording

CALLS: dict[str, Call] = {**handle_calls.CALLS, **name_calls.CALLS}


@dataclass(frozen=True, slots=True)
class Traits:
    """What the folder's file system shows otherwise than the one of the recording, by its own rules.

    ``permissions`` are the bits that are compared.
    """

    permissions: int = 0o7777


def seed(recording: Recording, folder: Path) -> None:
    """Make the files that were there before the tool started."""
    place = Place(folder, recording.name)
    for each in recording.seeds:
        _seed(place, each)


def seed_content(recording: Recording, each: Operation) -> bytes:
    """What is in one of the files that were there before."""
    place = Place(Path(), recording.name)
    return place.content(each.number, 0, each["size"])


def replay(
    recording: Recording,
    folder: Path,
    *,
    mirror: Path | None = None,
    traits: Traits | None = None,
    after_action: Callable[[Action], None] = lambda _: None,
) -> list[str]:
    """Play a recording into a folder that holds its files already (`seed`). Returns sentences: what differed.

    With a ``mirror``, an empty folder on an ordinary file system, the same is done there and all that is read
    is compared, at the end both trees too. ``after_action`` is called when an action of the recorded user is
    over.
    """
    traits = traits or Traits()
    told: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(_umask(recording.umask))
        here = Place(folder, recording.name)
        stack.callback(here.close)
        there = None
        if mirror is not None:
            seed(recording, mirror)
            there = Place(mirror, recording.name)
            stack.callback(there.close)
        for action in recording.actions:
            for operation in action.operations:
                differences = _played(operation, here, there, traits)
                told += [f"{action.label}, {operation}: {difference}" for difference in differences]
            after_action(action)
        here.close()
    if mirror is not None:
        told += tree_differences(folder, mirror)
    return told


def tree_differences(folder: Path, mirror: Path) -> list[str]:
    """How the names, kinds and contents below two folders differ, in sentences."""
    here, there = dict(_tree(folder)), dict(_tree(mirror))
    return [
        f"at the end, {name}: {here.get(name, _ABSENT).told}, in the mirror {there.get(name, _ABSENT).told}"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]


def _played(operation: Operation, here: Place, there: Place | None, traits: Traits) -> list[str]:
    """One operation in both places; how it differs from the recording, or else from the mirror."""
    if operation.get("optional"):
        return []  # an attempt that changed nothing, on a file system that could not do it
    outcome = _outcome(operation, here, traits)
    mirrored = None
    if there is not None and not operation.elsewhere_only:
        mirrored = _outcome(operation, there, traits)
    if outcome is None:
        return []
    told = outcome.differences(operation)
    if not told and mirrored is not None and not operation.get("any_err"):
        told = outcome.apart_from(mirrored)
    return told


def _outcome(operation: Operation, place: Place, traits: Traits) -> Outcome | None:
    """None if the call had nothing to be made on, which was told when its handle was lost."""
    try:
        outcome = place.perform(operation, CALLS)
    except LostHandle:
        return None
    if "perm" not in outcome.seen:
        return outcome
    return replace(
        outcome,
        seen={**outcome.seen, "perm": _masked(outcome.seen["perm"], traits)},
        recorded={**outcome.recorded, "perm": _masked(outcome.recorded["perm"], traits)},
    )


def _masked(permissions: object, traits: Traits) -> str:
    return f"{int(str(permissions), 8) & traits.permissions:04o}"


def _seed(place: Place, each: Operation) -> None:
    path = place.path(each["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    if each["type"] == "dir":
        path.mkdir(exist_ok=True)
    elif each["type"] == "link":
        path.symlink_to(each["target"])
        return
    else:
        path.write_bytes(place.content(each.number, 0, each["size"]))
    for name, size in each.get("xattrs", {}).items():
        os.setxattr(path, name, bytes(size))
    path.chmod(int(each["perm"], 8))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name of a tree."""

    kind: str
    content: bytes = b""

    @property
    def told(self) -> str:
        """In a few words."""
        return f"a {self.kind} of {len(self.content)} bytes" if self.kind == "file" else self.kind


_ABSENT = _Entry("absent")


def _tree(folder: Path) -> Iterator[tuple[str, _Entry]]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink():
                entry = _Entry(f"a link to {path.readlink()}")
            elif path.is_dir():
                entry = _Entry("a folder")
            else:
                entry = _Entry("file", path.read_bytes())
            yield str(path.relative_to(folder)), entry


@contextmanager
def _umask(umask: int) -> Iterator[None]:
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)
