"""Recordings replay on a disk without a difference, and the replay notices when something is different."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mountfs.testing.replay import Recording, replay, seed

RECORDINGS = sorted((Path(__file__).parents[1] / "data" / "dcc").glob("*.json"))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


def test_there_are_recordings():
    """The tests of recordings are about something."""
    assert len(RECORDINGS) == 30


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recording_replays_on_a_disk(path: Path, here: Path, mirror: Path):
    """On the kind of file system it was recorded on, every call of a tool ends as it did then."""
    recording = Recording.load(path)
    seed(recording, here)
    labels: list[str] = []
    told = replay(recording, here, mirror=mirror, after_action=lambda action: labels.append(action.label))
    assert told == []
    assert labels == [action.label for action in recording.actions]


def write(path: Path, *operations: dict[str, object]) -> Recording:
    """A recording of one action on a file ``a`` of 8192 bytes."""
    seeded = {"op": "seed", "type": "file", "path": "a", "size": 8192, "perm": "0644"}
    about = {"op": "meta", "format": 1, "tool": "none", "version": "0", "umask": "0022"}
    begin = {"op": "mark", "label": "save", "asset": "a", "expect_new_versions": {"a": 2, "b": [0, 4]}}
    path.write_text(json.dumps([about, seeded, begin, *operations, {"op": "mark", "label": "end"}]))
    return Recording.load(path)


OPEN = {"op": "open", "path": "a", "flags": ["O_RDONLY"], "h": 1}
READ = {"op": "read", "h": 1, "length": 8192}
CLOSE = {"op": "close", "h": 1}


def damage(folder: Path) -> None:
    content = bytearray((folder / "a").read_bytes())
    content[100] ^= 1
    (folder / "a").write_bytes(content)


def nothing(folder: Path) -> None:
    """Leave the folder as it is."""


WRONG: dict[str, tuple[Callable[[Path], object], list[dict[str, object]], str]] = {
    "error": (nothing, [{**OPEN, "err": "ENOENT"}], "succeeded, recorded ENOENT"),
    "success": (nothing, [{"op": "unlink", "path": "b"}], "ENOENT, recorded success"),
    "length": (nothing, [OPEN, {**READ, "ret": 8000}], "length 8192, recorded 8000"),
    "position": (
        nothing,
        [OPEN, {"op": "lseek", "h": 1, "offset": 0, "whence": "SEEK_END", "ret": 7}],
        "position 8192, recorded 7",
    ),
    "mode": (
        nothing,
        [{"op": "stat", "path": "a", "type": "file", "perm": "0600", "size": 8192}],
        "perm '0644', recorded '0600'",
    ),
    "listing": (
        lambda folder: (folder / "c").touch(),
        [
            {"op": "open", "path": ".", "flags": ["O_DIRECTORY"], "h": 2},
            {"op": "readdir", "h": 2, "entries": 3},
        ],
        "entries 2, recorded 1",
    ),
    "bytes": (
        damage,
        [OPEN, READ],
        "8192 bytes that are not the 8192 of the mirror, first at 100",
    ),
    "mapped bytes": (
        damage,
        [
            OPEN,
            {
                "op": "mmap",
                "map": 1,
                "h": 1,
                "length": 8192,
                "prot": "PROT_READ",
                "flags": ["MAP_PRIVATE"],
                "offset": 0,
            },
        ],
        "8192 bytes that are not the 8192 of the mirror, first at 100",
    ),
    "content at the end": (damage, [], "at the end, a: a file of 8192 bytes, in the mirror"),
    "name at the end": (
        lambda folder: (folder / "c").mkdir(),
        [],
        "at the end, c: a folder, in the mirror absent",
    ),
    "unknown call": (nothing, [{"op": "teleport", "path": "a"}], "the call teleport is unknown here"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_difference_is_told(tmp_path: Path, here: Path, mirror: Path, kind: str):
    """Whoever replays a recording learns of a call, a byte or a name that came out otherwise."""
    spoil, operations, sentence = WRONG[kind]
    recording = write(tmp_path / "wrong.json", *operations)
    seed(recording, here)
    spoil(here)
    told = replay(recording, here, mirror=mirror)
    assert any(sentence in each for each in told), told


def test_a_handle_that_is_lost_is_told_once(tmp_path: Path, here: Path, mirror: Path):
    """A failed open is one difference, and not one more for each call that would have used it."""
    recording = write(tmp_path / "lost.json", OPEN, READ, READ, CLOSE)
    seed(recording, here)
    (here / "a").rename(here / "b")
    (here / "a").mkdir()
    (here / "a").rmdir()
    assert [each for each in replay(recording, here, mirror=mirror) if "end" not in each] == [
        "save, #3 open a: ENOENT, recorded success"
    ]


def test_a_user_who_rests_between_two_saves_makes_two_actions(tmp_path: Path):
    """What was expected of an action with two saves is expected half and half of its two parts."""
    whole = write(tmp_path / "two.json", OPEN, CLOSE, {**OPEN, "h": 2}, {**CLOSE, "h": 2})
    parts = whole.with_rest_after(4).actions
    assert [(part.label, [each.number for each in part.operations]) for part in parts] == [
        ("save", [3, 4]),
        ("save, again", [5, 6]),
    ]
    assert all(part.expected == {"a": (1, 1), "b": (0, 2)} for part in parts)
    with pytest.raises(ValueError, match="no operation 99"):
        whole.with_rest_after(99)


def test_a_refused_hard_link_leads_to_what_tools_do_then(tmp_path: Path, here: Path, mirror: Path):
    """Where links are refused, a backup is renamed instead, and a name that only a link made is not there."""
    recorded = write(
        tmp_path / "links.json",
        {"op": "link", "path": "a", "to": "copy"},
        {"op": "unlink", "path": "copy"},
        {"op": "link", "path": "a", "to": "a.bak"},
    )
    adapted = recorded.without_hard_links(["a.bak"])
    assert [(each.call, each.error) for each in adapted.actions[0].operations] == [
        ("link", "EPERM"),
        ("unlink", "ENOENT"),
        ("link", "EPERM"),
        ("rename", ""),
    ]
    seed(adapted, here)
    told = replay(adapted, here, mirror=mirror)
    assert told[0] == "save, #3 link a copy: succeeded, recorded EPERM", "a disk does link"
    assert [path.name for path in mirror.iterdir()] == ["a.bak"], "the mirror is not asked to"


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path):
    """A recording that was cut off or is none is told apart from one that differs."""
    path = tmp_path / "cut.json"
    path.write_text(
        '[{"op": "meta", "format": 1, "tool": "none", "version": "0"}, {"op": "unlink", "path": "a"}]'
    )
    with pytest.raises(ValueError, match="has no end"):
        Recording.load(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="not a recording"):
        Recording.load(path)
