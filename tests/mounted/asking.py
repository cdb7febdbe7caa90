"""Asking the program behind a mount, as `mountfs wait`, `retry` and their like do."""

from __future__ import annotations

from typing import Any

from mountfs import control
from mountfs.testing.mounts import BOUND, Mount


def ask(mount: Mount, operation: str, **more: object) -> dict[str, Any]:
    """The answer to a question."""
    question = {"op": operation, **more}
    return control.ask(mount.path, question, timeout=2 * BOUND, runtime_dir=mount.request.runtime_dir)


def settle(mount: Mount, path: str | None = None, *, seconds: float = BOUND) -> dict[str, Any]:
    """End all quiet times and wait until what was closed is a checkpoint or refused."""
    answer = ask(mount, "wait", path=path, timeout=seconds)
    assert answer["done"], f"still on their way: {answer['pending']}"
    return answer


def states(mount: Mount) -> dict[str, tuple[str, str]]:
    """State and reason of every local file, by path."""
    files = ask(mount, "status", path=None)["files"]
    return {file["path"]: (file["state"], file["reason"] or "") for file in files}
