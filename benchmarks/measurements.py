"""What every module of measurements shares: its options, medians, and the table it prints."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


class Measurements:
    """One run of everything; each method named ``measure_…`` adds its figures."""

    def __init__(self, place: Path, runs: int) -> None:
        self.place = place
        self.runs = runs
        self.figures: dict[str, dict[str, float]] = {}

    def median(self, action: Callable[[], float]) -> float:
        """The median of as many runs as asked for."""
        return statistics.median(action() for _ in range(self.runs))


def timed(action: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def table(figures: dict[str, dict[str, float]]) -> str:
    """The figures as Markdown; a ratio is the peer's seconds over ours."""
    lines = ["| measurement | figures | ratio to each peer |", "|---|---|---|"]
    for name, row in figures.items():
        ours = row.get("mountfs s")
        shown = ", ".join(f"{key.removesuffix(' s')} {value:.3f}" for key, value in row.items())
        peers = {key: value for key, value in row.items() if key.endswith(" s") and key != "mountfs s"}
        ratios = (
            ", ".join(f"{key.removesuffix(' s')} {value / ours:.2f}" for key, value in peers.items())
            if ours
            else ""
        )
        lines.append(f"| {name} | {shown} | {ratios} |")
    return "\n".join(lines)


def main(kind: type[Measurements], description: str | None) -> None:
    """Run what is asked for and print one table."""
    names = [name.removeprefix("measure_") for name in vars(kind) if name.startswith("measure_")]
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dir", type=Path, help="keep the generated files here (default: a new temporary folder)"
    )
    parser.add_argument("--only", action="append", choices=names, help="measure only this (repeatable)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    place = options.dir or Path(tempfile.mkdtemp(prefix="mountfs-bench-", dir="/var/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        bench = kind(place, options.runs)
        for name in options.only or names:
            getattr(bench, f"measure_{name}")()
        print(f"Linux {platform.release()}, {os.cpu_count()} cores, medians of {options.runs}\n")
        print(table(bench.figures))
        if options.json:
            options.json.write_text(json.dumps(bench.figures, indent=1))
    finally:
        if not options.dir:
            shutil.rmtree(place, ignore_errors=True)
