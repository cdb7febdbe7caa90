"""How far an asset is: todo, ready, wip, wfa, retake, done."""

from __future__ import annotations

from mountfs.model import AssetId
from mountfs.storage import tables
from mountfs.studio.change import Change, nothing
from mountfs.studio.permissions import Act

_SPECIAL = {"done": Act.SET_STATUS_DONE, "retake": Act.SET_STATUS_RETAKE}


def set_status(change: Change, asset: AssetId, status: str) -> None:
    """Give an asset a status, by its short name. Done and retake need a right of their own."""
    require_status(change, status)
    if change.administration:
        change.require(Act.ASSIGN)  # artists may set statuses too, and look for hidden names in no way
    row = change.asset(asset)
    new = status_id(change, status)
    change.detail |= {"from": row.asset.status, "to": change.catalogue.statuses[new]}
    change.update(tables.asset, asset, status_id=new)


def require_status(change: Change, status: str) -> None:
    """NotPermitted unless the actor may give this status to something."""
    change.require(_SPECIAL.get(status.casefold(), Act.SET_STATUS))


def status_id(change: Change, short_name: str) -> str:
    """The id of a status. NotFound."""
    for id_, short in change.catalogue.statuses.items():
        if short.casefold() == short_name.casefold():
            return id_
    raise nothing()
