"""What commands make of a studio's answers: what comes of an act is known when it was done, and no lie is
believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mountfs import wire
from mountfs.cli.far import FarStudio
from mountfs.errors import LimitExceeded, MountfsError, NameTaken, NotFound, WireError
from mountfs.model import AssetId, CheckpointId, ProjectId, Toggle, UserId
from mountfs.testing.stores import MemoryStore
from mountfs.transport.acting import ActingClient
from mountfs.wire import acts, plans

ASSET, ME = AssetId("asset"), UserId("me")
VERSION = {
    "id": "new",
    "asset": "asset",
    "number": 2,
    "created_at": 1,
    "author": "me",
    "size": 1,
    "xxh3": "0" * 16,
    "mtime_ns": 1,
}
PERSON = {"id": "me", "username": "me", "email": "me@harbor.example"}


class Said:
    """A line whose other end says what a test wants; what it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    def ask(self, _method: str, _path: str, kind: type[Any], **more: Any) -> Any:
        self.asked.append(more.get("body"))
        return wire.decode(kind, wire.encode(self.answer))


def client(answer: object) -> tuple[ActingClient, Said]:
    line = Said(answer)
    return ActingClient(line, ProjectId("film")), line  # type: ignore[arg-type]


def test_acts_of_a_block_are_one_question():
    """Asked when it ends; what comes of each is known then, and not before."""
    studio, line = client([{"viewers": 1, "assets": 2}, {"words": ["wet"]}])
    with studio.together(rehearse=True):
        shown = studio.assign(ASSET, ME)
        with studio.together():
            left = studio.tag(ASSET, "wet")
        assert line.asked == []
        with pytest.raises(AttributeError, match="when the block has ended"):
            _ = shown.assets
    (asked,) = line.asked
    assert [each.act for each in asked.acts] == ["assign", "tag"]
    assert asked.rehearse
    assert (shown.viewers, shown.assets, left.words) == (1, 2, ["wet"])


def test_a_block_that_fails_asks_nothing():
    """Nor does one in which nothing was done; and the next act is one of its own."""
    studio, line = client([{}])
    with pytest.raises(NotFound), studio.together():  # noqa: PT012 - the block is what fails
        studio.tag(ASSET, "wet")
        raise NotFound("something else")
    with studio.together():
        pass
    assert line.asked == []
    studio.tag(ASSET, "wet")
    assert len(line.asked) == 1


def test_more_than_one_transaction_holds_is_not_asked_for():
    """A command is told so before anything is done."""
    studio, line = client([])
    with pytest.raises(LimitExceeded), studio.together():  # noqa: PT012 - as above
        for _ in range(acts.MAX_ACTS + 1):
            studio.tag(ASSET, "wet")
    assert line.asked == []


DOES: dict[str, Callable[[FarStudio], object]] = {
    "revert": lambda studio: studio.revert(CheckpointId("old")).number,
    "role": lambda studio: studio.create_role("intern", {Toggle.PULL_CHUNK}).name,
    "template": lambda studio: studio.add_template_from(ASSET, "a.txt").file_name,
    "assign": lambda studio: studio.assign(ASSET, ME).assets,
    "trash": lambda studio: studio.trash_listing(),
    "plan": lambda studio: studio.plans(update=False).make([plans.Row(1, "/a")], dry_run=False).files,
    "access": lambda studio: studio.access(ASSET),
    "names": lambda studio: studio.names("assign"),
}

LIES: list[tuple[str, object]] = [
    ("revert", []),
    ("revert", [{}, {}]),
    ("revert", [{}]),
    ("revert", [{"version": VERSION | {"size": -1}}]),
    ("revert", [{"version": VERSION | {"mtime_ns": 1 << 63}}]),
    ("role", [{"viewers": 3}]),
    ("template", [{"role": None}]),
    ("assign", {"viewers": 1}),
    ("assign", [{"viewers": "many"}]),
    ("trash", {"assets": [], "collections": [], "paths": []}),
    (
        "trash",
        {
            "assets": [],
            "collections": [
                {"id": "a", "name": "a", "parent": "", "is_shared": False, "created_at": 1, "mtime": 1}
            ],
            "paths": {},
        },
    ),
    ("plan", {"files": [1]}),
    ("access", []),
    ("access", [{"person": PERSON, "role": "artist"}]),
    (
        "names",
        {
            "viewer": {"person": PERSON, "may": []},
            "cursor": "",
            "collections": {
                "x": {"id": "a", "name": "a", "parent": "b", "is_shared": False, "created_at": 1, "mtime": 1},
                "y": {"id": "b", "name": "b", "parent": "a", "is_shared": False, "created_at": 1, "mtime": 1},
            },
            "assets": {},
            "people": {},
        },
    ),
]


@pytest.mark.parametrize(("what", "lie"), LIES)
def test_a_lie_is_an_error(what: str, lie: object):
    """Of whatever kind: a command says so, and does not fall over."""
    studio = FarStudio(Said(lie), ProjectId("film"), MemoryStore())  # type: ignore[arg-type]
    with pytest.raises(WireError):
        DOES[what](studio)


def test_a_reason_that_makes_no_sense_is_left_out():
    """Nor does one that only a newer studio knows spoil the others."""
    told = [
        {
            "person": PERSON,
            "role": "artist",
            "reasons": [
                {"because": "folder", "via": []},
                {"because": "magic", "via": ["a"]},
                {"because": "shared", "via": ["a"]},
                {"because": "above", "via": []},
            ],
            "may": [{"act": "fly", "allowed": True}, {"act": "assign", "allowed": True}],
        }
    ]
    found = FarStudio(Said(told), ProjectId("film"), MemoryStore()).access(ASSET)  # type: ignore[arg-type]
    assert [each.because.value for each in found.reasons] == ["shared", "above"]
    assert [each.value for each in found.may] == ["assign"]


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        ({"error": "there is /a already", "kind": "NameTaken"}, NameTaken),
        ({"error": "there is nobody", "kind": "NotFound"}, NotFound),
        ({"error": "x", "kind": "SystemExit"}, MountfsError),
        (None, MountfsError),
    ],
)
def test_why_a_file_cannot_be(refused: object, kind: type[Exception]):
    """What the studio says is raised as what it was there."""
    studio, _ = client({"planned": None, "refused": refused})
    with pytest.raises(kind):
        studio.make_file(plans.Row(0, "/a"), parents=False, rehearse=False)
