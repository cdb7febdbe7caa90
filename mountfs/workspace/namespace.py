"""Names: which node each name of each folder is, and what a change of the project does to them.

A folder's children are worked out when somebody first looks into it, all at once, and then kept: after that
no look-up, no failed look-up and no listing needs anything but this memory. When the project changes, the
folders concerned are worked out again and compared: each name that is now another node, or none, is
reported, so that the kernel can be told. Folders nobody looked into need no report: nobody knows a name in
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mountfs.model import ROOT, Asset, AssetId, Changes, Checkpoint, Collection, CollectionId, ProjectId, Tree
from mountfs.names import link_body, shown_names
from mountfs.rights import may_see_history
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.history import HISTORY_NAME, version_name
from mountfs.workspace.nodes import (
    ROOT_INO,
    AssetHistory,
    CollectionFolder,
    File,
    Folder,
    HistoryFolder,
    Link,
    Node,
    Nodes,
    Version,
)


@dataclass(slots=True)
class News:
    """What the kernel has to forget: names (folder's number, name) and attributes (number)."""

    names: list[tuple[int, bytes]] = field(default_factory=list)
    attributes: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.names or self.attributes)


class Namespace:
    """The folders, files and links of one mount. Never waits."""

    def __init__(self, tree: Tree, project: ProjectId, clock: Callable[[], float]) -> None:
        self.catalogue = Catalogue(tree)
        self.root = CollectionFolder(ROOT_INO, None, ROOT)
        self.nodes = Nodes(project, self.root)
        self._clock = clock
        self._untold = News()

    def child(self, folder: Folder, name: bytes) -> Node | None:
        """What a name in a folder is; None if the viewer has nothing there."""
        if folder is self.root and name == HISTORY_NAME:
            return self._history_root()
        return self.children(folder).get(name)

    def children(self, folder: Folder) -> dict[bytes, Node]:
        """Everything a folder shows, in the order it is listed. For an asset's history: what is known of
        it.
        """
        if folder.children is None:
            folder.children = self._work_out(folder)
            for child in folder.children.values():
                self.nodes.attach(child, folder)
        return folder.children

    def set_history(self, folder: AssetHistory, versions: Iterable[Checkpoint]) -> News:
        """Give an asset's history folder its versions, newest first as the studio lists them.

        It gets none if the viewer lost the asset or the right to its history while they were asked for.
        """
        asset = self.catalogue.assets.get(folder.asset)
        if asset is None or not may_see_history(self.catalogue.viewer):
            return self._empty(folder)
        extension = asset.extension
        children: dict[bytes, Node] = {}
        for version in sorted(versions, key=lambda version: version.number):
            name = version_name(version, self.catalogue.username(version.author), extension)
            children[name] = self._version(folder, version)
        folder.complete = True
        return self._replace(folder, children)

    def refresh(self, changes: Changes) -> News:
        """Take over changes of the project; what the kernel has to forget because of them."""
        touched = self.catalogue.apply(changes)
        changed = {asset.id for asset in changes.assets}
        return self._compare(touched, changed, everything=changes.viewer is not None)

    def reload(self, tree: Tree) -> News:
        """Take over a whole new tree, when changes cannot be told any more, or could not be taken over."""
        self.catalogue = Catalogue(tree)
        touched = {
            node.collection for node in self.nodes if isinstance(node, CollectionFolder | HistoryFolder)
        }
        return self._compare(touched, set(self.catalogue.assets), everything=True)

    def _compare(self, touched: set[CollectionId], changed: set[AssetId], *, everything: bool) -> News:
        # What is found before an exception is kept, and told with the next news.
        news = self._untold
        for collection in touched:
            for node in (self._known_folder(collection), self.nodes.get(self._history_number(collection))):
                if isinstance(node, Folder):
                    self._rebuild(node, news)
        for asset_id in changed:
            self._reconsider(self.catalogue.assets[asset_id], news)
        if everything:
            news.attributes[:] = [node.ino for node in self.nodes]
            news.names.append((ROOT_INO, HISTORY_NAME))  # it comes and goes with the right to see history
        for ino in news.attributes:
            if node := self.nodes.get(ino):
                node.shown = None
        self._untold = News()
        return news

    def _rebuild(self, folder: Folder, news: News) -> None:
        news.attributes.append(folder.ino)
        if folder.children is None:
            return
        found = self._replace(folder, self._work_out(folder))
        news.names += found.names
        if found.names and isinstance(folder, CollectionFolder):
            folder.mtime = int(self._clock())

    def _replace(self, folder: Folder, children: dict[bytes, Node]) -> News:
        before = folder.children or {}
        folder.children = children
        for child in children.values():
            self.nodes.attach(child, folder)
        names = [name for name in {**before, **children} if before.get(name) is not children.get(name)]
        news = News(names=[(folder.ino, name) for name in names])
        staying = set(map(id, children.values()))
        for child in before.values():
            # A node that moved to another folder may have been attached there already.
            if id(child) not in staying and child.parent is folder:
                if isinstance(child, AssetHistory):
                    news.names += self._empty(child).names
                self.nodes.detach(child)
        return news

    def _empty(self, folder: AssetHistory) -> News:
        folder.complete = False
        return self._replace(folder, {})

    def _reconsider(self, asset: Asset, news: News) -> None:
        """An asset has changed: its file may have other permissions, its history another version."""
        file = self.nodes.get(self._file_number(asset))
        if file is not None:
            news.attributes.append(file.ino)
        history = self.nodes.get(self.nodes.number("asset history", asset.id))
        if isinstance(history, AssetHistory):
            history.complete = False
            news.attributes.append(history.ino)
            news.names += [(history.ino, name) for name in history.children or ()]

    def _work_out(self, folder: Folder) -> dict[bytes, Node]:
        if isinstance(folder, CollectionFolder):
            return {name: self._node(folder, thing) for name, thing in self._shown(folder.collection)}
        if isinstance(folder, HistoryFolder) and may_see_history(self.catalogue.viewer):
            return {
                name: self._history_node(folder, thing)
                for name, thing in self._shown(folder.collection)
                if isinstance(thing, Collection) or not thing.is_link
            }
        return {}

    def _shown(self, collection: CollectionId) -> list[tuple[bytes, Asset | Collection]]:
        if not self.catalogue.knows(collection):
            return []
        things: dict[AssetId | CollectionId, Asset | Collection] = {}
        things.update((found.id, found) for found in self.catalogue.folders_in(collection))
        things.update((found.id, found) for found in self.catalogue.assets_in(collection))
        shown = shown_names(things.values(), at_root=collection == ROOT)
        return sorted((name.encode(), things[thing]) for thing, name in shown.items())

    def _node(self, folder: Folder, thing: Asset | Collection) -> Node:
        nodes = self.nodes
        if isinstance(thing, Collection):
            number = nodes.number("folder", thing.id)
            return nodes.obtain(number, lambda ino: CollectionFolder(ino, folder, thing.id), CollectionFolder)
        if thing.is_link:
            body = link_body(thing.pointer)
            number = nodes.number("link", thing.id, thing.pointer)
            return nodes.obtain(number, lambda ino: Link(ino, folder, thing.id, body), Link)
        number = self._file_number(thing)
        return nodes.obtain(number, lambda ino: File(ino, folder, thing.id, thing.head), File)

    def _history_root(self) -> HistoryFolder | None:
        if not may_see_history(self.catalogue.viewer):
            return None
        return self.nodes.obtain(
            self._history_number(ROOT), lambda ino: HistoryFolder(ino, self.root, ROOT), HistoryFolder
        )

    def _history_node(self, folder: Folder, thing: Asset | Collection) -> Folder:
        if isinstance(thing, Collection):
            number = self._history_number(thing.id)
            return self.nodes.obtain(number, lambda ino: HistoryFolder(ino, folder, thing.id), HistoryFolder)
        number = self.nodes.number("asset history", thing.id)
        return self.nodes.obtain(number, lambda ino: AssetHistory(ino, folder, thing.id), AssetHistory)

    def _version(self, folder: AssetHistory, version: Checkpoint) -> Version:
        number = self.nodes.number("version", version.id)
        return self.nodes.obtain(number, lambda ino: Version(ino, folder, folder.asset, version), Version)

    def _known_folder(self, collection: CollectionId) -> Node | None:
        return self.root if collection == ROOT else self.nodes.get(self.nodes.number("folder", collection))

    def _file_number(self, asset: Asset) -> int:
        return self.nodes.number("file", asset.id, asset.head.id if asset.head else "")

    def _history_number(self, collection: CollectionId) -> int:
        return self.nodes.number("history", collection)
