"""The visibility rule once more, as plainly as it can be said, over rows read by hand.

Slow on purpose: every step is repeated over everything until nothing changes. It shares no code with the
product.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple


class Seen(NamedTuple):
    assets: set[str]
    collections: set[str]


class Rows:
    def __init__(self, path: Path) -> None:
        with sqlite3.connect(path) as file:
            self.parent = dict(file.execute("select id, parent_id from collection"))
            self.trashed = {row[0] for row in file.execute("select id from collection where trashed = 1")}
            self.shared = {row[0] for row in file.execute("select id from collection where is_shared = 1")}
            self.place = dict(file.execute("select id, collection_id from asset where trashed = 0"))
            self.assignee = dict(file.execute("select id, assignee_id from asset"))
            self.needs = file.execute("select asset_id, dependency_id from asset_dependency").fetchall()
            self.folder_needs = file.execute(
                "select asset_id, dependency_id from collection_dependency"
            ).fetchall()
            self.assigned = file.execute(
                "select collection_id, assignee_id from collection_assignee"
            ).fetchall()
        file.close()

    def chain(self, folder: str) -> list[str] | None:
        """The folder and all above it up to the root; None if the root is never reached, or trash is."""
        above: list[str] = []
        while folder != "":
            if folder in above or folder not in self.parent or folder in self.trashed:
                return None
            above.append(folder)
            folder = self.parent[folder]
        return above


def seen(rows: Rows, user: str | None) -> Seen:
    """What a user sees; the owner is None."""
    chains = {folder: chain for folder in rows.parent if (chain := rows.chain(folder)) is not None}
    chains[""] = []
    live = {asset: chains[folder] for asset, folder in rows.place.items() if folder in chains}
    if user is None:
        return Seen(set(live), set(chains) - {""})
    my_folders = {
        folder for folder, chain in chains.items() for c, u in rows.assigned if u == user and c in chain
    }
    needed = {
        asset
        for asset, chain in live.items()
        if rows.assignee[asset] == user or my_folders.intersection(chain)
    }
    while True:
        more = {other for asset, other in rows.needs if asset in needed and other in live}
        for asset, folder in rows.folder_needs:
            if asset in needed:
                more |= {other for other, chain in live.items() if folder in chain}
        if more <= needed:
            break
        needed |= more
    shared_folders = {folder for folder, chain in chains.items() if rows.shared.intersection(chain)}
    assets = needed | {asset for asset, chain in live.items() if rows.shared.intersection(chain)}
    collections = set(my_folders | shared_folders)
    for folder in list(collections):
        collections.update(chains[folder])
    for asset in assets:
        collections.update(live[asset])
    return Seen(assets, collections)


def seen_by_the_other_program(rows: Rows, user: str) -> set[str]:
    """The assets that the other program shows a user. It differs in two things: assets in an assigned
    collection pull nothing in, and collection dependencies count only for directly assigned assets."""
    chains = {folder: chain for folder in rows.parent if (chain := rows.chain(folder)) is not None}
    chains[""] = []
    live = {asset: chains[folder] for asset, folder in rows.place.items() if folder in chains}
    mine = {folder for folder, assignee in rows.assigned if assignee == user}
    direct = {asset for asset in live if rows.assignee[asset] == user}
    needed = set(direct)
    while more := {other for asset, other in rows.needs if asset in needed and other in live} - needed:
        needed |= more
    for asset, folder in rows.folder_needs:
        if asset in direct:
            needed |= {other for other, chain in live.items() if folder in chain}
    return needed | {asset for asset, chain in live.items() if (mine | rows.shared).intersection(chain)}
