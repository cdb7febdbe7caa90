"""The rule of who may record a checkpoint, in the one place that both halves stand on.

The studio enforces it; the mount uses the same functions for mode bits, which are a hint.
Seeing is decided elsewhere (`studio/visibility.py`): these functions are only asked about visible things.
"""

from __future__ import annotations

from mountfs.model import Asset, Toggle, Viewer


def may_read(viewer: Viewer) -> bool:
    """Whether the viewer may have bytes at all."""
    return viewer.owner or Toggle.PULL_CHUNK in viewer.may


def may_see_history(viewer: Viewer) -> bool:
    """Whether the viewer may have versions other than the head."""
    return viewer.owner or Toggle.VIEW_CHECKPOINT in viewer.may


def may_checkpoint(viewer: Viewer, asset: Asset) -> bool:
    """Whether the viewer may record the asset's next checkpoint.

    A task: its assignee only. A resource: whoever sees it and may update assets. Links have no content.
    """
    if asset.is_link:
        return False
    if viewer.owner:
        return True
    if Toggle.CREATE_CHECKPOINT not in viewer.may:
        return False
    if asset.is_resource:
        return Toggle.UPDATE_ASSET in viewer.may
    return asset.assignee == viewer.person.id


def may_add(viewer: Viewer) -> bool:
    """Whether new files of the viewer can become assets (in any collection they see)."""
    return viewer.owner or {Toggle.CREATE_ASSET, Toggle.CREATE_CHECKPOINT} <= viewer.may
