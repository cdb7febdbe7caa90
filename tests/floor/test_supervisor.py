"""What a service manager hears of a mount."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.supervisor import Supervisor


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where the manager listens."""
    monkeypatch.chdir(tmp_path)  # a socket's name has 107 bytes at most
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("notify")
        listener.settimeout(10)
        yield listener


def test_a_manager_hears_that_the_mount_answers_lives_and_ends(manager: socket.socket):
    """A manager gets what sd_notify(3) would have sent, one line a key."""
    environ = {"NOTIFY_SOCKET": "notify", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    supervisor = Supervisor.of_this_process(environ)
    assert supervisor.pause == 1.0
    supervisor.ready("film is\nmounted")
    supervisor.alive()
    supervisor.stopping("unmounted")
    assert [manager.recv(4096) for _ in range(3)] == [
        b"READY=1\nSTATUS=film is mounted",
        b"WATCHDOG=1",
        b"STOPPING=1\nSTATUS=unmounted",
    ]


def test_programs_that_are_started_later_are_none_of_the_managers_business():
    """Nothing is left in the environment for a child to pretend that it is the mount."""
    environ = {"NOTIFY_SOCKET": "notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    assert Supervisor.of_this_process(environ).pause is None  # it was meant for another process
    assert environ == {"HOME": "/"}


def test_a_socket_without_a_file_is_reached():
    """A manager that listens at an abstract address is told as well."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")
        listener.settimeout(10)
        Supervisor("@" + listener.getsockname()[1:].decode()).alive()
        assert listener.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nobody/listens"}, {"WATCHDOG_USEC": "1000"}])
def test_without_a_manager_nothing_is_said(environ: dict[str, str]):
    """A mount does not depend on who watches it."""
    supervisor = Supervisor.of_this_process(environ)
    supervisor.ready("film is mounted")
    supervisor.alive()
    assert supervisor.pause is None
