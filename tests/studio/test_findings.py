"""What the studio finds out itself about offered content, and what nobody learns by offering some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mountfs.digest import chunk_id, encode_frame, xxh3_hex
from mountfs.errors import (
    LimitExceeded,
    ManifestInvalid,
    MountfsError,
    NameInvalid,
    Refused,
    StudioUnavailable,
)
from mountfs.model import (
    ROOT,
    AssetId,
    CheckpointId,
    Chunk,
    ChunkId,
    ChunkRef,
    CollectionId,
    Manifest,
    NewAsset,
    Proposal,
    Toggle,
    UserId,
)
from mountfs.studio.change import MAX_DEPTH
from mountfs.studio.findings import Findings, UnexaminedError, key, require_as_found
from mountfs.studio.limits import Limits
from mountfs.studio.manifests import MAX_COMMENT
from mountfs.testing.projects import new_id
from mountfs.testing.stores import CountingStore, MemoryStore
from tests.studio.harbor import Harbor, proposal

OWL = "characters/owl/owl.blend"

EVE = UserId("eve")


def content(*raws: bytes, store: MemoryStore | None = None) -> Manifest:
    """Some content, and its chunks in a store."""
    chunks = tuple(Chunk(chunk_id(raw), len(raw)) for raw in raws)
    for raw in raws if store is not None else ():
        assert store is not None
        store.put(chunk_id(raw), encode_frame(raw))
    whole = b"".join(raws)
    return Manifest(CheckpointId(""), len(whole), xxh3_hex(whole), chunks)


@pytest.mark.parametrize(
    "lie",
    [
        lambda offer: replace(offer, xxh3="0123456789abcdef"),
        lambda offer: replace(offer, size=37, chunks=(replace(offer.chunks[0], size=37),)),
        lambda offer: replace(offer, size=35, chunks=(replace(offer.chunks[0], size=35),)),
        lambda offer: replace(offer, size=72, chunks=offer.chunks * 2),
    ],
    ids=["checksum", "longer", "shorter", "twice the chunks, and the checksum of once"],
)
def test_a_checksum_and_a_size_are_the_studios_own_findings(
    harbor: Harbor, lie: Callable[[Proposal], Proposal]
):
    """Whoever says another checksum or size than the content has is refused, and it is in the audit."""
    eve = harbor.as_("eve")
    good = proposal(eve, b"hoot" * 9, asset=harbor.asset(OWL))
    with pytest.raises(ManifestInvalid):
        eve.publish([lie(good)])
    assert harbor.audit()[-1][:2] == ("eve", "refused: publish")
    (made,) = eve.publish([good])
    assert (made.size, made.xxh3) == (36, xxh3_hex(b"hoot" * 9))
    assert eve.manifest(made.id).chunks == good.chunks


def test_a_template_is_looked_into_too(harbor: Harbor):
    """What begins with it would have its checksum."""
    harbor.role("eve", {Toggle.CREATE_TEMPLATE, Toggle.PULL_CHUNK})
    eve = harbor.as_("eve")
    offer = proposal(eve, b"hoot" * 9, asset=harbor.asset(OWL))
    good = Manifest(CheckpointId(""), offer.size, offer.xxh3, offer.chunks)
    with pytest.raises(ManifestInvalid):
        eve.add_template("owl.blend", replace(good, xxh3="0123456789abcdef"))
    assert eve.add_template("owl.blend", good).xxh3 == offer.xxh3


def test_offering_a_hidden_chunk_tells_nothing_whatever_else_is_wrong(harbor: Harbor):
    """Chunks that are hidden and chunks that are nowhere get one answer, with any size, for any asset."""
    eve, bo = harbor.as_("eve"), harbor.as_("bo")
    fox = harbor.asset("characters/fox/fox.blend")
    assert fox.head is not None
    (hidden,) = bo.manifest(fox.head.id).chunks
    owl = harbor.asset(OWL)
    assert fox.id not in eve.tree().assets
    mine = proposal(eve, b"mine", asset=owl)
    there = {
        "mine": mine,
        "outdated": replace(mine, base=None),
        "hidden": replace(mine, asset=fox.id, base=fox.head.id),
        "nowhere": replace(mine, asset=AssetId(new_id())),
        "new": replace(mine, base=None, asset=AssetId(new_id()), new=NewAsset("x", ".y", ROOT, False)),
    }

    def said(chunk: ChunkId, size: int, offer: Proposal) -> tuple[type, str]:
        stolen = replace(offer, size=size, chunks=(Chunk(chunk, size),), xxh3=fox.head.xxh3)  # type: ignore[union-attr]
        with pytest.raises(MountfsError) as caught:
            eve.publish([stolen])
        return type(caught.value), str(caught.value)

    for name, offer in there.items():
        for size in (hidden.size, hidden.size + 1, 1):
            never = said(chunk_id(b"never"), size, offer)
            assert said(hidden.id, size, offer) == never, (name, size)


def test_the_same_again_is_not_looked_into_again():
    """A checksum is found out once for a list of chunks."""
    store = MemoryStore()
    counting = CountingStore(store)
    some = content(b"one", b"two", b"two", store=store)
    findings = Findings(counting)
    for _ in range(3):
        assert findings.examine(EVE, [some]) == {key(some): some.xxh3}
    assert len(counting.gets) == 2, "and a chunk that follows itself is fetched once"
    assert findings.recall([some]) == {key(some): some.xxh3}
    assert findings.recall([content(b"two", b"one")]) == {}


def test_what_was_not_looked_into_counts_for_nothing():
    """Neither as right nor as wrong."""
    some, other = content(b"one"), content(b"other")
    with pytest.raises(UnexaminedError):
        require_as_found([some, other], {key(some): some.xxh3})
    require_as_found([some, other], {key(each): each.xxh3 for each in (some, other)})
    with pytest.raises(ManifestInvalid):
        require_as_found([some], {key(some): other.xxh3})


def test_one_user_cannot_keep_the_studio_busy():
    """Whoever has enough looked into already, or offers what is being looked into, is told to come back."""
    store = MemoryStore()
    contents = [content(b"%d" % number, store=store) for number in range(5)]
    fetched: list[ChunkRef] = []

    class During(MemoryStore):
        """While a chunk is fetched, others ask."""

        def get(self, ref: ChunkRef) -> bytes:
            fetched.append(ref)
            if len(fetched) == 1:
                with pytest.raises(StudioUnavailable):
                    findings.examine(UserId("bo"), [contents[0]])
                findings.examine(EVE, [contents[1]])
            elif len(fetched) == 2:
                with pytest.raises(StudioUnavailable):
                    findings.examine(EVE, [contents[2]])
            return store.get(ref)

    findings = Findings(During())
    findings.examine(EVE, [contents[0]])
    assert len(findings.examine(EVE, contents)) == len(fetched) == 5, "and afterwards there is room again"


def test_what_comes_again_and_again_is_unpacked_once_and_no_more_than_so_often():
    """A short list of chunks can be a version that is long to look through: nothing is read of one that is
    too long, or that is the same too often."""
    store = MemoryStore()
    counting = CountingStore(store)
    turns = content(*[b"one", b"two", b"six"] * 100, store=store)
    assert Findings(counting).examine(EVE, [turns]) == {key(turns): turns.xxh3}
    assert len(counting.gets) == 3
    size = turns.size
    bearable = Findings(counting, Limits(version_bytes=size, repeated_bytes=size - 9))
    assert bearable.examine(EVE, [turns]) == {key(turns): turns.xxh3}
    counting.gets.clear()
    for limits in (Limits(version_bytes=size - 1), Limits(repeated_bytes=size - 10)):
        with pytest.raises(LimitExceeded):
            Findings(counting, limits).examine(EVE, [turns])
    halves = [content(*[b"one", b"two"] * 75), content(*[b"two", b"one"] * 75)]
    with pytest.raises(LimitExceeded):
        Findings(counting, Limits(version_bytes=size - 1)).examine(EVE, halves)
    assert not counting.gets


def test_bytes_that_are_looked_through_count_for_whoever_offers_them():
    """While much of somebody's is looked through, more of theirs is told to come back."""
    some, other = content(b"some"), content(b"other")

    class During(MemoryStore):
        def get(self, ref: ChunkRef) -> bytes:
            if ref.chunk == some.chunks[0]:
                with pytest.raises(StudioUnavailable):
                    findings.examine(EVE, [other])
                findings.examine(UserId("bo"), [other])
            return super().get(ref)

    store = During()
    for each, raw in ((some, b"some"), (other, b"other")):
        store.put(each.chunks[0].id, encode_frame(raw))
    findings = Findings(store, Limits(version_bytes=8))
    findings.examine(EVE, [some])
    findings.examine(EVE, [other])


