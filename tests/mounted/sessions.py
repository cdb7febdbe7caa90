"""A recorded session of a tool, played in a mount as somebody, and what it added to the project."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mountfs.content.assemble import assemble
from mountfs.model import NOBODY, Asset, CheckpointId
from mountfs.testing.mounts import Mounts, bounded
from mountfs.testing.replay import Action, Recording, Traits, replay
from mountfs.testing.replay.player import seed_content
from tests.mounted.asking import settle
from tests.mounted.film import Film
from tests.mounted.workplace import PATIENT

RECORDINGS = Path(__file__).parents[1] / "data" / "dcc"
SHOT = "shot"
"""The collection that the tool works in. It is assigned to nobody."""

PATIENCE = 240.0


class Who(StrEnum):
    """As whom the mount is."""

    OWNER = "owner"
    ARTIST = "artist"


@dataclass(frozen=True, slots=True)
class Form:
    """A recording in the form that a mount is asked for; ``adapted`` says what is not as it was recorded."""

    recording: Recording
    adapted: str = ""

    @property
    def name(self) -> str:
        """The recording's."""
        return self.recording.name


@dataclass(slots=True)
class Session:
    """What came of it. ``found`` is, by action and path, how many versions the project got."""

    found: dict[tuple[str, str], int] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    wrong: list[str] = field(default_factory=list)


def forms() -> list[Form]:
    """Every recording that a mount can play, in the order of their names."""
    found = {path.stem: Recording.load(path) for path in sorted(RECORDINGS.glob("*.json"))}
    for name in [name for name, each in found.items() if _needs_unnamed_files(each)]:
        del found[name]  # a recording of the same session without them is there beside it
    return [_form(each) for each in found.values()]


def _needs_unnamed_files(recording: Recording) -> bool:
    return any(each.call == "linkfd" for action in recording.actions for each in action.operations)


def _form(recording: Recording) -> Form:
    if recording.name == "coreutils-copy-move":
        return Form(
            recording.without_hard_links().with_rest_after(251),
            "`ln` is refused; the two appends are two actions",
        )
    if recording.name == "editors-text":
        return Form(
            recording.without_hard_links(["c.nk.bak"]).with_rest_after(84).with_rest_after(518),
            "perl renames where it cannot link; two saves of Vim, and of Emacs, are two actions each",
        )
    if not recording.seeds:  # somebody who sees nothing of a collection does not see the collection
        return Form(recording.with_another_file("brief.txt", 100), "a file is there before")
    if "@fuse" in recording.name:
        return Form(recording, "recorded on FUSE")
    return Form(recording)


class Observer:
    """Counts the versions that a project gets, by path."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._known: set[CheckpointId] = set()
        self.new()

    def assets(self) -> dict[str, Asset]:
        """By path below the shot."""
        tree = self._film.owner.tree()
        folders = {self._film.folder(SHOT): ""}
        while more := {
            one.id: f"{folders[one.parent]}{one.name}/"
            for one in tree.collections.values()
            if one.parent in folders and one.id not in folders
        }:
            folders |= more
        return {
            f"{folders[one.collection]}{one.name}{one.extension}": one
            for one in tree.assets.values()
            if one.collection in folders
        }

    def new(self) -> dict[str, int]:
        """How many versions each path got since this was asked last."""
        found: dict[str, int] = {}
        for path, asset in self.assets().items():
            versions = {version.id for version in self._film.owner.history(asset.id)} - self._known
            self._known |= versions
            if versions:
                found[path] = len(versions)
        return found

    def content(self, asset: Asset) -> bytes:
        """The newest version of an asset, verified."""
        assert asset.head is not None
        manifest = self._film.owner.manifest(asset.head.id)
        return b"".join(assemble(manifest, self._film.project.chunks))


def play(form: Form, who: Who, film: Film, mounts: Mounts, folder: Path) -> Session:
    """Import the recording's files, mount, and play it. ``folder`` is for the mirror."""
    recording = form.recording
    artist = film.add_user("ann", "artist") if who is Who.ARTIST else NOBODY
    seeds = {each["path"]: each for each in recording.seeds}
    session = Session(known=frozenset(path for path, each in seeds.items() if each["type"] == "file"))
    for path in sorted(session.known):
        film.write(f"{SHOT}/{path}", seed_content(recording, seeds[path]), assignee=artist)
    observer = Observer(film)
    mount = film.mount(mounts, "ann" if who is Who.ARTIST else None, options=PATIENT)
    shot = mount.path / SHOT
    mirror = folder / "mirror"
    mirror.mkdir()
    for path, each in seeds.items():
        if each["type"] == "link":
            (shot / path).symlink_to(each["target"])
        elif each["type"] == "dir":
            (shot / path).mkdir()

    def after_action(action: Action) -> None:
        settle(mount)
        assets = observer.assets()
        for path, count in observer.new().items():
            session.found[action.label, path] = count
            least, most = action.expected.get(path, (0, 0))
            if least == most and observer.content(assets[path]) != _bytes(mirror / path):
                session.wrong.append(f"{action.label}: the version of {path} is not what was saved")

    session.wrong += bounded(
        lambda: replay(
            recording, shot, mirror=mirror, traits=Traits(permissions=0o700), after_action=after_action
        ),
        seconds=PATIENCE,
    )
    settle(mount)
    session.wrong += [
        f"in the end the newest version of {path} is not what was saved last"
        for path, asset in observer.assets().items()
        if observer.content(asset) != _bytes(mirror / path)
    ]
    return session


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
