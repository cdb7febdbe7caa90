"""Programs that make previews: a courtesy to whoever opens a folder of large files in a file manager.

Thumbnailers and indexers open everything they come by. Where content lies on a network they get the beginning
of a file, enough for formats that carry a preview of their own, and then an error instead of the rest, unless
the kernel has it already. They are known by the name of their process, which anybody may choose:
this keeps nobody from anything. KDE runs all its workers as one program; the one that makes previews is
known by the plug-in that its command line names.
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

_WORKERS = re.compile(r"kio(slave|slave5|worker)")
_PREVIEWING = re.compile(rb"(?:^|[/\0])thumbnail\.so(?:$|\0)")
"""KDE's programs for work of any kind, and the plug-in that makes it previews."""


def makes_previews(pid: int, processes: Path = Path("/proc")) -> bool:
    """Whether a thread belongs to such a program. What cannot be found out is none."""
    try:
        status = (processes / str(pid) / "status").read_text(errors="replace")
        group = re.search(r"^Tgid:\s*(\d+)$", status, re.MULTILINE)
        process = processes / (group[1] if group else str(pid))
        name = (process / "comm").read_text(errors="replace").strip()
        if _WORKERS.fullmatch(name):
            return _PREVIEWING.search((process / "cmdline").read_bytes()) is not None
    except OSError:
        return False
    return _NAMES.fullmatch(name) is not None
