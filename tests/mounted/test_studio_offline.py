"""Mounts of a studio whose network is cut, and what becomes of the work when it is back."""

from __future__ import annotations

import errno
import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mountfs.digest import xxh3_hex
from mountfs.model import CollectionId
from mountfs.testing.mounts import Mount, wait_until
from tests.cli.serving import run
from tests.mounted.asking import ask, states
from tests.mounted.outpost import QUICK, Outpost, outpost

FILES = {
    **{f"{name}.bin": name.encode() * 100_000 for name in "abcde"},
    "large.bin": random.Random(7).randbytes(3 << 20),  # is not read along with others
}


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Outpost]:
    with outpost(tmp_path, FILES) as made:
        yield made


def reach(mount: Mount) -> dict[str, Any]:
    """What `mountfs status` knows of the way to the studio."""
    found: dict[str, Any] = ask(mount, "status", path=None)["studio"]
    return found


def cut(there: Outpost, mount: Mount) -> None:
    """Cut the network; the mount has noticed."""
    there.proxy.cut()
    wait_until(lambda: not reach(mount)["reached"], "the mount to notice")


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment


def test_a_mount_that_only_reads_knows_whether_the_studio_is_there(
    there: Outpost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As one that can be written to does, also on a command line."""
    mount = there.mount(options=replace(QUICK, ro=True))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "mountfs").mkdir(parents=True)
    settings = tmp_path / "config" / "mountfs" / "config.toml"
    settings.write_text(f'runtime_dir = "{mount.request.runtime_dir}"\n')
    assert reach(mount) == {"reached": True, "since": None, "reason": "", "needs_login": False}
    cut(there, mount)
    done = run("status", mount.path)
    assert "the studio is not reached since" in done.err
    there.proxy.repair()
    wait_until(lambda: reach(mount)["reached"], "the studio")
    assert run("status", mount.path).err == ""


def test_what_is_done_without_network_arrives_when_it_is_back(there: Outpost):
    """What was opened before can be read; saves, new files and folders, renames and removals show at once,
    wait, and then arrive, each once."""
    mount = there.mount()
    work = mount.path / "work"
    assert (work / "a.bin").read_bytes() == FILES["a.bin"]
    assert (work / "b.bin").read_bytes() == FILES["b.bin"]
    cut(there, mount)
    assert reach(mount)["since"] > 0
    assert (work / "b.bin").read_bytes() == FILES["b.bin"]
    (work / "a.bin").write_bytes(b"saved without network")
    (work / "new.bin").write_bytes(b"made without network")
    (work / "more").mkdir()
    (work / "more" / "deep.bin").write_bytes(b"in a new folder")
    (work / "c.bin").rename(work / "renamed.bin")
    (work / "d.bin").unlink()
    wanted = ["a.bin", "b.bin", "e.bin", "large.bin", "more", "new.bin", "renamed.bin"]
    assert sorted(os.listdir(work)) == wanted
    wait_until(lambda: states(mount)["work/a.bin"][0] == "waiting", "it to wait")
    assert there.content("work/a.bin") == FILES["a.bin"]
    there.proxy.repair()
    contents = {
        "work/a.bin": b"saved without network",
        "work/new.bin": b"made without network",
        "work/more/deep.bin": b"in a new folder",
        "work/renamed.bin": FILES["c.bin"],
    }
    there.wait_for(lambda: {path: there.content(path) for path in contents} == contents, "the work")
    there.wait_for(lambda: "work/d.bin" not in there.assets(), "the removal")
    assert len(there.checksums("work/a.bin")) == 2
    assert [len(there.checksums(path)) for path in ("work/new.bin", "work/renamed.bin")] == [1, 1]
    assert "work/c.bin" not in there.assets()
    assert sorted(os.listdir(work)) == wanted
    wait_until(lambda: not states(mount), "nothing to be left")
    assert reach(mount) == {"reached": True, "since": None, "reason": "", "needs_login": False}


@pytest.mark.parametrize("way", ["in place", "by renaming"])
def test_saves_without_network_are_as_many_versions_as_with_it(there: Outpost, way: str):
    """What could not be sent when its quiet time was over is a version all the same: a later save, however
    soon, does not take its place."""
    mount = there.mount()
    work = mount.path / "work"
    cut(there, mount)
    saves = [b"first save", b"second save", b"third save"]
    for content in saves:
        if way == "in place":
            (work / "a.bin").write_bytes(content)
        else:
            (work / "a.bin@").write_bytes(content)
            (work / "a.bin").rename(work / "a.bin~")
            (work / "a.bin@").rename(work / "a.bin")
        over = time.monotonic() + 2 * QUICK.quiet_time
        wait_until(partial(_is_past, over), "the end of its quiet time")
    there.proxy.repair()
    there.wait_for(lambda: there.content("work/a.bin") == saves[-1], "the last save")
    sums = [xxh3_hex(content) for content in (FILES["a.bin"], *saves)]
    assert there.checksums("work/a.bin") == sums


def test_a_mount_without_network_comes_up_and_says_so(there: Outpost):
    """It shows what was known, gives what is here, says plainly what is not, and ends at once; what was saved
    in it is sent by the next mount."""
    first = there.mount()
    (first.path / "work" / "a.bin").read_bytes()
    first.unmount()
    there.proxy.cut()
    mount = there.mount()
    assert any("the studio is not reached" in warning for warning in mount.mounted.warnings)
    work = mount.path / "work"
    assert sorted(os.listdir(work)) == sorted(FILES)
    assert (work / "a.bin").read_bytes() == FILES["a.bin"]
    assert _read_error(work / "large.bin") == errno.ENETUNREACH
    (work / "a.bin").write_bytes(b"saved without network")
    (work / "new.bin").write_bytes(b"made without network")
    mount.unmount()
    there.proxy.repair()
    again = there.mount()
    assert again.mounted.warnings == ()
    there.wait_for(lambda: there.content("work/a.bin") == b"saved without network", "the save")
    there.wait_for(lambda: there.content("work/new.bin") == b"made without network", "the new file")
    assert (again.path / "work" / "large.bin").read_bytes() == FILES["large.bin"]


def _read_error(path: Path) -> int | None:
    try:
        path.read_bytes()
    except OSError as exc:
        return exc.errno
    return None


def test_a_folder_of_the_project_is_renamed_and_removed_by_the_studio_only(there: Outpost):
    """Without network whoever tries is told so at once, and everything is as before."""
    mount = there.mount()
    (mount.path / "work" / "more").mkdir()
    (mount.path / "work" / "more" / "x.bin").write_bytes(b"x")
    there.wait_for(lambda: there.content("work/more/x.bin") == b"x", "the folder")
    # Made elsewhere: one made here is local until the studio's answer is, whatever the studio has by then.
    parent = there.assets()["work/a.bin"].collection
    there.studio.make_collection(CollectionId(str(uuid.uuid4())), "empty", parent)
    wait_until((mount.path / "work" / "empty").is_dir, "the other")
    cut(there, mount)
    for act in (
        lambda: (mount.path / "work" / "more").rename(mount.path / "work" / "other"),
        lambda: (mount.path / "work" / "empty").rmdir(),
    ):
        with pytest.raises(OSError, match="unreachable"):
            act()
    assert {"more", "empty"} <= set(os.listdir(mount.path / "work"))
    there.proxy.repair()
    wait_until(lambda: reach(mount)["reached"], "the studio")
    (mount.path / "work" / "more").rename(mount.path / "work" / "other")
    (mount.path / "work" / "empty").rmdir()
    there.wait_for(lambda: there.content("work/other/x.bin") == b"x", "the rename")


def test_a_session_that_ended_costs_no_work(there: Outpost):
    """The mount shows what is here and says that somebody has to log in; then it sends what waits."""
    mount = there.mount()
    work = mount.path / "work"
    assert (work / "a.bin").read_bytes() == FILES["a.bin"]
    sessions = there.online.house.accounts.sessions
    caller = there.online.caller("ada")
    sessions.logout(caller)
    wait_until(lambda: reach(mount)["needs_login"], "the mount to hear of it")
    assert (work / "a.bin").read_bytes() == FILES["a.bin"]
    assert _read_error(work / "large.bin") == errno.EKEYEXPIRED
    (work / "a.bin").write_bytes(b"saved without a session")
    wait_until(lambda: states(mount)["work/a.bin"][0] == "waiting", "it to wait")
    there.online.forget("ada")
    question = {"url": there.proxy.url, "email": "ada@harbor.example"}
    assert not ask(mount, "renew", **{**question, "email": "eve@harbor.example"}, token="x" * 43)["renewed"]
    assert ask(mount, "renew", **question, token=there.online.login("ada").token)["renewed"]
    there.wait_for(lambda: there.content("work/a.bin") == b"saved without a session", "the save")
    assert (work / "large.bin").read_bytes() == FILES["large.bin"]
    assert not reach(mount)["needs_login"]
    assert there.online.login("ada").token not in mount.log
