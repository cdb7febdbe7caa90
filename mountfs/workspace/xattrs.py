"""Extended attributes ``user.mountfs.*``: what the project knows of a file beyond its bytes.

They can be read by name but are not listed, so that ``cp -a`` and ``mv`` out of the mount stay quiet and
tools do not copy them to places where they would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from mountfs.model import Asset, Checkpoint
from mountfs.workspace.catalogue import Catalogue
from mountfs.workspace.nodes import File, Link, Node, Version

PREFIX = b"user.mountfs."

_OF_ASSET: dict[bytes, Callable[[Asset, Catalogue], str]] = {
    b"asset": lambda asset, _: asset.id,
    b"status": lambda asset, _: asset.status,
    b"assignee": lambda asset, catalogue: catalogue.username(asset.assignee),
}
_OF_CONTENT: dict[bytes, Callable[[Checkpoint, Catalogue], str]] = {
    b"checkpoint": lambda content, _: content.id,
    b"number": lambda content, _: str(content.number),
    b"author": lambda content, catalogue: catalogue.username(content.author),
    b"comment": lambda content, _: content.comment,
    b"xxh3": lambda content, _: content.xxh3,
}


def value_of(node: Node, name: bytes, catalogue: Catalogue) -> bytes | None:
    """The value of an attribute (whole name), or None if the node has no such attribute."""
    key = name.removeprefix(PREFIX)
    if key == name or not isinstance(node, File | Version | Link):
        return None
    asset = catalogue.assets.get(node.asset)
    content = None if isinstance(node, Link) else node.content
    if key == b"state" and isinstance(node, File):
        shown = asset is not None and asset.head == content
        return b"normal" if shown else b"outdated"
    if (of_asset := _OF_ASSET.get(key)) and asset is not None:
        return of_asset(asset, catalogue).encode()
    if (of_content := _OF_CONTENT.get(key)) and content is not None:
        return of_content(content, catalogue).encode()
    return None
