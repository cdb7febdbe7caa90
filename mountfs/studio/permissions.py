"""What each right of a role is for: one table, from which the rules ask and the documentation is checked.

Seeing is by assignment (`visibility`), doing is by role. `NEEDS` is asked; `EFFECTS` says the same to people.
Who may record a checkpoint depends on the asset too: that rule is in `mountfs.rights`, for both halves.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import NamedTuple

from mountfs.errors import NotPermitted
from mountfs.model import Toggle, Viewer


class Act(StrEnum):
    """Something a viewer asks to be done; the value is its name in the audit."""

    READ_CONTENT = "read content"
    READ_HISTORY = "read history"
    PUBLISH = "publish"
    CREATE_ASSET = "create asset"
    RENAME_ASSET = "rename asset"
    TRASH_ASSET = "trash asset"
    RESTORE_ASSET = "restore asset"
    CREATE_COLLECTION = "create collection"
    RENAME_COLLECTION = "rename collection"
    TRASH_COLLECTION = "trash collection"
    RESTORE_COLLECTION = "restore collection"
    TRASH_CHECKPOINT = "trash checkpoint"
    RESTORE_CHECKPOINT = "restore checkpoint"
    REVERT = "revert"
    SET_KIND = "set kind"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    SHARE = "share"
    UNSHARE = "unshare"
    DEPEND = "depend"
    UNDEPEND = "undepend"
    SET_STATUS = "set status"
    SET_STATUS_DONE = "set status done"
    SET_STATUS_RETAKE = "set status retake"
    ADD_USER = "add user"
    REMOVE_USER = "remove user"
    SET_ROLE = "set role"
    EDIT_ROLE = "edit role"
    CREATE_ROLE = "create role"
    REMOVE_ROLE = "remove role"
    MAKE_ASSET = "make asset"
    READ_TEMPLATES = "read templates"
    ADD_TEMPLATE = "add template"
    REPLACE_TEMPLATE = "replace template"
    REMOVE_TEMPLATE = "remove template"
    RESTORE_TEMPLATE = "restore template"
    TAG = "tag"
    UNTAG = "untag"
    EDIT_COMMENT = "edit comment"
    EDIT_ANY_COMMENT = "edit any comment"
    SET_IGNORE_LIST = "set ignore list"


NEEDS: dict[Act, tuple[Toggle, ...]] = {
    Act.READ_CONTENT: (Toggle.PULL_CHUNK,),
    Act.READ_HISTORY: (Toggle.VIEW_CHECKPOINT,),
    Act.PUBLISH: (Toggle.CREATE_CHECKPOINT,),
    Act.CREATE_ASSET: (Toggle.CREATE_ASSET, Toggle.CREATE_CHECKPOINT),
    Act.RENAME_ASSET: (Toggle.UPDATE_ASSET,),
    Act.TRASH_ASSET: (Toggle.DELETE_ASSET,),
    Act.RESTORE_ASSET: (Toggle.DELETE_ASSET,),
    Act.CREATE_COLLECTION: (Toggle.CREATE_COLLECTION,),
    Act.RENAME_COLLECTION: (Toggle.UPDATE_COLLECTION,),
    Act.TRASH_COLLECTION: (Toggle.DELETE_COLLECTION,),
    Act.RESTORE_COLLECTION: (Toggle.DELETE_COLLECTION,),
    Act.TRASH_CHECKPOINT: (Toggle.DELETE_CHECKPOINT,),
    Act.RESTORE_CHECKPOINT: (Toggle.DELETE_CHECKPOINT,),
    Act.REVERT: (Toggle.VIEW_CHECKPOINT, Toggle.CREATE_CHECKPOINT),
    Act.SET_KIND: (Toggle.UPDATE_ASSET,),
    Act.ASSIGN: (Toggle.ASSIGN_ASSET,),
    Act.UNASSIGN: (Toggle.UNASSIGN_ASSET,),
    Act.SHARE: (Toggle.UPDATE_COLLECTION,),
    Act.UNSHARE: (Toggle.UPDATE_COLLECTION,),
    Act.DEPEND: (Toggle.MANAGE_DEPENDENCIES,),
    Act.UNDEPEND: (Toggle.MANAGE_DEPENDENCIES,),
    Act.SET_STATUS: (Toggle.CHANGE_STATUS,),
    Act.SET_STATUS_DONE: (Toggle.CHANGE_STATUS, Toggle.SET_DONE_ASSET),
    Act.SET_STATUS_RETAKE: (Toggle.CHANGE_STATUS, Toggle.SET_RETAKE_ASSET),
    Act.ADD_USER: (Toggle.ADD_USER,),
    Act.REMOVE_USER: (Toggle.REMOVE_USER,),
    Act.SET_ROLE: (Toggle.CHANGE_ROLE,),
    Act.EDIT_ROLE: (Toggle.CHANGE_ROLE,),
    Act.CREATE_ROLE: (Toggle.CHANGE_ROLE,),
    Act.REMOVE_ROLE: (Toggle.CHANGE_ROLE,),
    Act.MAKE_ASSET: (Toggle.CREATE_ASSET,),
    Act.READ_TEMPLATES: (Toggle.VIEW_TEMPLATE,),
    Act.ADD_TEMPLATE: (Toggle.CREATE_TEMPLATE,),
    Act.REPLACE_TEMPLATE: (Toggle.UPDATE_TEMPLATE,),
    Act.REMOVE_TEMPLATE: (Toggle.DELETE_TEMPLATE,),
    Act.RESTORE_TEMPLATE: (Toggle.DELETE_TEMPLATE,),
    Act.TAG: (Toggle.UPDATE_ASSET,),
    Act.UNTAG: (Toggle.UPDATE_ASSET,),
    Act.EDIT_COMMENT: (Toggle.VIEW_CHECKPOINT, Toggle.CREATE_CHECKPOINT),
    Act.EDIT_ANY_COMMENT: (Toggle.VIEW_CHECKPOINT, Toggle.DELETE_CHECKPOINT),
    Act.SET_IGNORE_LIST: (Toggle.UPDATE_COLLECTION,),
}
"""The rights that an act needs, all of them; which one is missing is said in this order."""


class Effect(NamedTuple):
    """What a right does, in words: in the mount, and for commands."""

    in_mount: str
    in_commands: str


_NONE = "none"

EFFECTS: dict[Toggle, Effect] = {
    Toggle.VIEW_COLLECTION: Effect(_NONE, "none: what is seen is decided by assignment"),
    Toggle.CREATE_COLLECTION: Effect("a new folder becomes a collection", "make collections"),
    Toggle.UPDATE_COLLECTION: Effect(
        "rename and move collections", "rename, move, share and unshare collections; set the ignore list"
    ),
    Toggle.DELETE_COLLECTION: Effect("remove collections", "trash and restore collections"),
    Toggle.VIEW_ASSET: Effect(_NONE, "none: what is seen is decided by assignment"),
    Toggle.CREATE_ASSET: Effect("new files become assets (with create_checkpoint)", "make assets"),
    Toggle.UPDATE_ASSET: Effect(
        "rename and move assets; save resources (with create_checkpoint)",
        "rename, move and tag assets; make them tasks or resources",
    ),
    Toggle.DELETE_ASSET: Effect("remove assets", "trash and restore assets"),
    Toggle.VIEW_TEMPLATE: Effect(_NONE, "list templates; make assets from them (with create_asset)"),
    Toggle.CREATE_TEMPLATE: Effect(_NONE, "add templates"),
    Toggle.UPDATE_TEMPLATE: Effect(_NONE, "replace templates"),
    Toggle.DELETE_TEMPLATE: Effect(_NONE, "remove and restore templates"),
    Toggle.VIEW_CHECKPOINT: Effect("read versions other than the newest", "see the history; revert"),
    Toggle.CREATE_CHECKPOINT: Effect(
        "save tasks one is the assignee of", "publish; revert; change the comments of versions one made"
    ),
    Toggle.DELETE_CHECKPOINT: Effect(_NONE, "trash and restore checkpoints; change anybody's comments"),
    Toggle.PULL_CHUNK: Effect("read content; without it files have no permission bits", "read content"),
    Toggle.ASSIGN_ASSET: Effect(_NONE, "assign assets and collections"),
    Toggle.UNASSIGN_ASSET: Effect(_NONE, "take assignments back"),
    Toggle.ADD_USER: Effect(_NONE, "add people, with a role that has no right one lacks"),
    Toggle.REMOVE_USER: Effect(_NONE, "remove people who have no right one lacks"),
    Toggle.CHANGE_ROLE: Effect(_NONE, "give, make, edit and remove roles, within the rights one has"),
    Toggle.CHANGE_STATUS: Effect("set the status", "set the status"),
    Toggle.SET_DONE_ASSET: Effect("set the status to done", "set the status to done"),
    Toggle.SET_RETAKE_ASSET: Effect("set the status to retake", "set the status to retake"),
    Toggle.VIEW_DONE_ASSET: Effect(_NONE, "none: what is seen is decided by assignment"),
    Toggle.MANAGE_DEPENDENCIES: Effect(_NONE, "add and remove dependencies"),
    Toggle.MANAGE_SHARE_LINKS: Effect(_NONE, "none: there are no links for people outside the project"),
}


def require(viewer: Viewer, act: Act) -> None:
    """NotPermitted, naming the first right that the act needs and the viewer's role lacks."""
    require_all(viewer, NEEDS[act])


def require_gift(viewer: Viewer, given: AbstractSet[Toggle]) -> None:
    """Nobody gives, takes or edits rights beyond their own: NotPermitted, naming one they lack."""
    require_all(viewer, [toggle for toggle in Toggle if toggle in given])


def require_all(viewer: Viewer, toggles: tuple[Toggle, ...] | list[Toggle]) -> None:
    """NotPermitted for the first of these that the viewer's role lacks; the owner lacks none."""
    for toggle in toggles:
        if not viewer.owner and toggle not in viewer.may:
            raise NotPermitted(toggle)
