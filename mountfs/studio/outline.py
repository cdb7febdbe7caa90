"""A project's visible tree with the names its folders show: from a path to a thing, and back."""

from __future__ import annotations

from collections.abc import Iterator

from mountfs.errors import NotFound
from mountfs.model import ROOT, Asset, AssetId, Collection, CollectionId, Tree
from mountfs.names import shown_names

Thing = Asset | Collection


class Outline:
    """Folders are worked out when somebody first looks into them. Not for several threads."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._inside: dict[CollectionId, list[Thing]] = {}
        for collection in tree.collections.values():
            self._inside.setdefault(collection.parent, []).append(collection)
        for asset in tree.assets.values():
            self._inside.setdefault(asset.collection, []).append(asset)
        self._shown: dict[CollectionId, dict[str, Thing]] = {}

    def children(self, folder: CollectionId) -> dict[str, Thing]:
        """What a folder shows, by name, in the order of names."""
        if folder not in self._shown:
            things: dict[AssetId | CollectionId, Thing] = {
                thing.id: thing for thing in self._inside.get(folder, ())
            }
            names = shown_names(things.values(), at_root=folder == ROOT)
            self._shown[folder] = {
                name: things[id_] for id_, name in sorted(names.items(), key=lambda i: i[1])
            }
        return self._shown[folder]

    def at(self, path: str) -> Thing | None:
        """The thing at ``/a/b``; None is the top of the project. NotFound."""
        folder, thing = ROOT, None
        for part in (part for part in path.split("/") if part not in ("", ".")):
            if isinstance(thing, Asset) or (thing := self.children(folder).get(part)) is None:
                raise NotFound(f"{path}: there is no such file or folder")
            folder = CollectionId(thing.id)
        return thing

    def walk(self, top: CollectionId = ROOT, prefix: str = "") -> Iterator[tuple[str, Thing]]:
        """Everything in and below a folder with its path relative to it: a folder before what is in it."""
        waiting = [(top, prefix)]
        while waiting:
            folder, path = waiting.pop()
            below = []
            for name, thing in self.children(folder).items():
                yield path + name, thing
                if isinstance(thing, Collection):
                    below.append((thing.id, f"{path}{name}/"))
            waiting += reversed(below)

    def count_below(self, top: CollectionId) -> int:
        """How many files are in and below a folder."""
        return sum(1 for _, thing in self.walk(top) if isinstance(thing, Asset))
