"""A hidden thing answers like one that never existed, to every act and whatever rights the asker has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mountfs.errors import MountfsError
from mountfs.model import ALL_TOGGLES, ROOT, AssetId, CheckpointId, CollectionId, Toggle
from mountfs.studio.bound import BoundStudio
from mountfs.testing.projects import new_id
from tests.studio.harbor import Harbor

Ids = tuple[AssetId, CollectionId, CheckpointId]
Ask = Callable[[BoundStudio, Ids, Harbor], object]

ASKS: dict[str, Ask] = {
    "history": lambda who, ids, _: who.history(ids[0]),
    "manifest": lambda who, ids, _: who.manifest(ids[2]),
    "rename asset": lambda who, ids, _: who.rename(ids[0], "x", "", ROOT),
    "rename collection": lambda who, ids, _: who.rename(ids[1], "x", "", ROOT),
    "move there": lambda who, ids, h: who.rename(h.file("library/props/boat.obj"), "boat", ".obj", ids[1]),
    "trash asset": lambda who, ids, _: who.trash(ids[0]),
    "trash assets": lambda who, ids, _: who.trash_assets([ids[0]]),
    "trash collection": lambda who, ids, _: who.trash(ids[1]),
    "restore asset": lambda who, ids, _: who.restore(ids[0]),
    "restore collection": lambda who, ids, _: who.restore(ids[1]),
    "assign asset": lambda who, ids, h: who.assign(ids[0], h.user("bo")),
    "assign collection": lambda who, ids, h: who.assign(ids[1], h.user("bo")),
    "unassign asset": lambda who, ids, h: who.unassign(ids[0], h.user("bo")),
    "unassign collection": lambda who, ids, h: who.unassign(ids[1], h.user("bo")),
    "share": lambda who, ids, _: who.share(ids[1]),
    "unshare": lambda who, ids, _: who.unshare(ids[1]),
    "depend": lambda who, ids, h: who.depend(ids[0], h.file("library/props/boat.obj")),
    "depend on": lambda who, ids, h: who.depend(h.file("library/props/boat.obj"), ids[0]),
    "depend on collection": lambda who, ids, h: who.depend(h.file("library/props/boat.obj"), ids[1]),
    "undepend": lambda who, ids, h: who.undepend(h.file("library/props/boat.obj"), ids[0]),
    "undepend collection": lambda who, ids, h: who.undepend(h.file("library/props/boat.obj"), ids[1]),
    "status": lambda who, ids, _: who.set_status(ids[0], "wip"),
    "kind": lambda who, ids, _: who.set_kind(ids[0], is_resource=True),
    "revert": lambda who, ids, _: who.revert(ids[2]),
    "trash version": lambda who, ids, _: who.trash_checkpoint(ids[2]),
    "restore version": lambda who, ids, _: who.restore_checkpoint(ids[2]),
    "make inside": lambda who, ids, _: who.make_collection(CollectionId(new_id()), "x", ids[1]),
}

RIGHTS: dict[str, frozenset[Toggle]] = {
    "all": ALL_TOGGLES,
    "none": frozenset(),
    "of assets": frozenset({Toggle.UPDATE_ASSET, Toggle.DELETE_ASSET}),
    "of collections": frozenset({Toggle.UPDATE_COLLECTION, Toggle.DELETE_COLLECTION}),
}


def answer(ask: Ask, who: BoundStudio, ids: Ids, harbor: Harbor) -> tuple[type, str]:
    with pytest.raises(MountfsError) as caught:
        ask(who, ids, harbor)
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("rights", RIGHTS)
def test_hidden_is_the_same_as_never(harbor: Harbor, rights: str):
    """For live things and for things in the trash, kind and text of the answer are the same."""
    fox = harbor.asset("characters/fox/fox.blend")
    assert fox.head is not None
    hidden: Ids = (fox.id, harbor.folder("editorial"), fox.head.id)
    harbor.role("eve", set(RIGHTS[rights]))
    eve = harbor.as_("eve")
    never: Ids = (AssetId(new_id()), CollectionId(new_id()), CheckpointId(new_id()))
    for name, ask in ASKS.items():
        assert answer(ask, eve, hidden, harbor) == answer(ask, eve, never, harbor), name
    harbor.owner.trash(fox.id)
    harbor.owner.trash(harbor.folder("editorial"))
    for name, ask in ASKS.items():
        assert answer(ask, eve, hidden, harbor) == answer(ask, eve, never, harbor), f"{name}, trashed"


@pytest.mark.parametrize("rights", ["none", "of assets", "of collections"])
def test_administration_tells_nothing_to_those_without_the_right(harbor: Harbor, rights: str):
    """Reaching beyond one's sight needs the right to; without it an answer says nothing of what is there."""
    fox = harbor.file("characters/fox/fox.blend")
    harbor.role("eve", set(RIGHTS[rights]))
    eve = harbor.as_("eve")
    never = AssetId(new_id())
    if rights != "of assets":
        asks: list[Callable[[AssetId], object]] = [
            lambda what: eve.rename(what, "x", "", ROOT, administration=True),
            lambda what: eve.restore(what, administration=True),
            lambda what: eve.assign(what, harbor.user("bo"), administration=True),
        ]
        for ask in asks:
            said = []
            for what in (fox, never):
                with pytest.raises(MountfsError) as caught:
                    ask(what)
                said.append(str(caught.value))
            assert said[0] == said[1]
    if rights != "of collections":
        said = []
        for folder in (harbor.folder("editorial"), CollectionId(never)):
            with pytest.raises(MountfsError) as caught:
                eve.share(folder, administration=True)
            said.append(str(caught.value))
        assert said[0] == said[1]
