"""Mounts of a studio's project: several people, each at a mount of their own, over the network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.errors import ManifestInvalid
from mountfs.model import Checkpoint, ProjectId, Proposal
from mountfs.storage.open import open_project
from mountfs.testing.mounts import Mount, Mounts, wait_until
from mountfs.testing.online import OnlineStudio, online_studio
from mountfs.testing.projects import production

QUICK = MountOptions(quiet_time=0.1, grace_time=0.1, desktop=False)


@dataclass(frozen=True, slots=True)
class Harbor:
    """A production at a studio, and mounts of it."""

    online: OnlineStudio
    project: ProjectId
    mounts: Mounts
    cache: Path

    def mount(self, username: str, options: MountOptions = QUICK) -> Mount:
        """Somebody's mount."""
        remote = self.online.remote(username, self.project, self.cache)
        return self.mounts.mount(remote, at=username, options=options)


@pytest.fixture
def harbor(tmp_path: Path, mounts: Mounts) -> Iterator[Harbor]:
    file = tmp_path / "harbor.clst"
    production(file).close()
    with open_project(file, read_only=True) as project:
        id_ = project.id
    with online_studio(tmp_path / "studio") as online:
        online.adopt(file, id_)
        yield Harbor(online, id_, mounts, tmp_path / "cache")


def test_everybody_sees_what_is_theirs(harbor: Harbor):
    """A mount of a studio shows what the studio shows this account, and nothing else; each file is whole."""
    for username in ("ann", "eve"):
        mount = harbor.mount(username)
        studio, _ = harbor.online.project(username, harbor.project)
        seen = {path for path in mount.path.rglob("*") if path.is_file()}
        assert len(seen) == len(studio.tree().assets)
        for path in seen:
            assert path.read_bytes()


def test_a_save_arrives_at_whoever_sees_it(harbor: Harbor):
    """What one saves is there for the other in a moment, and a file that is open stays what it was."""
    ann, bo = harbor.mount("ann"), harbor.mount("bo")
    (hers,) = ann.path.rglob("anim.blend")
    his = bo.path / hers.relative_to(ann.path)
    before = his.read_bytes()
    with his.open("rb") as opened:
        os.pread(opened.fileno(), 1, 0)
        hers.write_bytes(b"the second take" * 100_000)
        wait_until(lambda: his.read_bytes() == b"the second take" * 100_000, "the news")
        assert opened.read() == before


def test_a_new_file_and_a_new_folder_arrive(harbor: Harbor):
    """What one makes is an asset of the studio's, with its folder, and others who see the place see it."""
    ada, val = harbor.mount("ada"), harbor.mount("val")
    (shared,) = (each for each in ada.path.iterdir() if (val.path / each.name).is_dir())
    (shared / "more").mkdir()
    (shared / "more" / "new.txt").write_text("new")
    there = val.path / shared.name / "more" / "new.txt"
    wait_until(lambda: there.exists() and there.read_text() == "new", "the new file")


def test_a_studio_that_forgot_what_was_sent_is_sent_it_again(harbor: Harbor, monkeypatch: pytest.MonkeyPatch):
    """A restart between the chunks and the offer costs nobody a version."""
    ann = harbor.mount("ann")
    ann.expected.append("is sent later: a chunk of this version has not been uploaded")
    (hers,) = ann.path.rglob("anim.blend")
    studio, _ = harbor.online.project("ann", harbor.project)
    hosted = harbor.online.house.hosting.project(harbor.project)
    view = hosted.for_member(studio.viewer().person.id)
    accept = view.publish
    refusals: list[Sequence[Proposal]] = []

    def forgetful(proposals: Sequence[Proposal]) -> Sequence[Checkpoint]:
        if not refusals:
            refusals.append(proposals)
            raise ManifestInvalid("a chunk of this version has not been uploaded")
        return accept(proposals)

    monkeypatch.setattr(view, "publish", forgetful)
    hers.write_bytes(b"the second take")
    (asset,) = (each for each in studio.tree().assets.values() if each.name == "anim")
    wait_until(lambda: studio.history(asset.id)[0].size == len(b"the second take"), "the version")
    assert refusals
