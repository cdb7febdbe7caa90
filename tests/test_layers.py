"""Imports go down, never up or across; the two halves of mountfs meet on the floor only.

A newcomer can then guess where anything is, a server never needs FUSE, and a render node no database.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mountfs

PACKAGE = Path(mountfs.__file__).parent

FLOOR = frozenset(
    {"model", "errors", "interfaces", "rights", "digest", "_density", "names", "ignore", "config", "wire"}
)
MOUNTING = frozenset({"mountpoints", "mountlock", "launch", "control", "supervisor"})
LAYERS = frozenset({"fs", "workspace", "content", "transport", "studio", "storage", "desktop"})
EVERYTHING = MOUNTING | LAYERS | {"keys", "remote", "questions", "daemon", "exchange", "doctor", "cli"}

# What a part may import besides the floor and itself, and why not more.
MAY_IMPORT: dict[str, tuple[frozenset[str], str]] = {
    **{
        name: (frozenset(), "the floor is what both halves stand on, so it stands on nothing")
        for name in FLOOR
    },
    "fs": (
        frozenset({"workspace", "mountpoints"}),
        "fs translates for the kernel; chunks, rules and SQL are not its business",
    ),
    "workspace": (frozenset({"content"}), "the workspace knows neither the kernel nor the studio's half"),
    "desktop": (frozenset({"workspace"}), "a desktop hears of what is saved, and of nothing below"),
    "content": (frozenset(), "content is bytes by name: it knows neither assets' rules nor where chunks lie"),
    "transport": (frozenset(), "transport carries questions and bytes: it knows neither caches nor files"),
    "studio": (frozenset({"storage"}), "the studio is the authority and knows nothing of its clients"),
    "storage": (frozenset(), "storage knows neither users nor clients"),
    "mountpoints": (frozenset(), "what the mount table says is the same for every program"),
    "mountlock": (frozenset({"mountpoints"}), "a lock is about a mount, not about what it shows"),
    "supervisor": (frozenset(), "a service manager hears of a mount whatever the mount is made of"),
    "keys": (frozenset(), "where a token is kept is nobody's business but the client's"),
    "launch": (frozenset({"mountpoints", "supervisor"}), "whoever starts a daemon imports none of it"),
    "control": (
        frozenset({"mountpoints"}),
        "both ends of the socket use it: the daemon, and commands",
    ),
    "exchange": (
        frozenset({"content", "studio", "storage"}),
        "folders go in and out without a mount",
    ),
    "doctor": (frozenset({"mountpoints", "studio", "storage"}), "it looks at things, and starts none"),
    "remote": (
        frozenset({"launch", "workspace", "content", "transport"}),
        "what a mount of a studio is made of, and nothing of a project's file",
    ),
    "questions": (
        frozenset({"control", "launch", "remote", "workspace"}),
        "what a mount is asked is answered by its parts",
    ),
    "daemon": (EVERYTHING, "it puts the mount together"),
    "cli": (EVERYTHING | {"__version__"}, "it puts the commands together"),
    "__main__": (EVERYTHING, "it starts the command line"),
    "testing": (EVERYTHING, "fakes and builders stand on everything"),
    "__init__": (frozenset(), "importing mountfs imports nothing else"),
}

# Who may import a library that is heavy, optional, or somebody's whole subject: parts, or single modules.
ONLY_IN: dict[str, tuple[frozenset[str], str]] = {
    "pyfuse3": (frozenset({"fs"}), "everything but fs runs without FUSE"),
    "sqlalchemy": (
        frozenset({"storage", "studio", "exchange", "testing"}),
        "a client needs no database",
    ),
    "sqlite3": (
        frozenset(
            {
                *("storage", "studio", "cli", "testing"),
                *(
                    "workspace/disk.py",
                    "workspace/replica.py",
                    "content/cache_index.py",
                    "content/disk_cache.py",
                ),
            }
        ),
        "a client keeps a journal, a replica of the tree and an index of its cache, and no other database",
    ),
    "keyring": (frozenset({"keys"}), "one module knows where secrets are, and refuses places that leak"),
    "secretstorage": (frozenset({"keys"}), "as keyring"),
    "httpx": (frozenset({"transport"}), "only transport speaks to a studio"),
    "httpcore": (frozenset({"transport"}), "only transport speaks to a studio"),
    "urllib3": (frozenset({"transport"}), "only transport speaks to a studio"),
    "msgspec": (frozenset({"wire"}), "both halves encode and decode in one place"),
    "fastapi": (
        frozenset({"studio/app.py", "studio/routes"}),
        "the rules know nothing of the network",
    ),
    "argon2": (frozenset({"studio/accounts"}), "one module knows how passwords are hashed"),
    "uvicorn": (
        frozenset({"studio/serve.py", "studio/connections.py"}),
        "the server is a choice of one module, and what it takes from anybody is bounded in another",
    ),
    "click": (frozenset({"cli"}), "only the command line talks to a terminal"),
    "jeepney": (frozenset({"desktop", "testing"}), "only the desktop is reached over D-Bus"),
    "rich": (frozenset({"cli"}), "only the command line talks to a terminal"),
    "trio": (
        frozenset({"fs", "workspace", "content", "desktop", "daemon", "control", "testing"}),
        "the studio's half blocks; whoever has a loop makes one thread hop",
    ),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The layer or floor module that a file belongs to: the first name below mountfs."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, wherever it does, types only included."""
    package = ["mountfs", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "mountfs":
                for alias in node.names:
                    yield node.lineno, f"mountfs.{alias.name}"
            else:
                yield node.lineno, module


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path):
    """A module imports only what lies below it, so that a reader can follow a request in one direction."""
    part = part_of(path)
    assert part in MAY_IMPORT, f"{part} is new: say in this test which layer it is"
    below, reason = MAY_IMPORT[part]
    for line, name in imports(path):
        top, _, rest = name.partition(".")
        if top == "mountfs" and rest:
            target = rest.split(".")[0]
            assert target == part or target in FLOOR or target in below, (
                f"{path.relative_to(PACKAGE)}:{line}: {part} may not import {name}: {reason}"
            )
        elif top in ONLY_IN:
            homes, why = ONLY_IN[top]
            module = str(path.relative_to(PACKAGE))
            places = {part, module, "/".join(path.relative_to(PACKAGE).parts[:2])}
            assert places & homes, f"{module}:{line}: {part} may not import {top}: {why}"


