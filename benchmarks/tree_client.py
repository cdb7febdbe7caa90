"""A client that asks a studio for a tree and for what is new in it, for `benchmarks.studio`: a process of its
own, that has nothing else in its memory."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from pathlib import Path

from mountfs.model import ProjectId
from mountfs.transport.client import StudioClient
from mountfs.transport.line import Line


def main() -> None:
    """Read where to ask from standard input; print seconds for both, and the bytes of memory it took."""
    url, project, token = json.load(sys.stdin)
    with closing(Line(url, lambda: token)) as line:
        studio = StudioClient(line, ProjectId(project))
        before = time.perf_counter()
        tree = studio.tree()
        passed = time.perf_counter() - before
        some = next(iter(tree.assets.values()))
        studio.rename(some.id, f"{some.name}_", some.extension, some.collection)
        before = time.perf_counter()
        studio.changes(tree.cursor)
        news = time.perf_counter() - before
    print(json.dumps([passed, news, _peak()]))


def _peak() -> int:
    """The most memory that this process had. (What `getrusage` says begins with its parent's.)"""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
