"""Whoever has only the README, or docs/start.md, gets where they lead: every command there is typed here, in
their order, at a terminal, and answers what they say.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.testing.mounts import BOUND

ROOT = Path(__file__).parents[1]

SETS_UP = re.compile(r"(sudo |git |make |python3 -m venv|systemctl |mkdir -p ~/\.config/systemd|ln -s)")
"""What makes the checkout that this test runs in, or changes the machine."""

WHATEVER_COMES = re.compile("mountfs (diff|status)")
"""What the README shows in part, or what is different when this machine is slow."""

COLUMNS = 250


@dataclass(frozen=True)
class Step:
    """A line to type, and what is shown for it; None: whatever comes."""

    line: str
    shown: str | None = None


def steps_of_readme() -> list[Step]:
    """The lines after a dollar sign, and what follows each."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", (ROOT / "README.md").read_text(), re.MULTILINE)
    steps = []
    for block in blocks:
        for part in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            steps.append(Step(line, None if WHATEVER_COMES.match(line) else shown))
    return steps


def steps_of_start() -> list[Step]:
    """The lines of its blocks."""
    lines = re.findall(r"^    (\S.*)$", (ROOT / "docs" / "start.md").read_text(), re.MULTILINE)
    return [Step(line) for line in lines]


def alike(shown: str, home: Path) -> list[str]:
    """The words of what a command shows, without what is different every time: times, ids, sizes, columns."""
    shown = shown.rpartition("\x1b[2K")[2]  # what was drawn before is a bar that is there no more
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", shown).replace(str(home), "/home/ada")
    words = (
        re.sub(r"[0-9a-f-]{16,36}|\d{4}-\d\d-\d\dT[0-9:-]+Z|\d{8}T\d{6}Z", "#", word)
        for word in shown.split()
    )
    return sorted(re.sub(r"\d+(\.\d+)?", "#", word) for word in words)


def typed(steps: list[Step], home: Path) -> list[tuple[int, str]]:
    """How each step ends, and what it shows, in one shell at a terminal of its own."""
    script = home / "steps.sh"
    lines = [f'{step.line}\necho "@@@$?"' for step in steps]
    script.write_text(f"stty cols {COLUMNS} -onlcr\n" + "\n".join(lines) + "\n")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environ = {
        **inherited,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "TERM": "xterm",
        "NO_COLOR": "1",
    }
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["bash", script], stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environ
    )
    os.close(theirs)
    heard = b""
    try:
        while piece := os.read(ours, 65536):
            heard += piece
    except OSError:
        pass  # the terminal has closed: the shell has ended
    finally:
        os.close(ours)
        shell.kill()
        shell.wait(BOUND)
    parts = re.split(r"@@@(\d+)\s*", heard.decode())
    return [(int(code), text) for text, code in zip(parts[0::2], parts[1::2], strict=False)]


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    """The home of somebody who is called as in the README."""
    home = tmp_path / "home"
    (home / ".config" / "mountfs").mkdir(parents=True)
    (home / ".config" / "mountfs" / "config.toml").write_text('[user]\nemail = "ada@harbor"\n')
    (home / "run").mkdir(mode=0o700)
    return home


def follow(steps: list[Step], home: Path) -> None:
    """Type them all; what each shows is what is written."""
    steps = [step for step in steps if not SETS_UP.match(step.line)]
    try:
        outcomes = typed(steps, home)
    finally:
        for mount in mountpoints.mounts():
            if mount.path.is_relative_to(home):
                subprocess.run(["fusermount3", "-uz", mount.path], check=False)
    assert len(outcomes) == len(steps), outcomes[-1:]
    for step, (code, shown) in zip(steps, outcomes, strict=True):
        assert code == 0, f"$ {step.line}\n{shown}"
        if step.shown is not None:
            assert alike(shown, home) == alike(step.shown, home), f"$ {step.line}\n{shown}"


@pytest.mark.mounted
def test_the_readme_leads_from_nothing_to_an_old_version_brought_back(ada: Path):
    """A newcomer who types the README's lines, and nothing else, sees what it shows."""
    steps = steps_of_readme()
    assert len(steps) > 15
    assert [step for step in steps if "revert" in step.line]
    follow(steps, ada)


@pytest.mark.mounted
def test_the_next_steps_work(ada: Path):
    """Whoever goes on with docs/start.md gets no error on the way."""
    steps = steps_of_start()
    assert len(steps) > 25
    follow(steps, ada)
