"""Whoever watches for tokens finds those that are there, and takes next to nothing for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.studio.accounts.desk import Desk
from mountfs.studio.accounts.tokens import new_token
from mountfs.testing.mounts import BOUND, wait_until
from mountfs.testing.online import online_studio
from mountfs.testing.token_watch import SHARE, TokenWatch, watch_desks

READ_AND_END = "import sys; sys.stdin.read()"


@pytest.fixture
def watch() -> Iterator[TokenWatch]:
    """One that knows of nothing yet."""
    made = TokenWatch()
    yield made
    made.forget()


@pytest.fixture
def token(watch: TokenWatch) -> str:
    """What was issued, and nobody else knows of."""
    made = new_token(os.urandom)
    watch.issued(made)
    return made


@pytest.mark.parametrize("where", ["cmdline", "environ"])
def test_a_token_told_to_a_process_is_seen_while_it_runs(watch: TokenWatch, token: str, where: str):
    """Without anybody asking for a look."""
    words = [f"--token={token}"] if where == "cmdline" else []
    environment = {**os.environ, **({"X": f"https://u:{token}@host"} if where == "environ" else {})}
    process = subprocess.Popen(
        [sys.executable, "-c", READ_AND_END, *words], stdin=subprocess.PIPE, env=environment
    )
    seen = wait_until(watch.found, "a look")
    process.communicate(timeout=BOUND)
    assert seen == [f"/proc/{process.pid}/{where}"]


def test_a_token_in_a_file_is_seen(watch: TokenWatch, token: str, tmp_path: Path):
    """Wherever it stands in it, though nobody else may read the file."""
    place = tmp_path / "deep" / "mount.log"
    place.parent.mkdir()
    place.touch(mode=0o600)
    place.write_bytes(os.urandom(5000) + f"asked with {token}\n".encode() + os.urandom(5000))
    (tmp_path / "other").write_text(new_token(os.urandom))
    watch.look_through(tmp_path)
    assert watch.found() == [str(place)]


@pytest.mark.parametrize(("mode", "seen"), [(0o600, False), (0o640, True)])
@pytest.mark.parametrize("line", ["{}", "http://studio {}", "http://studio ada@harbor.example {}\n"])
def test_a_file_of_tokens_is_their_place_if_nobody_else_reads_it(
    watch: TokenWatch, token: str, tmp_path: Path, mode: int, seen: bool, line: str
):
    """As the client keeps them where there is no keyring."""
    place = tmp_path / "token"
    place.write_text(line.format(token))
    place.chmod(mode)
    watch.look_through(tmp_path)
    assert bool(watch.found()) is seen


def test_a_token_in_a_text_is_seen(watch: TokenWatch, token: str):
    """As a log that is no file; also beside what could be more of it."""
    watch.look_into("the log", f"GET /x?token-{token}_".encode())
    watch.look_into("another", new_token(os.urandom).encode())
    assert watch.found() == ["the log"]
    assert watch.found() == []


def test_what_a_studio_issues_is_known(watch: TokenWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nobody who makes a studio in a test has to tell of its tokens."""
    monkeypatch.setattr(Desk, "new_token", Desk.new_token)  # as it was, afterwards
    watch_desks(watch)
    with online_studio(tmp_path / "studio") as online:
        online.hire("ada")
        watch.look_into("a log", online.login("ada").token.encode())
    assert watch.found() == ["a log"]


def test_looking_takes_next_to_nothing(watch: TokenWatch, token: str):
    """However long a look takes: the rest after it is so much longer."""
    assert token
    begun = time.monotonic()
    wait_until(lambda: watch.looks >= 3, "three looks")
    assert watch.spent <= SHARE * (time.monotonic() - begun) + watch.longest