def test_the_test_sees_relative_and_nested_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An import inside a function or written with dots is found, so that nobody slips past by style."""
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "fs").mkdir()
    module = tmp_path / "fs" / "thing.py"
    module.write_text(
        "def f():\n    from ..storage import open\n    from mountfs import studio\nimport mountfs.cli\n"
    )
    assert {name for _, name in imports(module)} == {"mountfs.storage", "mountfs.studio", "mountfs.cli"}


WITHOUT = """
import sys, importlib, pkgutil, mountfs
for name in {blocked!r}:
    sys.modules[name] = None  # importing it now fails as if it were not installed
for module in pkgutil.walk_packages(mountfs.__path__, "mountfs.", onerror=lambda name: None):
    if any(module.name == part or module.name.startswith(part + ".") for part in {left_out!r}):
        continue
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


PROJECT_PARTS = [
    *("mountfs.storage", "mountfs.studio", "mountfs.exchange", "mountfs.doctor", "mountfs.testing"),
    *("mountfs.cli.verify", "mountfs.cli.doctor"),  # commands that are about nothing else
]


STUDIO_PARTS = [
    *("mountfs.studio.app", "mountfs.studio.serve", "mountfs.studio.routes", "mountfs.studio.accounts"),
    *(
        "mountfs.exchange.studios",
        "mountfs.studio.gate",
        "mountfs.studio.joining",
        "mountfs.studio.traffic",
        "mountfs.studio.compressing",
        "mountfs.studio.connections",
        "mountfs.testing.online",
        "mountfs.testing.serving",
        "mountfs.testing.token_watch",
    ),
    *("mountfs.studio.founding", "mountfs.doctor.studio"),
]


@pytest.mark.parametrize(
    ("blocked", "left_out"),
    [
        (["pyfuse3"], ["mountfs.fs"]),
        (["sqlalchemy"], PROJECT_PARTS),
        (["fastapi", "uvicorn", "argon2"], STUDIO_PARTS),
    ],
    ids=["a server without FUSE", "a client without a project's database", "personal mode without a server"],
)
def test_each_half_imports_without_the_other_halfs_libraries(blocked: list[str], left_out: list[str]):
    """Whoever installs one half of mountfs can import all of it that is theirs."""
    code = WITHOUT.format(blocked=blocked, left_out=left_out)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
