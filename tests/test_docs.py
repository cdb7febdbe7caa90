"""The documentation describes what there is: every command, option, exit code, key, and its examples run."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from fastapi.routing import APIRoute

from mountfs import cli, model, wire
from mountfs.config import Config, MountOptions, StudioAccess, User
from mountfs.model import ROOT as ROOT_COLLECTION
from mountfs.model import AssetId, CheckpointId, CollectionId, ProjectId
from mountfs.studio.app import MODULES
from mountfs.studio.responses import STATUS
from mountfs.studio.routes import chunks, general
from mountfs.testing.studios import MemoryStudio
from mountfs.wire import acts, people, plans
from mountfs.workspace.disk import Change, LocalDisk
from mountfs.workspace.drafts import Draft
from mountfs.workspace.locals import LocalFile, LocalFolder
from mountfs.workspace.looks import FolderLook, Kept
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.versions import Version
from tests.cli.running import Shell
from tests.cli.stage import with_those_below

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
NEVER_SENT = {model.ChunkRef}

IN_EVERY_COMMAND = {"--help", "-h"}


def command(name: str) -> click.Command:
    with click.Context(cli.mountfs) as context:
        found = cli.mountfs.get_command(context, name)
    assert found is not None
    return found


def commands(name: str) -> dict[str, click.Command]:
    """A command, or those that it groups, by the words that a person types."""
    found = with_those_below(name, command(name))
    return {words: each for words, each in found if not isinstance(each, click.Group)}


def section(title: str) -> str:
    """The part of the reference under a heading, up to the next one."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#+ |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference.md has no section {title!r}"
    return found[2]


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_is_described(name: str):
    """Each command has a section with its form, and with every option it takes."""
    text = section(f"mountfs {name}")
    for words, each in commands(name).items():
        assert re.search(rf"^    mountfs {words}\b", text, re.MULTILINE), words
        for parameter in each.params:
            if isinstance(parameter, click.Option):
                for option in set(parameter.opts) - IN_EVERY_COMMAND:
                    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), f"{words}: {option}"


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_described_option_exists(name: str):
    """Nobody is told of an option that was removed."""
    text = section(f"mountfs {name}")
    for words, each in commands(name).items():
        known = {option for parameter in each.params for option in parameter.opts}
        form = next(line for line in text.splitlines() if line.startswith(f"    mountfs {words}"))
        assert set(re.findall(r"(?<=\[)--?[a-z-]+", form)) <= known


def test_every_exit_code_is_described():
    """The table of exit codes is the program's own, word for word."""
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit codes"), re.MULTILINE)
    assert {int(code): text.replace("`", "") for code, text in rows} == cli.MEANINGS


def test_every_key_is_described():
    """Each key of the configuration stands in its table."""
    text = section("Configuration")
    for field in fields(Config):
        if field.name not in ("user", "mount", "studio"):
            assert f"| `{field.name}` |" in text
    for field in fields(User):
        assert f"| `user.{field.name}` |" in text
    for field in fields(StudioAccess):
        assert f"| `studio.{field.name}` |" in text


@pytest.mark.parametrize("field", fields(MountOptions), ids=lambda field: str(field.name))
def test_every_mount_option_is_described(field: object):
    """Each mount option stands in the reference with its default, and in the command's help."""
    name, default = field.name, field.default  # type: ignore[attr-defined]  # dataclasses.Field is generic
    row = next(line for line in section("Mount options").splitlines() if line.startswith(f"| `{name}` |"))
    shown = "256MiB" if name == "memory" else default if isinstance(default, str) else f"{default:g}"
    if isinstance(default, bool):
        shown = str(default).lower()
    assert row.endswith(f"| `{shown}` |")
    assert re.search(rf"^  {name}\b", command("mount").help or "", re.MULTILINE)


