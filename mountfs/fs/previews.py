"""Programs that make previews: a courtesy to whoever opens a folder of large files in a file manager.

Thumbnailers and indexers open everything they come by. Where content lies on a network they get the beginning
of a file, enough for formats that carry a preview of their own, and then an error instead of the rest, unless
the kernel has it already. They are known by the name of their process, which anybody may choose:
this keeps nobody from anything.
"""

from __future__ import annotations

import re
from pathlib import Path

ALLOWANCE = 4 << 20
"""Bytes that are read for a preview of one file."""

_NAMES = re.compile(
    r".*thumb.*|(?=.{15}$).*-thum?|tumbler.*|(tracker|localsearch)-.*|baloo_file.*", re.IGNORECASE
)
"""Names of processes; the kernel keeps 15 characters, so that some end within the word."""


def makes_previews(pid: int, processes: Path = Path("/proc")) -> bool:
    """Whether a thread belongs to such a program. What cannot be found out is none."""
    try:
        status = (processes / str(pid) / "status").read_text(errors="replace")
        group = re.search(r"^Tgid:\s*(\d+)$", status, re.MULTILINE)
        name = (processes / (group[1] if group else str(pid)) / "comm").read_text(errors="replace")
    except OSError:
        return False
    return _NAMES.fullmatch(name.strip()) is not None
