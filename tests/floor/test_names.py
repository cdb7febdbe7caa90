"""File names: how they are cut, which may be, what a folder shows, what a link's file holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mountfs import names
from mountfs.errors import NameInvalid
from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId, UserId


def asset(id: str, name: str, extension: str = "", *, at: int = 0, pointer: str = "") -> Asset:
    return Asset(
        id=AssetId(id),
        name=name,
        extension=extension,
        collection=ROOT,
        is_resource=True,
        is_link=bool(pointer),
        pointer=pointer,
        status="todo",
        assignee=UserId(""),
        created_at=at,
        head=None,
    )


def collection(id: str, name: str, *, at: int = 0) -> Collection:
    return Collection(CollectionId(id), name, ROOT, is_shared=False, created_at=at, mtime=at)


@pytest.mark.parametrize(
    ("file_name", "parts"),
    [
        ("archive.tar.gz", ("archive.tar", ".gz")),
        (".cfg", (".cfg", "")),
        ("Makefile", ("Makefile", "")),
        ("..cfg", (".", ".cfg")),
        ("ends.", ("ends", ".")),
        ("fox.blend", ("fox", ".blend")),
    ],
)
def test_a_file_name_is_cut_at_its_last_dot(file_name: str, parts: tuple[str, str]):
    """A file has the same name and extension here as in other programs that open the project."""
    assert names.split(file_name) == parts


@given(st.text(min_size=1))
def test_cutting_loses_nothing(file_name: str):
    """Whatever the name, its parts joined are it again, and the name is never empty."""
    name, extension = names.split(file_name)
    assert name + extension == file_name
    assert name


@pytest.mark.parametrize(
    "file_name",
    ["fox.blend", "größe.txt", "東京.usd", "a b.txt", ".cfg", "x" * 255, "é" * 127, "50%.txt", "a\u00a0b"],
)
def test_ordinary_names_are_accepted(file_name: str):
    """An artist can use every name that people use."""
    assert names.problem(file_name) is None


@pytest.mark.parametrize(
    ("file_name", "says"),
    [
        ("", "empty"),
        (".", "meaning"),
        ("..", "meaning"),
        ("a/b", "slash"),
        ("a\nb", "control"),
        ("a\x00", "control"),
        ("a\x9bb", "control"),
        ("gpj.\u202eexe", "direction"),
        ("x" * 256, "255"),
        ("é" * 128, "256"),
        ("e\u0301.txt", "NFC"),
        (" a", "white space"),
        ("a ", "white space"),
        ("a .txt", "white space"),
        ("\udcff", "UTF-8"),
        (".git", "run code"),
        (".ENVRC", "run code"),
        ("Blender.desktop", "run code"),
    ],
)
def test_impossible_names_are_refused_with_the_reason(file_name: str, says: str):
    """A person whose file is left out reads why."""
    assert says in (names.problem(file_name) or "")
    with pytest.raises(NameInvalid, match=says):
        names.require_valid(file_name)


@pytest.mark.parametrize("file_name", [".checkpoints", ".snapshots", ".Trash-1000", ".Checkpoints"])
def test_some_names_are_reserved_at_the_top_only(file_name: str):
    """A project's own file never hides the history of the mount."""
    assert names.problem(file_name, at_root=True)
    assert names.problem(file_name) is None


def test_the_oldest_of_equal_names_keeps_it():
    """Two rows that want one name both appear, and the older is not renamed by the newer."""
    young = asset("bbbbbbbb-1", "a", ".tar.gz", at=2)
    old = asset("aaaaaaaa-1", "a.tar", ".gz", at=1)
    folder = collection("cccccccc-1", "a.tar.gz", at=3)
    expected = {old.id: "a.tar.gz", young.id: "a.tar (bbbbbbbb).gz", folder.id: "a.tar (cccccccc).gz"}
    assert names.shown_names([young, folder, old]) == expected
    assert names.shown_names([old, young, folder]) == expected


def test_a_suffix_never_takes_the_name_of_another_row():
    """A row that is really called ``a (bbbbbbbb)`` keeps its name."""
    first = asset("aaaaaaaa-aaaa-1", "a", at=1)
    second = asset("bbbbbbbb-bbbb-1", "a", at=2)
    other = asset("cccccccc-cccc-1", "a (bbbbbbbb)", at=3)
    assert names.shown_names([first, second, other]) == {
        first.id: "a",
        other.id: "a (bbbbbbbb)",
        second.id: "a (bbbbbbbb-bbbb)",
    }


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        ("a\nb", "a%0Ab"),
        ("x\u202ey", "x%E2%80%AEy"),
        (" a", " a"),
        ("", "%00"),
    ],
)
def test_names_that_cannot_be_shown_are_spelled(name: str, shown: str):
    """A hostile project file can neither leave its folder nor deceive who reads a listing."""
    assert names.shown_names([asset("aaaaaaaa-1", name)]) == {"aaaaaaaa-1": shown}


