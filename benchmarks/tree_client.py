"""A client that asks a studio for a tree and for what is new in it, for `benchmarks.studio`: a process of its
own, that has nothing else in its memory."""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import closing

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
    print(json.dumps([passed, news, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


if __name__ == "__main__":
    main()
