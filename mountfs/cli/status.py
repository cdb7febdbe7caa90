"""``mountfs status``: what is on this machine only, and why."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from mountfs.cli import INCOMPLETE, MOUNT, NOT_FOUND, OK, UNAVAILABLE, Missing, output
from mountfs.cli.options import exits, json_option
from mountfs.cli.paths import InMount, mounts_here, require_in_mount
from mountfs.errors import MountfsError
from mountfs.names import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

WATCH_EVERY = 1.0
"""Seconds between two looks of ``--watch``."""

ATTENTION = frozenset({"refused", "damaged", "outdated"})
"""States that do not end by themselves."""

HEADINGS = ("STATE", "SIZE", "LOCAL", "MODIFIED", "PATH", "REASON")

Report = Mapping[str, Any]
"""What a mount answers, and its place as ``mount``."""


@click.command()
@click.argument("path", metavar="[PATH|MOUNT]", required=False)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C; in a pipe, print what changes.")
@json_option
@exits(NOT_FOUND, INCOMPLETE, MOUNT, UNAVAILABLE)
@click.pass_context
def command(ctx: click.Context, path: str | None, watch: bool, as_json: bool) -> None:
    """Show what a mount has on this machine only: what is changed, on its way, refused and why, local files.

    Without PATH: the mount that you are in, or all your mounts. What is not listed is a version in the
    project.

    \b
      mountfs status
      mountfs status ~/mnt/shots --watch
      mountfs status --json ~/mnt

    While a studio is not reached, it is said since when; what is saved waits. After a session has ended, log
    in again: what waits is sent then.

    \b
    States:
      modified   changed, and open or at rest for too short a time
      waiting    closed; it is sent when its quiet time has passed
      sending    on its way
      outdated   somebody else made a version meanwhile: both contents are kept
      refused    the project does not take it, for the reason given
      damaged    a write failed, so it is not sent by itself
      untracked  a new file that stays here, for the reason given
      scratch    a temporary or local file that is never sent
    """
    places = [require_in_mount(path)] if path is not None else mounts_here()
    if watch:
        _watch(places, as_json=as_json)
        return
    reports = _look(places)
    if path is not None and not reports[0]["files"] and not places[0].exists:
        raise Missing(f"there is nothing at {path}")
    if as_json:
        output.as_json(reports)
    elif sys.stdout.isatty():
        from rich.console import Console

        Console().print(_drawn(reports))
    else:
        output.table(HEADINGS, _rows(reports))
        for report in reports:
            if line := _reach(report):
                output.say(f"mountfs: {line}")
    sound = len(reports) == len(places) and all(file["state"] not in ATTENTION for _, file in _files(reports))
    ctx.exit(OK if sound else INCOMPLETE)


def _look(places: Sequence[InMount]) -> list[Report]:
    """What each mount answers. Of several, one that does not answer is told and left out."""
    reports: list[Report] = []
    for place in places:
        try:
            reports.append({"mount": str(place.mount), **place.status()})
        except MountfsError as exc:
            if len(places) == 1:
                raise
            output.say(f"mountfs: {exc}")
    return reports


def _files(reports: Sequence[Report]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every file with its full path."""
    for report in reports:
        for file in report["files"]:
            yield os.path.join(report["mount"], file["path"]), file


def _rows(reports: Sequence[Report], *, for_people: bool = False) -> list[tuple[object, ...]]:
    size = output.size if for_people else int
    return [
        (
            file["state"],
            size(file["size"]),
            size(file["local_bytes"]),
            "" if file["since"] is None else output.time(file["since"]),
            path,
            file["reason"] or "",
        )
        for path, file in _files(reports)
    ]


def _drawn(reports: Sequence[Report]) -> RenderableType:
    """Everything as a terminal shows it."""
    from rich.console import Group
    from rich.text import Text

    rows = _rows(reports, for_people=True)
    lines = [Text(line) for report in reports for line in (_reach(report), _sending(report)) if line]
    if not rows:
        lines.append(Text("everything that was saved is in the project"))
        return Group(*lines)
    local = output.size(sum(file["local_bytes"] for _, file in _files(reports)))
    lines.append(Text(f"{output.count(len(rows), 'file')}, {local} on this machine only"))
    return Group(output.grid(HEADINGS, rows, right=("SIZE", "LOCAL")), *lines)


def _reach(report: Report) -> str:
    """What is to be known of the way to the studio; empty if it is as it should be, or there is none."""
    studio = report.get("studio")
    if studio is None or studio["reached"]:
        return ""
    since = output.time(studio["since"])
    if studio["needs_login"]:
        return printable(f"{report['mount']}: your session has ended ({since}): log in again: mountfs login")
    return printable(f"{report['mount']}: the studio is not reached since {since}: {studio['reason']}")


def _sending(report: Report) -> str:
    now = report["sending"]
    if now is None:
        return ""
    done, whole, rate = (output.size(int(now[key])) for key in ("bytes", "of", "rate"))
    return printable(f"{report['mount']}: sending {done} of {whole}, {rate} a second")


def _watch(places: Sequence[InMount], *, as_json: bool) -> None:
    """Look again and again, until Ctrl-C or the end of the mount."""
    if sys.stdout.isatty() and not as_json:
        from rich.live import Live

        with Live(_drawn(_look(places)), auto_refresh=False) as live:
            while True:
                time.sleep(WATCH_EVERY)
                live.update(_drawn(_look(places)), refresh=True)
    known: dict[str, tuple[str, str]] = {}
    while True:
        now = {path: (str(file["state"]), str(file["reason"] or "")) for path, file in _files(_look(places))}
        for path in sorted(known.keys() | now.keys()):
            if known.get(path) != now.get(path):
                _print_change(path, *now.get(path, ("normal", "")), as_json=as_json)
        known = now
        time.sleep(WATCH_EVERY)


def _print_change(path: str, state: str, reason: str, *, as_json: bool) -> None:
    moment = output.time(time.time())
    if as_json:
        output.as_json_line({"time": moment, "path": path, "state": state, "reason": reason})
    else:
        output.table((), [(moment, state, path, reason)])
    sys.stdout.flush()
