"""The versions of one mount that are on their way or were refused, by what they are looked up by.

There may be as many as a tool writes files, so nobody who has one looks through all.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from mountfs.model import AssetId, CheckpointId
from mountfs.workspace.versions import Version


class Versions(MutableMapping[CheckpointId, Version]):
    """Versions by the ids that their checkpoints will have, in the order in which they were added."""

    def __init__(self) -> None:
        self._all: dict[CheckpointId, Version] = {}
        self._of_asset: dict[AssetId, dict[CheckpointId, Version]] = {}
        self._made_from: dict[AssetId, dict[CheckpointId, Version]] = {}
        self._known_as: dict[CheckpointId, tuple[AssetId, AssetId | None]] = {}

    def __getitem__(self, key: CheckpointId) -> Version:
        return self._all[key]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[CheckpointId]:
        return iter(self._all)

    def __setitem__(self, key: CheckpointId, version: Version) -> None:
        if key in self._all:
            self._forget(key)
        self._all[key] = version
        origin = version.origin
        self._known_as[key] = version.asset, origin
        self._of_asset.setdefault(version.asset, {})[key] = version
        if origin is not None:
            self._made_from.setdefault(origin, {})[key] = version

    def __delitem__(self, key: CheckpointId) -> None:
        del self._all[key]
        self._forget(key)

    def _forget(self, key: CheckpointId) -> None:
        asset, origin = self._known_as.pop(key)
        _take_out(self._of_asset, asset, key)
        if origin is not None:
            _take_out(self._made_from, origin, key)

    def of_asset(self, asset: AssetId) -> list[Version]:
        """Those that are to be the next of an asset."""
        return list(self._of_asset.get(asset, {}).values())

    def made_from(self, asset: AssetId) -> list[Version]:
        """Those that have content of an asset's checkpoint, whatever they are to be."""
        found = self._made_from.get(asset, {}).values()
        return [
            version for version in found if version.origin == asset
        ]  # it may have become its own meanwhile

    def give_to(self, asset: AssetId, version: Version) -> None:
        """A version turns out to be another asset's."""
        version.asset = asset
        if version.id in self._all:
            self[version.id] = version


def _take_out(
    index: dict[AssetId, dict[CheckpointId, Version]], asset: AssetId, version: CheckpointId
) -> None:
    found = index[asset]
    del found[version]
    if not found:
        del index[asset]
