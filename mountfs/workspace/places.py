"""Where a new name may be, and which names may be at all."""

from __future__ import annotations

import errno

from mountfs import names
from mountfs.errors import NameInvalid, NotFound, NotPermitted
from mountfs.model import ROOT, Toggle
from mountfs.workspace.nodes import CollectionFolder, Folder
from mountfs.workspace.state import LocalState


def writable_folder(state: LocalState, folder: Folder) -> CollectionFolder:
    """NotPermitted unless local files may be in the folder."""
    if not isinstance(folder, CollectionFolder):
        raise NotPermitted(Toggle.CREATE_ASSET)
    catalogue = state.namespace.catalogue
    if folder.collection in state.locals.folders:
        return folder
    if not catalogue.knows(folder.collection):
        raise NotFound("this folder has gone")
    if not catalogue.may_write_in(folder.collection):
        raise NotPermitted(Toggle.CREATE_ASSET)
    return folder


def require_name(
    state: LocalState,
    place: CollectionFolder,
    name: bytes,
    *,
    is_ignored: bool,
    besides: bytes | None = None,
) -> None:
    """NameInvalid for what cannot be a name of an asset; FileExistsError if it differs from another name
    in its case only.
    """
    at_root = place.collection == ROOT
    text = name.decode(errors="surrogateescape")
    if at_root and names.is_reserved(text) and not text.lower().startswith(".trash"):
        raise NotPermitted(Toggle.CREATE_ASSET)
    if not is_ignored and (why := names.problem(text, at_root=at_root)):
        raise NameInvalid(why)
    like = state.namespace.like(place, name)
    if like is not None and like not in (name, besides):
        raise FileExistsError(errno.EEXIST, "a name that differs only in case is in use")
