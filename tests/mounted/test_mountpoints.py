"""Mount points, the lock of a mount, its control socket, and the table of error numbers."""

from __future__ import annotations

import errno
import inspect
import json
import logging
import os
import socket
import stat
from pathlib import Path

import pytest

from mountfs import control, errors, mountlock, mountpoints
from mountfs.config import MountOptions
from mountfs.errors import MountError
from mountfs.fs.errnos import errno_of
from mountfs.fs.session import UNAWAITED
from mountfs.launch import Mounted, MountRequest
from mountfs.model import Toggle
from mountfs.testing.mounts import Mounts
from tests.mounted.film import Film


def test_the_mount_table_is_read_with_its_escapes():
    """What is mounted is found (also where the root is none, as in a chroot), and what is not is not."""
    found = mountpoints.find(Path("/proc"))
    assert found is not None
    assert found.kind == "proc"
    assert not found.is_ours
    assert mountpoints.find(Path("/proc/self")) is None
    assert mountpoints.mount_of(Path("/proc/self/status")) is None


def test_an_ordinary_folder_can_be_prepared_and_not_unmounted(tmp_path: Path):
    """An empty folder of one's own is ready; taking down what is no mount says so."""
    mountpoints.prepare(tmp_path)
    with pytest.raises(MountError, match="not a mount of mountfs"):
        mountpoints.unmount(tmp_path)
    assert mountpoints.holders(tmp_path) == []
    assert not mountpoints.is_dead(tmp_path)


def test_a_folder_of_somebody_else_is_refused():
    """A user cannot mount where root works, and is told why."""
    if os.geteuid() == 0:
        return  # root may mount anywhere
    with pytest.raises(MountError, match=r"belongs to somebody else|not empty|may not be read"):
        mountpoints.prepare(Path("/usr"))


def test_one_mount_holds_the_lock(tmp_path: Path):
    """The second to come is told where the first is; when the first goes, the next may come."""
    with mountlock.held(tmp_path, "project", mountlock.OWNER, Path("/")) as state:
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        with (
            pytest.raises(MountError, match=f"already mounted for this user at / .process {os.getpid()}"),
            mountlock.held(tmp_path, "project", mountlock.OWNER, Path("/mnt")),
        ):
            pass
        with mountlock.held(tmp_path, "project", "ann", Path("/mnt")) as other:
            assert other != state
    with mountlock.held(tmp_path, "project", mountlock.OWNER, Path("/mnt")):
        pass


def test_ids_from_a_project_file_do_not_lead_out_of_the_state_directory(tmp_path: Path):
    """A crafted project cannot have files made elsewhere."""
    with mountlock.held(tmp_path, "../../x", "../y", Path("/mnt")) as state:
        assert state.resolve().is_relative_to(tmp_path.resolve())


def test_a_request_and_its_answer_survive_the_way_to_the_other_process():
    """What is asked for in one process is done in the other, whatever the paths are made of."""
    request = MountRequest(
        project=Path(os.fsdecode(b"/srv/\xff film.clst")),
        mount_point=Path("/mnt/ä b"),
        state_dir=Path("/s"),
        runtime_dir=Path("/r"),
        username="ada",
        storage_dir=Path("/chunks"),
        options=MountOptions(memory=32 << 20, gid=5),
    )
    assert MountRequest.from_json(request.to_json()) == request
    mounted = Mounted(Path("/mnt/ä b"), "id", "Film", "ada", False, 7, 1024, ("a warning",))
    assert Mounted.from_json(mounted.to_json()) == mounted


def test_a_mount_answers_who_and_what_it_is(mounts: Mounts, film: Film):
    """A command that is given a path in a mount learns which project it is and with whose eyes it is seen."""
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    info = control.ask(mount.path, {"op": "info"}, runtime_dir=mount.request.runtime_dir)
    assert (info["project"], info["owner"], info["username"]) == (str(film.path), True, "ada")
    assert (info["assets"], info["read_only"], info["pid"]) == (1, False, mount.mounted.pid)
    assert control.mount_of(mount.path / "a.txt") == mount.path
    with pytest.raises(MountError, match="unknown operation"):
        control.ask(mount.path, {"op": "nothing"}, runtime_dir=mount.request.runtime_dir)
    mount.unmount()
    mount = mounts.mount(film.path, options=MountOptions(ro=True))
    assert control.ask(mount.path, {"op": "info"}, runtime_dir=mount.request.runtime_dir)["read_only"]
    assert os.statvfs(mount.path).f_flag & os.ST_RDONLY


def test_nonsense_on_the_control_socket_harms_nobody(
    mounts: Mounts, film: Film, monkeypatch: pytest.MonkeyPatch
):
    """Whatever is sent to the socket, the mount goes on."""
    film.write("a.txt", b"text")
    mount = mounts.mount(film.path)
    path = control.socket_path(mount.request.runtime_dir, mount.path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.chdir(path.parent)  # a socket's name has 107 bytes at most
    for nonsense in (b"", b"\n", b"\xff\xfe\n", b"[]\n", b'{"op": []}\n', b'{"op": "info"'):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path.name)
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
            assert not answer or not json.loads(answer)["ok"]
    assert (mount.path / "a.txt").read_bytes() == b"text"


def test_an_answer_that_nobody_waits_for_is_no_fault():
    """When a mount ends before its last request is answered the log stays clean; other failures show."""
    gone, failed = (
        logging.makeLogRecord(
            {"msg": "fuse_release(): fuse_reply_* failed with %s", "args": (os.strerror(number),)}
        )
        for number in (errno.ENOENT, errno.EINVAL)
    )
    assert not UNAWAITED.filter(gone)
    assert UNAWAITED.filter(failed)


def test_every_error_has_a_number():
    """What does not exist or is hidden is ENOENT, a no is EACCES, a full quota ENOSPC, a studio that is not
    reached ENETUNREACH, a session that has ended EKEYEXPIRED, and everything else EIO, never an odd number.
    """
    made = {
        kind: kind.__new__(kind)
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.MountfsError)
    }
    numbers = {kind: errno_of(error) for kind, error in made.items()}
    assert numbers[errors.NotFound] == errno.ENOENT
    assert numbers[errors.NotPermitted] == errno.EACCES
    assert numbers[errors.ChunkCorrupt] == errno.EIO
    assert numbers[errors.DeadlineExceeded] == errno.EIO
    assert numbers.pop(errors.QuotaExceeded) == errno.ENOSPC
    assert numbers.pop(errors.StudioUnavailable) == errno.ENETUNREACH
    assert numbers.pop(errors.Unauthenticated) == errno.EKEYEXPIRED
    assert set(numbers.values()) <= {errno.ENOENT, errno.EACCES, errno.EIO, errno.EEXIST, errno.EINVAL}
    assert errno_of(ZeroDivisionError()) == errno.EIO
    assert errno_of(errors.NotPermitted(Toggle.PULL_CHUNK)) == errno.EACCES
