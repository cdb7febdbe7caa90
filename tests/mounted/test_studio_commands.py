"""What somebody types who works at a studio: a folder goes into a project over the network, and an empty
mount says why it is empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.studio.joining import bring_in, found_project
from mountfs.testing.mounts import wait_until
from mountfs.testing.online import OPERATOR, OnlineStudio, online_studio, password_of
from tests.cli.running import Done, Shell


class Clerk:
    """Somebody with folders of their own, who has logged in."""

    def __init__(self, online: OnlineStudio, username: str, home: Path) -> None:
        home.mkdir()
        self.shell = Shell(home)
        self.home = home
        self.url = online.url
        settings = home / "config" / "mountfs"
        settings.mkdir(parents=True)
        (settings / "config.toml").write_text(f'[studio]\ntoken_file = "{home}/token"\nany_folder = true\n')
        for name, text in (("token", ""), ("password", password_of(username))):
            (home / name).touch(mode=0o600)
            (home / name).write_text(text)
        self.type(
            "login", online.url, "--as", f"{username}@harbor.example", "--password-file", home / "password"
        )

    def type(self, *words: str | Path, code: int = 0) -> Done:
        """Run a command."""
        return self.shell.run(*words, code=code)

    def mount(self) -> Path:
        """The project, mounted."""
        place = self.home / "mnt"
        place.mkdir()
        self.type("mount", f"{self.url}/film", place, "-o", "desktop=off")
        return place


@pytest.fixture
def online(tmp_path: Path) -> Iterator[OnlineStudio]:
    """A studio with a project of ann's that bo, an artist, is in."""
    with online_studio(tmp_path / "studio") as made:
        ann, bo = made.hire("ann"), made.hire("bo")
        house = made.house
        hosted = found_project(house.hosting, house.accounts, OPERATOR, ann, "film")
        owner = hosted.service.for_owner(hosted.service.author())
        bring_in(hosted, house.accounts.memberships, OPERATOR, owner, bo, "artist")
        try:
            yield made
        finally:
            for mount in mountpoints.mounts():
                if mount.path.is_relative_to(tmp_path):
                    mountpoints.unmount(mount.path)


def test_a_folder_goes_into_a_studio(online: OnlineStudio, tmp_path: Path):
    """Every file and folder is in the project, whole, and the second time nothing is sent; whoever sent it
    sees all of it in a mount, and others nothing."""
    ann, bo = Clerk(online, "ann", tmp_path / "ann"), Clerk(online, "bo", tmp_path / "bo")
    work = tmp_path / "work"
    (work / "shots" / "sh010").mkdir(parents=True)
    (work / "shots" / "sh010" / "anim.blend").write_bytes(b"an animation" * 200_000)
    (work / "notes.txt").write_text("notes")
    done = ann.type("import", work, "--studio", f"{online.url}/film", "--json").json
    assert (done["new"], done["collections"], done["sees"]) == (2, 2, {"ann": 2})
    again = ann.type("import", work, "--studio", f"{online.url}/film", "--json").json
    assert (again["new"], again["unchanged"], again["bytes_read"]) == (0, 2, 0)
    place = ann.mount()
    assert (place / "shots" / "sh010" / "anim.blend").read_bytes() == b"an animation" * 200_000
    assert {row[0] for row in ann.type("mine", place).rows} == {
        f"{place}/shots/",
        str(place / "notes.txt"),
        str(place / "shots" / "sh010" / "anim.blend"),
    }
    assert list(bo.mount().iterdir()) == []


def test_what_goes_into_a_studio_is_handed_out(online: OnlineStudio, tmp_path: Path):
    """Tasks and folders are somebody's, a library is everybody's, and the command says so."""
    ann, bo = Clerk(online, "ann", tmp_path / "ann"), Clerk(online, "bo", tmp_path / "bo")
    mount = bo.mount()
    assert list(mount.iterdir()) == []
    work = tmp_path / "work"
    for name in ("shots/anim.blend", "shots/more/light.blend", "assets/wood.png"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    done = ann.type(
        *("import", work, "--studio", f"{online.url}/film", "--assign", "bo", "--library", "assets", "--json")
    ).json
    assert (done["new"], done["assigned"]) == (3, 2)
    seen = [mount / name for name in ("shots/anim.blend", "shots/more/light.blend", "assets/wood.png")]
    wait_until(lambda: all(path.exists() for path in seen), "the news")
    assert [path.read_text() for path in seen] == [str(path.relative_to(mount)) for path in seen]
    listed = {row[0] for row in bo.type("mine", mount).rows}
    assert listed == {f"{mount}/shots/", *(str(path) for path in seen[:2])}
    nobody = ann.type("import", work, "--studio", f"{online.url}/film", "--assign", "zoe", code=3)
    assert "nobody called 'zoe'" in nobody.err


def test_an_empty_mount_explains_itself(online: OnlineStudio, tmp_path: Path):
    """Whoever has nothing to do at a studio reads that this is so, and who can help."""
    bo = Clerk(online, "bo", tmp_path / "bo")
    said = bo.type("mine", bo.mount()).out
    assert "nothing in film is assigned to bo" in said
    assert "an empty mount is as it should be" in said
    assert "who can assign you work" in said


def test_a_folder_goes_into_one_project(online: OnlineStudio, tmp_path: Path):
    """Where it is not said into which, or there is none of that name for whoever asks, nothing is sent."""
    ann = Clerk(online, "ann", tmp_path / "ann")
    ann.type("import", tmp_path, code=2)
    ann.type("import", tmp_path, "film.clst", "--studio", f"{online.url}/film", code=2)
    assert "no project 'other'" in ann.type("import", tmp_path, "--studio", f"{online.url}/other", code=3).err
    ann.type("import", tmp_path, "--studio", online.url, code=3)
