"""Which server moves chunk bodies best: the studio's application under each, beside one another.

``python -m benchmarks.servers``: a studio's data is made once; then each server in turn (several rounds)
hands out the same signed chunks to four threads. What counts is the processor time that a server takes for a
GiB, since that holds on a machine that has other things to do; the rate is shown, too.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from random import Random

import urllib3

from mountfs.content.ingest import ingest
from mountfs.model import ROOT, AssetId, CheckpointId, NewAsset, Proposal
from mountfs.storage.create import FirstUser
from mountfs.studio.accounts import create
from mountfs.studio.serve import opened
from mountfs.studio.signing import SIGNING_KEY, make_key

SIZE = 256 << 20
ROUNDS = 3
THREADS = 4

APP = "benchmarks.servers:application"
SERVERS = {
    "uvicorn (asyncio, httptools)": [
        *("uvicorn", APP, "--factory", "--port", "{port}", "--loop", "asyncio", "--http", "httptools"),
        *("--log-level", "error", "--no-access-log", "--lifespan", "off"),
    ],
    "uvicorn (uvloop, httptools)": [
        *("uvicorn", APP, "--factory", "--port", "{port}", "--loop", "uvloop", "--http", "httptools"),
        *("--log-level", "error", "--no-access-log", "--lifespan", "off"),
    ],
    "hypercorn": ["hypercorn", f"{APP}()", "--bind", "127.0.0.1:{port}", "--log-level", "error"],
    "granian": [
        *("granian", APP, "--factory", "--interface", "asgi", "--port", "{port}", "--no-access-log"),
        *("--log-level", "error", "--no-ws"),
    ],
}


def application() -> object:
    """The studio's application over the data that was made for this."""
    from mountfs.studio.app import build

    return build(opened(Path(os.environ["MOUNTFS_BENCH_DATA"])).__enter__())


def make_data(folder: Path) -> list[str]:
    """A studio with one file of random bytes; signed paths of its chunks."""
    create(folder)
    make_key(folder / SIGNING_KEY)
    with opened(folder) as house:
        hosted = house.hosting.create("bench", FirstUser("ada@harbor.example", "ada", "Ada", "Lind"))
        owner = hosted.service.for_owner(hosted.service.author())
        dice = Random(1)
        taken = ingest(BytesIO(b"".join(dice.randbytes(1 << 20) for _ in range(SIZE >> 20))), owner.chunks)
        owner.publish(
            [
                Proposal(
                    CheckpointId("c"),
                    AssetId("a"),
                    None,
                    taken.size,
                    taken.xxh3,
                    0,
                    taken.chunks,
                    new=NewAsset("big", ".bin", ROOT, is_resource=True),
                )
            ]
        )
        until = int(time.time()) + 3600
        paths = []
        for chunk in taken.chunks:
            key = f"{hosted.project.id}/{chunk.id}"
            signature = house.signer.sign("GET", key, 0, until)
            paths.append(f"/chunks/{key}?until={until}&signature={signature}")
        return paths


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[tuple[str, int]]:
    """A server, when it answers: its address and its process."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).parent / command[0])
    words = [word.replace("{port}", str(port)) for word in command[1:]]
    environ = {**os.environ, "MOUNTFS_BENCH_DATA": str(folder)}
    process = subprocess.Popen([program, *words], env=environ)
    try:
        pool = urllib3.PoolManager()
        deadline = time.monotonic() + 60
        while True:
            try:
                pool.request("GET", f"http://127.0.0.1:{port}/healthz", retries=False)
                break
            except urllib3.exceptions.HTTPError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(30)


def cpu_of(pid: int) -> float:
    """Processor seconds of a process and those it started."""
    total = 0.0
    for each in [pid, *_children(pid)]:
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _children(pid: int) -> list[int]:
    found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for each in found for below in _children(each))]


def fetch(url: str, paths: list[str]) -> int:
    """Get everything once, with a few threads; the bytes that came."""
    pool = urllib3.PoolManager(maxsize=THREADS)
    counts = [0] * THREADS

    def work(number: int) -> None:
        for path in paths[number::THREADS]:
            response = pool.request("GET", url + path, retries=False)
            assert response.status == 200, response.data
            counts[number] += len(response.data)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def main() -> None:
    """Make the data, run the rounds, print a table."""
    folder = Path(tempfile.mkdtemp(prefix="mountfs-servers-", dir="/var/tmp"))
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    try:
        data = folder / secrets.token_hex(4)
        paths = make_data(data)
        for _ in range(ROUNDS):
            for name, command in SERVERS.items():
                with running(command, data) as (url, pid):
                    fetch(url, paths[:16])
                    before, began = cpu_of(pid), time.monotonic()
                    count = fetch(url, paths)
                    took, cpu = time.monotonic() - began, cpu_of(pid) - before
                    results[name].append((cpu / count * 2**30, count / took / 1e9))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, rows in results.items():
        best_cpu, best_rate = min(row[0] for row in rows), max(row[1] for row in rows)
        print(f"{name:32} {best_cpu:6.2f} s of processor a GiB   {best_rate:5.2f} GB/s")


if __name__ == "__main__":
    main()
