"""Why somebody sees a thing, and what they may do with it: the rules of `visibility` and `permissions`, told.

The answer is worked out from the same catalogue by the same functions; only the way to it is kept, to be
shown. A chain of dependencies is a shortest one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mountfs.model import ROOT, AssetId, CollectionId, Person, Toggle, UserId, Viewer
from mountfs.rights import may_checkpoint
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.permissions import NEEDS, Act
from mountfs.studio.visibility import Reach, Sight

Id = AssetId | CollectionId


class Because(StrEnum):
    """Why somebody sees something."""

    TASK = "task"
    FOLDER = "folder"
    SHARED = "shared"
    NEEDED = "needed"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Reason:
    """``via``: for TASK nothing; for FOLDER and SHARED the collection that is assigned or shared; for NEEDED
    the chain from something of theirs to what is needed, both ends included, which may go through
    collections; for ABOVE nothing: something below it is visible."""

    because: Because
    via: tuple[Id, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether something may be done; if not, the right that is missing, or whose task it is."""

    allowed: bool
    lacks: Toggle | None = None
    assignee: UserId | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """One person's access to one thing. Without reasons they do not see it; ``may`` says then what they could
    do with it if they did."""

    person: Person
    role: str
    reasons: tuple[Reason, ...]
    may: dict[Act, Answer]


OF_ASSETS = (
    Act.READ_CONTENT,
    Act.READ_HISTORY,
    Act.PUBLISH,
    Act.SET_STATUS,
    Act.RENAME_ASSET,
    Act.TRASH_ASSET,
    Act.ASSIGN,
    Act.DEPEND,
)
OF_COLLECTIONS = (
    Act.CREATE_ASSET,
    Act.CREATE_COLLECTION,
    Act.RENAME_COLLECTION,
    Act.TRASH_COLLECTION,
    Act.SHARE,
    Act.ASSIGN,
)


def access(catalogue: Catalogue, reach: Reach, what: Id, user: UserId) -> Access:
    """One person's access to a live asset or collection."""
    person, role_id = catalogue.members[user]
    role = catalogue.roles.get(role_id)
    viewer = Viewer(person, role.may if role else frozenset())
    sight = reach.sight(user)
    if what in catalogue.assets:
        reasons = tuple(_asset_reasons(catalogue, reach, AssetId(what), user))
        may = {act: _asset_answer(catalogue, viewer, AssetId(what), act) for act in OF_ASSETS}
    else:
        reasons = tuple(_collection_reasons(catalogue, sight, CollectionId(what), user))
        may = {act: _answer(viewer, act) for act in OF_COLLECTIONS}
    return Access(person, role.name if role else "", reasons, may)


def _asset_answer(catalogue: Catalogue, viewer: Viewer, asset: AssetId, act: Act) -> Answer:
    if act is not Act.PUBLISH:
        return _answer(viewer, act)
    row = catalogue.assets[asset].asset
    if may_checkpoint(viewer, row):
        return Answer(allowed=True)
    if row.is_resource and Toggle.UPDATE_ASSET not in viewer.may:
        return Answer(allowed=False, lacks=Toggle.UPDATE_ASSET)
    lacking = _answer(viewer, act)
    return Answer(allowed=False, assignee=row.assignee) if lacking.allowed else lacking


def _answer(viewer: Viewer, act: Act) -> Answer:
    lacks = next((toggle for toggle in NEEDS[act] if toggle not in viewer.may), None)
    return Answer(lacks is None, lacks)


def _asset_reasons(catalogue: Catalogue, reach: Reach, asset: AssetId, user: UserId) -> Iterator[Reason]:
    row = catalogue.assets[asset].asset
    if row.assignee == user:
        yield Reason(Because.TASK)
    yield from _folder_reasons(catalogue, row.collection, user)
    chain = _chain(catalogue, reach, asset, user)
    if chain:
        yield Reason(Because.NEEDED, chain)


def _collection_reasons(
    catalogue: Catalogue, sight: Sight, collection: CollectionId, user: UserId
) -> Iterator[Reason]:
    found = list(_folder_reasons(catalogue, collection, user))
    yield from found
    if not found and sight.has_collection(collection):
        yield Reason(Because.ABOVE)


def _folder_reasons(catalogue: Catalogue, folder: CollectionId, user: UserId) -> Iterator[Reason]:
    """The nearest of the collections above (itself among them) that is assigned, and that is shared."""
    assigned = catalogue.assigned_folders.get(user, set())
    above = list(_upwards(catalogue, folder))
    for because, fits in ((Because.FOLDER, assigned), (Because.SHARED, _shared(catalogue, above))):
        nearest = next((each for each in above if each in fits), None)
        if nearest is not None:
            yield Reason(because, (nearest,))


def _shared(catalogue: Catalogue, folders: list[CollectionId]) -> set[CollectionId]:
    return {each for each in folders if catalogue.collections[each].collection.is_shared}


def _upwards(catalogue: Catalogue, folder: CollectionId) -> Iterator[CollectionId]:
    while folder != ROOT:
        yield folder
        folder = catalogue.collections[folder].collection.parent


def _chain(catalogue: Catalogue, reach: Reach, wanted: AssetId, user: UserId) -> tuple[Id, ...]:
    """A shortest way along dependencies from something assigned to the user; empty if there is none, or if
    it is assigned itself."""
    came_from: dict[AssetId, tuple[Id, ...]] = {}
    todo: deque[AssetId] = deque()
    for asset in _assigned(catalogue, reach, user):
        came_from[asset] = ()
        todo.append(asset)
    if wanted in came_from:
        return ()
    opened: set[CollectionId] = set()
    while todo and wanted not in came_from:
        asset = todo.popleft()
        steps: list[tuple[AssetId, tuple[Id, ...]]] = [
            (need, (asset,)) for need in catalogue.asset_needs.get(asset, ()) if reach.is_live(need)
        ]
        for folder in catalogue.folder_needs.get(asset, set()) - opened:
            opened.add(folder)
            steps += [(below, (asset, folder)) for below in reach.assets_below(folder)]
        for step, way in steps:
            if step not in came_from:
                came_from[step] = way
                todo.append(step)
    if wanted not in came_from:
        return ()
    chain: list[Id] = [wanted]
    while way := came_from[AssetId(chain[0])]:
        chain[:0] = way
    return tuple(chain)


def _assigned(catalogue: Catalogue, reach: Reach, user: UserId) -> Iterator[AssetId]:
    """What is assigned to a user, by itself or with a collection, in an order that is always the same."""
    yield from sorted(asset for asset in catalogue.assigned_assets(user) if reach.is_live(asset))
    for folder in sorted(catalogue.assigned_folders.get(user, ())):
        yield from sorted(reach.assets_below(folder))