def test_a_name_too_long_for_linux_is_shortened():
    """A row with 300 bytes of name can be opened, under a name of at most 255."""
    thing = asset("aaaaaaaa-1", "é" * 150, ".blend")
    shown = names.shown_names([thing])[thing.id]
    assert len(shown.encode()) <= names.MAX_NAME_BYTES
    assert shown.endswith(" (aaaaaaaa).blend")


def test_equal_names_with_equal_ids_are_numbered():
    """A folder shows every row of a foreign file, even if only the ends of long ids tell them apart."""
    same = "a" * 36
    cuts = ["a.b.c+.d", "a.b+.c.d", "a+.b.c.d", "a.b.+c.d", "a.b.c.+d", "a.+b.c.d", "a.b.c.d+"]
    rows = [asset(f"{same}{at}", *cut.split("+"), at=at) for at, cut in enumerate(cuts)]
    shown = names.shown_names(rows)
    assert len(set(shown.values())) == len(rows)
    assert sorted(shown.values())[-1] == "a.b.c.d"
    assert shown[rows[-1].id] == "a.b.c (aaaaaaaa-4).d"


def test_an_id_that_cannot_be_shown_leaves_room():
    """A name fits into a folder, however much space the signs of a foreign id take up."""
    ids = ["\u202e" * 36 + end for end in "abcdef"]
    shown = names.shown_names([asset(each, "x" * 300, ".ma") for each in ids])
    assert len(set(shown.values())) == len(ids)
    assert all(len(name.encode()) <= names.MAX_NAME_BYTES for name in shown.values())


def test_what_runs_code_is_not_shown():
    """Looking into a mounted folder never starts a program that the project brought along."""
    rows: list[Asset | Collection] = [
        asset("a", ".envrc"),
        asset("b", "x", ".DESKTOP"),
        collection("c", ".git"),
        asset("d", "fine"),
    ]
    assert names.shown_names(rows) == {"d": "fine"}


def test_a_reserved_name_gives_way_at_the_root():
    """A project that has a folder ``.checkpoints`` keeps it, under another name."""
    thing = collection("aaaaaaaa-1", ".checkpoints")
    assert names.shown_names([thing], at_root=True) == {thing.id: ".checkpoints (aaaaaaaa)"}
    assert names.shown_names([thing]) == {thing.id: ".checkpoints"}


@given(
    st.lists(
        st.tuples(st.text(max_size=6), st.sampled_from(["", ".gz", ".a"]), st.integers(0, 3)), max_size=30
    )
)
def test_every_row_has_one_name_of_its_own(rows: list[tuple[str, str, int]]):
    """Whatever the rows, the names differ, can be shown, and do not depend on the rows' order."""
    things = [asset(f"{n:08d}-0000-0000", name, ext, at=at) for n, (name, ext, at) in enumerate(rows)]
    shown = names.shown_names(things)
    assert len(set(shown.values())) == len(shown)
    assert shown == names.shown_names(reversed(things))
    for name in shown.values():
        assert 0 < len(name.encode()) <= 255
        assert "/" not in name
        assert name not in (".", "..")


@pytest.mark.parametrize(
    ("pointer", "url"),
    [
        ("https://example.org/brief", "https://example.org/brief"),
        (" HTTP://example.org ", "HTTP://example.org"),
        ("https://example.org/a b\nURL=x", "https://example.org/a%20b%0AURL=x"),
        ("https://example.org/%20ä?x=100%", "https://example.org/%20%C3%A4?x=100%25"),
    ],
)
def test_a_links_file_has_one_encoded_address(pointer: str, url: str):
    """A desktop opens the address, and nobody can smuggle a second line into the file."""
    assert names.link_body(pointer) == f"[InternetShortcut]\nURL={url}\n".encode()


@pytest.mark.parametrize(
    "pointer", ["", "file:///etc/passwd", "javascript:alert(1)", "https:", "http://[", "smb://x"]
)
def test_other_links_are_empty(pointer: str):
    """An address that would act on this machine is not handed to its desktop."""
    assert names.link_body(pointer) == b""


def test_links_end_in_url_once():
    """A link is recognised by its name, also one that was called so already."""
    assert names.file_name(asset("a", "brief", pointer="https://x.org")) == "brief.url"
    assert names.file_name(asset("a", "brief", ".url", pointer="https://x.org")) == "brief.url"


def test_text_from_a_project_cannot_steer_a_terminal():
    """A name with an escape sequence is printed as its letters."""
    assert names.printable("a\x1b[31mb\u202e") == "a\\x1b[31mb\\u202e"
    assert names.printable("größe 東京") == "größe 東京"
