"""Names: which node each name of each folder is, and what a change of the project does to them.

A folder's children are worked out when somebody first looks into it, all at once, and then kept: after that
no look-up, no failed look-up and no listing needs anything but this memory. When the project changes, the
folders concerned are worked out again and compared: each name that is now another node, or none, is
reported, so that the kernel can be told. Folders nobody looked into need no report: nobody knows a name in
them.

Local files and folders lie over the project's: a local name is shown in place of an equal one of the project,
and an asset with local content shows that.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from dataclasses import asdict

from mountfs.model import (
    ROOT,
    Asset,
    AssetId,
    Changes,
    Checkpoint,
    Collection,
    CollectionId,
    ProjectId,
    Tree,
)
from mountfs.names import file_name, folded, link_body, shown_names
from mountfs.rights import may_see_history
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.disk import Change
from mountfs.workspace.history import HISTORY_NAME, version_name
from mountfs.workspace.locals import LocalFile, Locals
from mountfs.workspace.looks import FolderLook, Kept
from mountfs.workspace.news import News
from mountfs.workspace.nodes import (
    NO_ASSET,
    ROOT_INO,
    AssetHistory,
    CollectionFolder,
    File,
    Folder,
    HistoryFolder,
    Link,
    Node,
    Nodes,
    Special,
    Version,
)


class Namespace:
    """The folders, files and links of one mount. Never waits."""

    def __init__(self, tree: Tree, project: ProjectId, clock: Callable[[], float]) -> None:
        self.catalogue = Catalogue(tree)
        self.root = CollectionFolder(ROOT_INO, None, ROOT)
        self.nodes = Nodes(project, self.root)
        self.locals = Locals()
        self.kept: dict[AssetId, Kept] = {}
        self.looks: dict[CollectionId, FolderLook] = {}
        self.default_bits = 0o777
        """Permission bits that may show where no program has given any."""
        self.crowded: set[CollectionId] = set()
        """Folders in which something may be called otherwise when something else goes."""
        self._clock = clock
        self._untold = News()
        self.settled: list[Change] = []
        """What the last change of the project means for the journal."""

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

    def name_of(self, node: Node) -> bytes | None:
        """The name that a folder shows a node under."""
        children = node.parent.children if isinstance(node.parent, Folder) else None
        return next((name for name, child in (children or {}).items() if child is node), None)

    def place(self, folder: CollectionFolder, name: bytes, node: Node) -> None:
        """A program gave a node this name, which the kernel knows; what was there has gone."""
        children = self.children(folder)
        before = children.pop(name, None)
        children[name] = node
        self.nodes.attach(node, folder)
        if before is not None and before is not node and before.parent is folder:
            self.nodes.detach(before)
        if folder.folded is not None:
            folder.folded[folded(name)] = name
        self._was_changed(folder)

    def unplace(self, folder: CollectionFolder, name: bytes) -> None:
        """A program took this name away, which the kernel knows."""
        node = self.children(folder).pop(name, None)
        if node is not None and node.parent is folder:
            self.nodes.detach(node)
        if folder.folded is not None:
            folder.folded.pop(folded(name), None)
        self._was_changed(folder)

    def like(self, folder: CollectionFolder, name: bytes) -> bytes | None:
        """A name in the folder that is this one but for its case."""
        if folder.folded is None:
            folder.folded = {folded(each): each for each in self.children(folder)}
        return folder.folded.get(folded(name))

    def clean_mode(self, node: File) -> int:
        """The permission bits of a file as the project has it."""
        kept = self.kept.get(node.asset)
        if kept is not None and node.content is not None and kept.checkpoint == node.content.id:
            return kept.mode
        is_executable = node.content is not None and node.content.executable
        return (0o755 if is_executable else 0o644) & self.default_bits

    def clean_mtime(self, node: File) -> int:
        """The time (ns) of a file as the project has it."""
        kept = self.kept.get(node.asset)
        if kept is not None and node.content is not None and kept.checkpoint == node.content.id:
            return kept.mtime_ns
        return node.content.mtime_ns if node.content is not None else 0

    def local_node(self, folder: Folder, file: LocalFile) -> Node:
        """The node of a local file."""
        if not stat.S_ISREG(file.kind):
            return self.nodes.obtain(file.ino, lambda ino: Special(ino, folder, file), Special)
        asset = file.asset or NO_ASSET
        node = self.nodes.obtain(file.ino, lambda ino: File(ino, folder, asset, file.content, file), File)
        node.local, node.asset = file, asset
        return node

    def keep(self, asset: AssetId, kept: Kept) -> Change:
        """The file of a checkpoint keeps the number, the permissions and the times that it had here."""
        self.kept[asset] = kept
        return Change("number", asset, asdict(kept))

    def look_of(self, folder: CollectionId) -> FolderLook:
        """What programs made of a folder, to be changed."""
        return self.looks.setdefault(folder, FolderLook())

    def project_time(self, folder: CollectionId) -> int:
        """When the folder or the names in it last changed, as far as the project says (Unix seconds)."""
        collection = self.catalogue.collections.get(folder)
        own = max(collection.created_at, collection.mtime) if collection else 0
        return max(own, max((asset.created_at for asset in self.catalogue.assets_in(folder)), default=0))

    def settle(self, assets: Iterable[AssetId]) -> tuple[set[CollectionId], list[Change]]:
        """Let go what is local and has arrived in the project: the folders touched, and what to journal."""
        touched: set[CollectionId] = set()
        changes: list[Change] = []
        for asset_id in assets:
            asset = self.catalogue.assets.get(asset_id)
            vacancy = self.locals.vacancies.get(asset_id)
            file = self.locals.of_asset.get(asset_id)
            if vacancy is not None:
                if asset is not None and not (vacancy.has_ended and vacancy.is_left_by(asset)):
                    continue  # the news of our own renaming is still to come
                del self.locals.vacancies[asset_id]
                touched.add(vacancy.folder)
            if file is None:
                if asset is None and self.kept.pop(asset_id, None) is not None:
                    changes.append(Change("number", asset_id, None))
                continue
            if not self._is_shown(asset, file):
                touched.add(file.folder)
            if file.draft is not None or file.version is not None or file.is_new:
                continue
            if file.content is None and asset is not None and asset.head is not None:
                continue  # it was made under this name just now, and nothing is written to it yet
            if asset is not None and file.content is not None and asset.number < file.content.number:
                continue  # the news of our own checkpoint is still to come
            self.locals.take_out(file)
            file.removed = True
            changes.append(file.record())
            node = self.nodes.get(file.ino)
            if isinstance(node, File) and node.local is file:
                node.local, node.content, node.shown = None, file.content, None
        for folder in list(self.locals.folders.values()):
            if folder.id in self.catalogue.collections:
                self.locals.take_out_folder(folder)
                folder.arrived = True
                changes.append(folder.record())
                touched |= {folder.parent, folder.id}
        return touched, changes

    def rework(self, folders: Iterable[CollectionId]) -> News:
        """Work out folders again because something local changed; what the kernel has to forget."""
        return self._compare(set(folders), set(), everything=False)

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
        self._look_into_dated(changes)
        touched = self.catalogue.apply(changes) | self.catalogue.overtake(changes.about)
        changed = {asset.id for asset in changes.assets if asset.id in self.catalogue.assets}
        others = self.catalogue.others_touched
        settled, self.settled = self.settle(changed.union(changes.gone_assets))
        for collection in others - touched - settled:
            if node := self._known_folder(collection):
                self._untold.attributes.append(node.ino)
        news = self._compare(touched | settled, changed, everything=changes.viewer is not None)
        for collection in (touched | settled | others) & self.looks.keys():
            self.settled.append(self.looks[collection].record(collection, self.project_time(collection)))
        return news

    def _look_into_dated(self, changes: Changes) -> None:
        """Work out the folders concerned that have a time of their own: it holds until their names change."""
        known = self.catalogue.assets
        places = {known.get(asset.id, asset).collection for asset in changes.assets}
        places.update(asset.collection for asset in changes.assets)
        places.update(each for folder in changes.collections for each in (folder.id, folder.parent))
        for collection in places & self.looks.keys():
            folder = self._known_folder(collection)
            if isinstance(folder, Folder) and self.looks[collection].mtime_ns is not None:
                self.children(folder)

    def reload(self, tree: Tree) -> News:
        """Take over a whole new tree, when changes cannot be told any more, or could not be taken over."""
        before, self.catalogue = self.catalogue, Catalogue(tree)
        self.catalogue.keep_own(before)
        touched = {
            node.collection for node in self.nodes if isinstance(node, CollectionFolder | HistoryFolder)
        }
        for folder in touched & self.looks.keys():
            node = self._known_folder(folder)
            if isinstance(node, Folder) and node.children is None:
                self.looks[folder].mtime_ns = None  # nobody knows whether its names have changed
        settled, self.settled = self.settle({*self.locals.of_asset, *self.locals.vacancies})
        return self._compare(touched | settled, set(self.catalogue.assets), everything=True)

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
            self._was_changed(folder)
            folder.folded = None

    def _was_changed(self, folder: CollectionFolder) -> None:
        look = self.look_of(folder.collection)
        look.mtime_ns = look.ctime_ns = int(self._clock() * 1e9)
        folder.shown = None

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

    def _is_shown(self, asset: Asset | None, file: LocalFile) -> bool:
        """Whether a folder shows an asset's local file as it will when nothing of it is local."""
        if asset is None or file.hides or asset.collection != file.folder:
            return False
        folder = self._known_folder(asset.collection)
        name = file_name(asset).encode()
        return (
            isinstance(folder, CollectionFolder)
            and file.name == name
            and folder.children is not None
            and (node := folder.children.get(name)) is not None
            and node is self.nodes.get(file.ino)
            and self._file_number(asset) == file.ino
        )

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
            return self._work_out_collection(folder)
        if isinstance(folder, HistoryFolder) and may_see_history(self.catalogue.viewer):
            return {
                name: self._history_node(folder, thing)
                for name, thing in self._shown(folder.collection)
                if isinstance(thing, Collection) or not thing.is_link
            }
        return {}

    def _work_out_collection(self, folder: CollectionFolder) -> dict[bytes, Node]:
        local = self.locals
        if not local.files and not local.folders and not local.vacancies:
            return {name: self._node(folder, thing) for name, thing in self._shown(folder.collection)}
        found: dict[bytes, Node] = {}
        for name, thing in self._shown(folder.collection):
            file = local.of_asset.get(thing.id) if isinstance(thing, Asset) else None
            if thing.id in local.vacancies:
                continue
            found[name] = self._node(folder, thing) if file is None else self.local_node(folder, file)
        for file in local.files_in(folder.collection):
            asset = self.catalogue.assets.get(file.asset) if file.follows and file.asset else None
            if asset is None or asset.id in local.vacancies:
                file.hides = file.name in found
                found[file.name] = self.local_node(folder, file)
        for made in local.folders_in(folder.collection):
            if made.id not in self.catalogue.collections:
                found[made.name] = self.folder_node(folder, made.id)
        return dict(sorted(found.items()))

    def folder_node(self, folder: Folder, collection: CollectionId) -> CollectionFolder:
        """The node of a folder of the project, or of a local one."""
        number = self.nodes.number("folder", collection)
        return self.nodes.obtain(
            number, lambda ino: CollectionFolder(ino, folder, collection), CollectionFolder
        )

    def _shown(self, collection: CollectionId) -> list[tuple[bytes, Asset | Collection]]:
        if not self.catalogue.knows(collection):
            return []
        things: dict[AssetId | CollectionId, Asset | Collection] = {}
        things.update((found.id, found) for found in self.catalogue.folders_in(collection))
        things.update((found.id, found) for found in self.catalogue.assets_in(collection))
        shown = shown_names(things.values(), at_root=collection == ROOT)
        self.crowded.discard(collection)
        if any(name != file_name(things[thing]) for thing, name in shown.items()):
            self.crowded.add(collection)
        return sorted((name.encode(), things[thing]) for thing, name in shown.items())

    def _node(self, folder: Folder, thing: Asset | Collection) -> Node:
        nodes = self.nodes
        if isinstance(thing, Collection):
            return self.folder_node(folder, thing.id)
        if thing.is_link:
            body = link_body(thing.pointer)
            number = nodes.number("link", thing.id, thing.pointer)
            return nodes.obtain(number, lambda ino: Link(ino, folder, thing.id, body), Link)
        number = self._free_number(thing)
        node = nodes.obtain(number, lambda ino: File(ino, folder, thing.id, thing.head), File)
        node.asset = thing.id
        return node

    def _free_number(self, asset: Asset) -> int:
        """The number of an asset's file, or another one if a local file (a backup that a tool made by
        renaming) has gone on under it.
        """
        number = self._file_number(asset)
        for again in range(1, 100):
            local, node = self.locals.of_ino.get(number), self.nodes.get(number)
            taken = local is not None and local.asset != asset.id
            if isinstance(node, File):
                of_node = node.local
                taken = taken or node.is_unlinked or (of_node is not None and of_node.asset != asset.id)
            if not taken:
                break
            number = self.nodes.number(
                "file again", asset.id, asset.head.id if asset.head else "", str(again)
            )
        return number

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
        kept = self.kept.get(asset.id)
        if kept is not None and asset.head is not None and kept.checkpoint == asset.head.id:
            return kept.ino
        return self.nodes.number("file", asset.id, asset.head.id if asset.head else "")

    def _history_number(self, collection: CollectionId) -> int:
        return self.nodes.number("history", collection)