@pytest.mark.parametrize("id_", ["", "..", "a/b", "a b", "ü", "a" * 129, "-", "a\n", "a?b", "a#b"])
def test_what_cannot_be_an_id_is_refused(harbor: Harbor, id_: str):
    """Whoever makes a thing chooses its id, and all who see it have to live with it."""
    ada = harbor.as_("ada")
    good = proposal(ada, b"x", new=(ROOT, "new.txt"))
    for bad in (
        replace(good, id=CheckpointId(id_)),
        replace(good, asset=AssetId(id_)),
        *([replace(good, group=id_)] if id_ else []),
    ):
        with pytest.raises(NameInvalid):
            ada.publish([bad])
    with pytest.raises(NameInvalid):
        ada.make_collection(CollectionId(id_), "new", ROOT)
    ada.publish([good])


def test_what_no_client_could_read_is_refused(harbor: Harbor):
    """Times that no file has, comments without end, half characters."""
    eve = harbor.as_("eve")
    good = proposal(eve, b"hoot", asset=harbor.asset(OWL))
    for bad in (
        replace(good, mtime_ns=1 << 63),
        replace(good, mtime_ns=-(1 << 63)),
        replace(good, comment="a" * (MAX_COMMENT + 1)),
        replace(good, comment="\ud800"),
        replace(good, comment="a\0b"),
    ):
        with pytest.raises(ManifestInvalid):
            eve.publish([bad])
    eve.publish([good])


