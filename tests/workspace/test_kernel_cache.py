"""Whatever happens in the project, what the kernel was told and not asked to forget is still true."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from mountfs.model import ALL_TOGGLES, ProjectId, Toggle, UserId
from mountfs.testing.studios import ADA, MemoryStudio
from mountfs.workspace.attributes import Attributes, attributes_of
from mountfs.workspace.namespace import Namespace
from mountfs.workspace.nodes import AssetHistory, CollectionFolder, Folder, Node

FOLDERS = ("", "a", "a/b", "c")
NAMES = ("x.txt", "X.txt", "y.blend", "a", "b")
PATHS = tuple(f"{folder}/{name}".lstrip("/") for folder in FOLDERS for name in NAMES)


class Kernel:
    """Remembers every answer for ever, as the kernel may, until it is told to forget."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.names: dict[tuple[int, bytes], int | None] = {}
        self.attributes: dict[int, Attributes] = {}

    def look_everywhere(self, folder: Folder | None = None) -> None:
        folder = folder or self.namespace.root
        self._remember(folder)
        names = {name.encode() for name in (*NAMES, ".checkpoints")} | set(self.namespace.children(folder))
        for name in names:
            child = self.namespace.child(folder, name)
            self.names[folder.ino, name] = None if child is None else child.ino
            if isinstance(child, Folder):
                child.lookups += 1
                self.look_everywhere(child)
            elif child is not None:
                child.lookups += 1
                self._remember(child)

    def catch_up(self, studio: MemoryStudio) -> None:
        while changes := studio.changes(self.namespace.catalogue.cursor):
            news = self.namespace.refresh(changes)
            for place in news.names:
                self.names.pop(place, None)
            for ino in news.attributes:
                self.attributes.pop(ino, None)

    def check(self) -> None:
        for (parent, name), ino in self.names.items():
            folder = self.namespace.nodes.get(parent)
            if not isinstance(folder, Folder) or isinstance(folder, AssetHistory):
                continue
            child = self.namespace.child(folder, name)
            assert ino == (None if child is None else child.ino), name
        for ino, known in self.attributes.items():
            node = self.namespace.nodes.get(ino)
            if node is not None and node.attached:
                assert attributes_of(node, self.namespace) == known

    def _remember(self, node: Node) -> None:
        self.attributes[node.ino] = attributes_of(node, self.namespace)


def paths_below(namespace: Namespace) -> dict[str, int]:
    found: dict[str, int] = {}

    def walk(folder: Folder, prefix: str) -> None:
        for name, node in namespace.children(folder).items():
            found[prefix + name.decode()] = node.ino
            if isinstance(node, CollectionFolder):
                walk(node, f"{prefix}{name.decode()}/")

    walk(namespace.root, "")
    return found


Act = Callable[[MemoryStudio], object]


def hide(path: str) -> Act:
    def act(studio: MemoryStudio) -> None:
        with contextlib.suppress(KeyError):  # it is not there
            studio.hide(path)

    return act


def write(path: str, assignee: str) -> Act:
    return lambda studio: studio.write(path, path.encode(), assignee=UserId(assignee))


def remove(folder: str) -> Act:
    return lambda studio: studio.remove_folder(folder)


def let(toggles: frozenset[Toggle]) -> Act:
    return lambda studio: studio.let(toggles)


acts = st.one_of(
    st.builds(write, st.sampled_from(PATHS), st.sampled_from(["", ADA.id])),
    st.builds(hide, st.sampled_from(PATHS)),
    st.builds(remove, st.sampled_from(FOLDERS[1:])),
    st.builds(let, st.sets(st.sampled_from(sorted(ALL_TOGGLES))).map(frozenset)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(acts, max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_what_the_kernel_remembers_is_true_after_any_changes(history: list[Act], looks: list[int]):
    """Nobody sees a stale name or attribute, although the kernel asks again only after an hour."""
    studio = MemoryStudio()
    namespace = Namespace(studio.tree(), ProjectId("film"), lambda: 4e9)
    kernel = Kernel(namespace)
    for step, act in enumerate(history):
        if step in looks:
            kernel.look_everywhere()
        act(studio)
        kernel.catch_up(studio)
        kernel.check()
    fresh = Namespace(studio.tree(), ProjectId("film"), lambda: 4e9)
    assert paths_below(namespace) == paths_below(fresh)
