"""What a recording says: the files before the tool started, and the actions of its user, call by call.

A recording is a JSON list with one object a line. The first is about the recording itself, ``seed`` objects
are files that were there before, ``mark`` objects begin an action, and all others are system calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Expected = Mapping[str, tuple[int, int]]
"""By path: the fewest and the most new versions that one action should make."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One system call, and how it ended. ``number`` is its place in the recording."""

    number: int
    call: str
    fields: Mapping[str, Any]

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def __contains__(self, field: str) -> bool:
        return field in self.fields

    def get(self, field: str, default: Any = None) -> Any:
        """A field that not every call has."""
        return self.fields.get(field, default)

    @property
    def error(self) -> str:
        """The name of the error it failed with, empty if it did not fail."""
        return str(self.get("err", ""))

    @property
    def elsewhere_only(self) -> bool:
        """Whether only the place under test is asked: a disk would do what is to be refused there."""
        return bool(self.get("refused"))

    def but(self, call: str = "", **fields: Any) -> Operation:
        """The same with another call or other fields; a field that is None is taken out."""
        merged = {key: value for key, value in {**self.fields, **fields}.items() if value is not None}
        return Operation(self.number, call or self.call, merged)

    def __str__(self) -> str:
        words = [f"#{self.number}", self.call]
        words += [str(self.fields[key]) for key in ("path", "to") if key in self.fields]
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class Action:
    """What a user did: opened, saved, saved under another name."""

    label: str
    asset: str
    expected: Expected
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """One session of one tool."""

    name: str
    tool: str
    version: str
    umask: int
    seeds: tuple[Operation, ...]
    actions: tuple[Action, ...]

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a recording. OSError, ValueError."""
        lines = json.loads(path.read_text(encoding="utf-8"))
        if not lines or lines[0].get("op") != "meta" or lines[0].get("format") != 1:
            raise ValueError(f"{path} is not a recording of format 1")
        about, *rest = lines
        operations = [
            Operation(number, fields["op"], {key: value for key, value in fields.items() if key != "op"})
            for number, fields in enumerate(rest, 1)
        ]
        return cls(
            name=path.stem,
            tool=about["tool"],
            version=about["version"],
            umask=int(about.get("umask", "0022"), 8),
            seeds=tuple(each for each in operations if each.call == "seed"),
            actions=tuple(_actions(each for each in operations if each.call != "seed")),
        )

    def with_another_file(self, name: str, size: int) -> Recording:
        """The same in a folder where one more file lies, which the tool does not care for."""
        last = self.seeds[-1].number if self.seeds else 0
        fields = {"type": "file", "path": name, "size": size, "perm": "0644"}
        other = Operation(last, "seed", fields)
        return replace(self, seeds=(*self.seeds, other))._with_operations(_with_longer_listing)

    def with_rest_after(self, number: int) -> Recording:
        """The same where the user rests between two saves that were recorded as one action.

        The action becomes two, the second one with ``, again`` behind its label, and what was expected of it
        is halved: a version for each save.
        """
        actions: list[Action] = []
        for action in self.actions:
            place = next((at for at, each in enumerate(action.operations) if each.number == number), None)
            if place is None:
                actions.append(action)
                continue
            half = {path: (least // 2, most // 2) for path, (least, most) in action.expected.items()}
            first, second = action.operations[: place + 1], action.operations[place + 1 :]
            actions.append(replace(action, expected=half, operations=first))
            actions.append(replace(action, label=f"{action.label}, again", expected=half, operations=second))
        if len(actions) != len(self.actions) + 1:
            raise ValueError(f"{self.name} has no operation {number}")
        return replace(self, actions=tuple(actions))

    def without_hard_links(self, renamed_instead: Collection[str] = ()) -> Recording:
        """The same where hard links are refused.

        A link to a name in ``renamed_instead`` is followed by what its tool does then, a rename to that name.
        Of the other names nothing comes into being, so whatever was done to them finds nothing.
        """
        absent: set[str] = set()

        def adapted(operation: Operation) -> Iterable[Operation]:
            if operation.call == "link" and not operation.error:
                yield operation.but(err="EPERM", refused=True)
                if operation["to"] in renamed_instead:
                    yield operation.but("rename")
                else:
                    absent.add(operation["to"])
            elif operation.get("path") in absent and "h" not in operation:
                yield operation.but(err="ENOENT")
            else:
                yield operation

        return self._with_operations(adapted)

    def _with_operations(self, adapted: Callable[[Operation], Iterable[Operation]]) -> Recording:
        return replace(
            self,
            actions=tuple(
                replace(action, operations=tuple(new for old in action.operations for new in adapted(old)))
                for action in self.actions
            ),
        )


def _with_longer_listing(operation: Operation) -> Iterable[Operation]:
    if operation.call == "readdir" and operation["path"] == "." and operation["entries"]:
        return [operation.but(entries=operation["entries"] + 1)]
    return [operation]


def _actions(operations: Iterable[Operation]) -> Iterator[Action]:
    """Operations by the marks before them; what the tool did before the first one is the action ``start``."""
    label, asset, expected = "start", "", dict[str, tuple[int, int]]()
    inside: list[Operation] = []
    for operation in operations:
        if operation.call != "mark":
            inside.append(operation)
            continue
        if inside or label != "start":
            yield Action(label, asset, expected, tuple(inside))
        label, asset = operation["label"], operation.get("asset") or ""
        expected = {path: _span(count) for path, count in operation.get("expect_new_versions", {}).items()}
        inside = []
    if label != "end":
        raise ValueError("the recording has no end")
    if inside:  # what was closed when the tool was gone
        yield Action(label, asset, expected, tuple(inside))


def _span(count: int | list[int]) -> tuple[int, int]:
    return (count, count) if isinstance(count, int) else (count[0], count[1])
