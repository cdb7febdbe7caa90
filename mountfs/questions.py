"""What commands ask the program behind a mount, other than who it is, and who answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mountfs.control import Answer, Operation
from mountfs.errors import MountError
from mountfs.launch import MountRequest
from mountfs.model import AssetId, CollectionId
from mountfs.workspace.keeping import Keeping
from mountfs.workspace.workspace import Workspace

if TYPE_CHECKING:
    from mountfs.remote import RemoteProject

log = logging.getLogger(__name__)

_PATIENCE = 300.0
"""Seconds that a command waits for versions if it does not say how long."""


class Questions:
    """The questions to one mount."""

    def __init__(self, request: MountRequest, remote: RemoteProject | None, workspace: Workspace) -> None:
        self._request = request
        self._remote = remote
        self._workspace = workspace

    def operations(self) -> dict[str, Operation]:
        """Each question by its name."""
        return self._about_saving() | self._about_keeping() | {"renew": self._renew}

    def _about_saving(self) -> dict[str, Operation]:
        """What commands ask of a mount that can be written to; of others, whether the studio is reached."""
        writing = self._workspace.writing
        if writing is None:
            nothing: Answer = {"files": [], "totals": {}, "sending": None}
            return {"status": lambda _: {"studio": self._workspace.reach, **nothing}}
        status = writing.status
        return {
            "status": lambda asked: status.report(asked.get("path")),
            "wait": lambda asked: status.wait(asked.get("path"), float(asked.get("timeout", _PATIENCE))),
            "retry": lambda asked: status.retry(asked.get("path")),
            "discard": lambda asked: status.discard(str(asked.get("path", ""))),
            "checkpoint": lambda asked: status.checkpoint(
                str(asked.get("path", "")), str(asked.get("comment", ""))
            ),
            "comment": lambda asked: status.comment_at(
                str(asked.get("path", "")), str(asked.get("comment", ""))
            ),
            "track": lambda asked: status.track(str(asked.get("path", "")), on=True),
            "untrack": lambda asked: status.track(str(asked.get("path", "")), on=False),
        }

    def _about_keeping(self) -> dict[str, Operation]:
        """What they ask about the content of a studio that is kept here."""
        return {
            "pin": lambda asked: self._keeping.pin(self._thing(asked), needs=bool(asked.get("needs"))),
            "unpin": lambda asked: self._keeping.unpin(self._thing(asked), needs=bool(asked.get("needs"))),
            "evict": lambda asked: self._keeping.evict(self._thing(asked)),
            "pins": lambda _: self._keeping.pins(),
        }

    @property
    def _keeping(self) -> Keeping:
        if self._workspace.keeping is None:
            why = "keeps no content on this machine" if self._remote is not None else "is of a project file"
            raise MountError(f"{self._request.mount_point} {why}: there is nothing to pin or evict")
        return self._workspace.keeping

    def _thing(self, asked: Mapping[str, Any]) -> AssetId | CollectionId:
        return self._keeping.thing_at(str(asked.get("path") or ""))

    def _renew(self, asked: Mapping[str, Any]) -> Answer:
        """Their owner has logged in again: use that session. Anybody else's is none of this mount's."""
        remote, mine = self._remote, self._request.remote
        if remote is None or mine is None or (asked.get("url"), asked.get("email")) != (mine.url, mine.email):
            return {"renewed": False}
        remote.renew(str(asked.get("token", "")))
        log.info("%s has logged in again", mine.email)
        return {"renewed": True}
