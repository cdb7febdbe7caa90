"""What the kernel has to forget because something has changed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class News:
    """What the kernel has to forget: names (folder's number, name) and attributes (number)."""

    names: list[tuple[int, bytes]] = field(default_factory=list)
    attributes: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.names or self.attributes)
