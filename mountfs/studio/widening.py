"""Acts that may show something to someone new all pass through `widen`: sharing, assigning, depending,
moving, restoring.

What would be seen is not argued about but computed: the visibility rule is applied to the catalogue as it
is and as it would be, for everybody. The actor must see all that others come to see, for nobody can show
what they do not see; an administration command may, and either way it is in the audit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from mountfs.errors import WouldWiden
from mountfs.model import AssetId, UserId
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.change import Change
from mountfs.studio.visibility import Reach

Supposition = Callable[[Catalogue], Callable[[], None]]

NAMED = 100
"""How many of the assets that become visible an audit row names."""


class Shown(NamedTuple):
    """How many people come to see something, and how many assets somebody comes to see."""

    viewers: int = 0
    assets: int = 0


def widen(change: Change, supposition: Supposition, *, only_by_administration: bool = False) -> Shown:
    """Allow an act and note in its audit row who comes to see what, or raise WouldWiden.

    ``supposition`` is the act's effect on the catalogue. ``only_by_administration``: an act that is not
    about showing (a move) and may do so only by command, or by the owner.
    """
    gains = newly_seen(change, supposition)
    if not gains:
        return Shown()
    viewers = Counter(asset for assets in gains.values() for asset in assets)
    free = change.administration or change.viewer.owner
    if not free and only_by_administration:
        raise WouldWiden("this would show something to people who do not see it now")
    if not free and not viewers.keys() <= _seen_by_actor(change, supposition):
        raise WouldWiden("this would show something that is not yours to show")
    change.detail["new_viewers"] = len(gains)
    change.detail["assets_shown"] = len(viewers)
    change.detail["assets"] = {asset: viewers[asset] for asset in sorted(viewers)[:NAMED]}
    return Shown(len(gains), len(viewers))


def newly_seen(change: Change, supposition: Supposition) -> dict[UserId, set[AssetId]]:
    """For everybody who would see more assets than now: which."""
    catalogue, before = change.catalogue, change.reach
    needed = {user: before.needed(user) for user in catalogue.members}
    with catalogue.supposing(supposition) as supposed:
        after = Reach(supposed)
        newly_shared = after.shared_assets - before.shared_assets
        gains = {
            user: (newly_shared | (after.needed(user) - seen)) - seen - before.shared_assets
            for user, seen in needed.items()
        }
    return {user: assets for user, assets in gains.items() if assets}


def _seen_by_actor(change: Change, supposition: Supposition) -> set[AssetId]:
    """What the actor sees now, and what was only in the trash for them."""
    with change.catalogue.supposing(supposition) as supposed:
        after = Reach(supposed).sight(change.viewer.person.id).assets
    in_trash = {asset for asset in after if not change.reach.is_live(asset)}
    return set(change.sight.assets) | in_trash
