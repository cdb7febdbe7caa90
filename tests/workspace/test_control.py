"""Commands to a mount: whatever comes over the socket, the mount goes on and answers the next one."""

from __future__ import annotations

import json
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from mountfs.control import ControlServer


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(ControlServer(path, {"info": lambda _: {"mounted": True}}).run)
        yield
        nursery.cancel_scope.cancel()


async def say(stream: trio.SocketStream, line: bytes) -> Any:
    """The answer to a line; None if there is none."""
    with trio.fail_after(20):
        await stream.send_all(line)
        answer = b""
        while not answer.endswith(b"\n"):
            piece = await stream.receive_some()
            if not piece:
                return None
            answer += piece
    return json.loads(answer)


async def ask(path: Path, line: bytes) -> Any:
    stream = await trio.open_unix_socket(path)
    async with stream:
        return await say(stream, line)


@pytest.mark.parametrize(
    "line", [b"\n", b"[" * 15_000 + b"\n", b"[]\n", b'{"op": ["info"]}\n', b'{"op": "dance"}\n', b"\xff\n"]
)
async def test_nonsense_is_answered_and_the_next_command_too(tmp_path: Path, line: bytes):
    """A broken client is told so, and nobody else notices."""
    path = tmp_path / "run/x.sock"
    async with serving(path):
        assert await ask(path, line) == {"ok": False, "error": "unknown operation"}
        assert await ask(path, b'{"op": "info"}\n') == {"ok": True, "mounted": True}


async def test_a_question_without_end_is_not_taken_in(tmp_path: Path):
    """Nobody fills the memory of a mount through its socket."""
    path = tmp_path / "run/x.sock"
    async with serving(path):
        assert await ask(path, b"[" * (1 << 14)) == {"ok": False, "error": "unknown operation"}
        assert await ask(path, b'{"op": "info"}\n') == {"ok": True, "mounted": True}


async def test_a_process_without_free_descriptors_answers_when_it_has_some(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A moment without descriptors delays commands; it does not end the mount."""
    path = tmp_path / "run/x.sock"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(path):
        client = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        free = os.dup(client.fileno())
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            await client.connect(str(path))
            with trio.fail_after(20):
                while "could not be taken" not in caplog.text:
                    await trio.lowlevel.checkpoint()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        async with trio.SocketStream(client) as stream:
            assert await say(stream, b'{"op": "info"}\n') == {"ok": True, "mounted": True}


async def test_who_says_nothing_takes_bounded_room(tmp_path: Path):
    """Clients beyond the number that is served at a time wait until one has gone."""
    path = tmp_path / "run/x.sock"
    async with serving(path):
        silent = [await trio.open_unix_socket(path) for _ in range(32)]
        one_more = await trio.open_unix_socket(path)
        async with one_more:
            await one_more.send_all(b'{"op": "info"}\n')
            await trio.testing.wait_all_tasks_blocked(0.05)
            with pytest.raises(BlockingIOError):
                os.read(one_more.socket.fileno(), 1)
            for stream in silent:
                await stream.aclose()
            assert await say(one_more, b"") == {"ok": True, "mounted": True}
