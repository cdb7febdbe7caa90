"""Which new names stay local: locks, backups, autosaves and caches of tools, and what the project adds.

Rules are those of ``.gitignore`` and do not care for case. They decide only about *new* names: a file that is
in the project already stays in it. The same list serves ``import`` and the folder a tool saves into.
"""

from __future__ import annotations

from collections.abc import Iterable

from pathspec import GitIgnoreSpec

BUILT_IN = (
    # editors: backups, autosaves, locks, vim's probe of whether it may write
    "*~", r"\#*#", ".#*", ".*.sw?", "4913", "*.kate-swp", ".goutputstream-*",
    # whatever writes beside the file and renames
    "*.tmp", "*.temp", "*.part", "*.partial", "*.crdownload", "*.sb-????????-??????",
    # offices: locks
    ".~lock.*#", "~$*",
    # Blender: saved versions, and the file it writes before it renames it
    "*.blend[0-9]", "*.blend[0-9][0-9]", "*.blend@",
    # painting: autosaves
    "*-autosave.kra", "*.autosave", "*.autosave.*",
    # Maya, Houdini, Nuke, 3ds Max
    "*.swatches", "incrementalSave/", "*_bak[0-9]*.hip*", "*.nk.autosave*", "*.max.bak",
    # Adobe: locks and autosaves
    "~*.idlk", "*.prlock", "Adobe * Auto-Save/",
    # SQLite: what lies beside a database while it is open
    "*-wal", "*-shm", "*-journal",
    # Python, desktops, network file systems
    "__pycache__/", "*.py[co]", ".DS_Store", "._*", ".TemporaryItems/", "Thumbs.db", "desktop.ini",
    ".directory", ".fuse_hidden*", ".nfs????*",
)  # fmt: skip
"""What no project wants, whatever its own list says: by tool, so not sorted."""


class IgnoreRules:
    """The built-in patterns and a project's own. Immutable; cheap to ask."""

    def __init__(self, project: Iterable[str] = ()) -> None:
        # One spec with the project's patterns last, so that a project can take a built-in one back with "!".
        lines = [pattern.lower() for pattern in (*BUILT_IN, *project)]
        self._spec = GitIgnoreSpec.from_lines(lines)

    def matches(self, path: str, *, is_folder: bool = False) -> bool:
        """Whether a path, relative to the top of the project and without a leading slash, stays local."""
        return self._spec.match_file(path.lower() + "/" * is_folder)