def test_folders_do_not_go_deeper_than_any_path(harbor: Harbor):
    """Neither made one by one nor moved together: clients refuse a tree without end."""
    ada = harbor.as_("ada")
    with ada.together():
        parent = ROOT
        for number in range(MAX_DEPTH):
            folder = CollectionId(new_id())
            ada.make_collection(folder, f"{number}", parent)
            parent = folder
        with pytest.raises(NameInvalid):
            ada.make_collection(CollectionId(new_id()), "one more", parent)
        other = CollectionId(new_id())
        ada.make_collection(other, "other", ROOT)
        with pytest.raises(NameInvalid):
            ada.rename(other, "other", "", parent)


def test_an_id_means_one_thing(harbor: Harbor):
    """A folder is not made with a file's id, nor a file with a folder's, whoever sees the other."""
    ada = harbor.as_("ada")
    harbor.role("ann", {Toggle.CREATE_COLLECTION, Toggle.CREATE_ASSET, Toggle.CREATE_CHECKPOINT})
    ann = harbor.as_("ann")
    hidden, folder = harbor.file(OWL), harbor.folder("characters/owl")
    assert hidden not in ann.tree().assets
    for studio in (ada, ann):
        with pytest.raises(Refused):
            studio.make_collection(CollectionId(hidden), "new", ROOT)
        good = proposal(studio, b"x", new=(ROOT, "new.txt"))
        with pytest.raises(Refused):
            studio.publish([replace(good, asset=AssetId(folder))])