def journal_records(folder: Path) -> dict[str, Change]:
    """One record of each kind."""
    disk = LocalDisk(folder)
    disk.close()
    draft = Draft(1, disk, None)
    version = Version(
        CheckpointId("v"), 1, AssetId("a"), True, 1, draft, None, None, mtime_ns=0, executable=False
    )
    namespace = Namespace(MemoryStudio().tree(), ProjectId("film"), lambda: 0.0)
    records = [
        LocalFile(1, 2, ROOT_COLLECTION, b"a").record(),
        LocalFolder(CollectionId("c"), ROOT_COLLECTION, b"a", False, 0).record(),
        draft.record(),
        version.record(),
        namespace.keep(AssetId("a"), Kept(CheckpointId("v"), 2, 0o644, 0)),
        FolderLook().record(ROOT_COLLECTION, 0),
    ]
    return {record.kind: record for record in records}


@pytest.mark.parametrize("kind", ["file", "folder", "draft", "version", "number", "look"])
def test_every_field_of_the_journal_is_described(tmp_path: Path, kind: str):
    """Whoever looks into a journal, after a disaster say, finds each field of each record explained, and no
    other.
    """
    page = (ROOT / "docs" / "formats.md").read_text()
    text = page.split(f"\n**`{kind}`**")[1].split("\n**`")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(
        journal_records(tmp_path)[kind].body or ()
    )


def endpoints() -> set[str]:
    """Every request that a studio answers."""
    routers = [(wire.API, module.router) for module in MODULES]
    routers += [("", chunks.bodies), ("", general.health)]
    found = {
        f"{method} {prefix}{route.path}"
        for prefix, router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    return found | {f"GET {wire.API}/openapi.json"}


def test_every_request_is_described():
    """Whoever writes a client finds each request in the protocol, and none that there is not."""
    rows = re.findall(r"^\| `((?:GET|PUT|POST|DELETE) [^`]+)` \|", PROTOCOL, re.MULTILINE)
    assert set(rows) == endpoints()
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    "kind",
    [
        each
        for module in (wire, acts, plans, people, model)
        for each in vars(module).values()
        if isinstance(each, type) and is_dataclass(each) and each.__module__ == module.__name__
        if each not in NEVER_SENT
    ],
    ids=lambda kind: str(kind.__name__),
)
def test_every_value_is_described(kind: type[Any]):
    """Each value that crosses the network is listed with its fields, all of them."""
    (row,) = re.findall(rf"^\| `{kind.__name__}` \| (.*) \|$", PROTOCOL, re.MULTILINE)
    outside = re.sub(r"\([^)]*\)|: .*", "", row)
    assert re.findall(r"`(\w+)`", outside) == [field.name for field in fields(kind)]


def test_every_refusal_is_described():
    """Each status that a refusal can have is listed with its kinds."""
    text = PROTOCOL.partition("## Refusals")[2].partition("## ")[0]
    for kind, status in STATUS.items():
        rows = [row for row in text.splitlines() if re.match(rf"\|[^|]*\b{status}\b", row)]
        below = {kind.__name__, *(each.__name__ for each in kind.__subclasses__())}
        if status == 503:  # what it is, is the operator's business
            below |= {"StudioUnavailable"}
        assert any(name in row for row in rows for name in below), kind


def test_every_link_leads_somewhere():
    """No page points at a page that is not there."""
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def examples() -> list[str]:
    """The lines of the reference that somebody can type as they stand."""
    lines = re.findall(r"^    (mountfs .*)$", REFERENCE, re.MULTILINE)
    return [line for line in lines if "[" not in line]


@pytest.mark.mounted
def test_the_examples_run(shell: Shell):
    """Whoever types the reference's examples from top to bottom gets no error."""
    film = shell.home / "film" / "shots"
    film.mkdir(parents=True)
    (film / "sh010.usda").write_text("#usda 1.0\n")
    (shell.home / "mnt").mkdir()
    lines = examples()
    assert len(lines) > 12
    for line in lines:
        words = shlex.split(line)[1:]
        if words[0] == "doctor":  # this machine may really have something
            assert "Traceback" not in shell.attempt(*words).err
        else:
            shell.run(*words)


def test_the_readme_has_two_commands():
    """A newcomer types ``make demo`` or ``make test``, and CI runs the same."""
    assert "make demo" in README
    assert "make test" in README
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
