"""Commands to a mount: whatever comes over the socket, the mount goes on and answers the next one."""

from __future__ import annotations

import json
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from mountfs.control import Answer, ControlServer, Operation
from mountfs.errors import MountError, NotPermitted, heard
from mountfs.model import Toggle


@asynccontextmanager
async def serving(path: Path, **operations: Operation) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(ControlServer(path, {"info": lambda _: {"mounted": True}, **operations}).run)
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


class Waiting:
    """An operation that waits until a test lets it go."""

    def __init__(self) -> None:
        self.asked = 0
        self.left = 0
        self.go = trio.Event()

    async def __call__(self, question: Mapping[str, Any]) -> Answer:
        self.asked += 1
        try:
            await self.go.wait()
        finally:
            self.left += 1
        return {"waited_for": question["path"]}


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not condition():
            await trio.lowlevel.checkpoint()


async def test_an_operation_may_wait_while_others_are_answered(tmp_path: Path):
    """Somebody who waits for a save holds up nobody, however many there are."""
    path = tmp_path / "run/x.sock"
    waiting = Waiting()
    async with serving(path, wait=waiting), trio.open_nursery() as nursery:
        answers = []

        async def wait() -> None:
            answers.append(await ask(path, b'{"op": "wait", "path": "a"}\n'))

        for _ in range(40):
            nursery.start_soon(wait)
        await until(lambda: waiting.asked == 40)
        assert await ask(path, b'{"op": "info"}\n') == {"ok": True, "mounted": True}
        waiting.go.set()
        await until(lambda: len(answers) == 40)
        assert answers == [{"ok": True, "waited_for": "a"}] * 40


async def test_who_goes_away_is_not_waited_for(tmp_path: Path):
    """Ctrl-C in a terminal ends the waiting in the mount too."""
    path = tmp_path / "run/x.sock"
    waiting = Waiting()
    async with serving(path, wait=waiting):
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(b'{"op": "wait", "path": "a"}\nand more that nobody reads')
            await until(lambda: waiting.asked == 1)
            assert waiting.left == 0
        await until(lambda: waiting.left == 1)
        assert await ask(path, b'{"op": "info"}\n') == {"ok": True, "mounted": True}


async def test_those_who_wait_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One program that asks again and again does not fill the mount's memory."""
    monkeypatch.setattr("mountfs.control._MOST_WAITING", 1)
    path = tmp_path / "run/x.sock"
    waiting = Waiting()
    async with serving(path, wait=waiting), await trio.open_unix_socket(path) as first:
        await first.send_all(b'{"op": "wait", "path": "a"}\n')
        await until(lambda: waiting.asked == 1)
        answer = await ask(path, b'{"op": "wait", "path": "b"}\n')
        assert (answer["ok"], "too many" in answer["error"]) == (False, True)
        waiting.go.set()
        assert await say(first, b"") == {"ok": True, "waited_for": "a"}
        assert await ask(path, b'{"op": "wait", "path": "b"}\n') == {"ok": True, "waited_for": "b"}


@pytest.mark.parametrize("waits", [False, True])
async def test_what_goes_wrong_means_the_same_to_whoever_asked(tmp_path: Path, waits: bool):
    """A command ends with the exit code of what happened in the mount."""

    def at_once(_: Mapping[str, Any]) -> Answer:
        raise NotPermitted(Toggle.UPDATE_ASSET)

    async def later(question: Mapping[str, Any]) -> Answer:
        await trio.lowlevel.checkpoint()
        return at_once(question)

    path = tmp_path / "run/x.sock"
    async with serving(path, act=later if waits else at_once):
        answer = await ask(path, b'{"op": "act"}\n')
    assert answer.pop("ok") is False
    error = heard(answer)
    assert type(error) is NotPermitted
    assert str(error) == str(NotPermitted(Toggle.UPDATE_ASSET))


@pytest.mark.parametrize("kind", ["Toggle", "told", "Mapping", "nonsense", "__name__"])
def test_an_error_nobody_knows_is_a_mount_error(kind: str):
    """What another version of the program says is still an error that a command can report."""
    error = heard({"error": "what happened", "kind": kind})
    assert type(error) is MountError
    assert str(error) == "what happened"


async def test_a_fault_in_an_operation_that_waits_ends_only_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """The mount logs it and answers the next command."""

    async def broken(_: Mapping[str, Any]) -> Answer:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    path = tmp_path / "run/x.sock"
    async with serving(path, act=broken):
        assert "failed to answer" in (await ask(path, b'{"op": "act"}\n'))["error"]
        assert await ask(path, b'{"op": "info"}\n') == {"ok": True, "mounted": True}
    assert "ZeroDivisionError" in caplog.text
