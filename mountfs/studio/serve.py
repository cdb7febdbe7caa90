"""Serving a studio: opens what it is made of, answers until it is told to stop, and ends what was begun."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import uvicorn

from mountfs.errors import ConfigError
from mountfs.studio.accounts import Accounts, Passwords
from mountfs.studio.app import build
from mountfs.studio.connections import WaryProtocol
from mountfs.studio.data_folder import in_use
from mountfs.studio.gate import Gate
from mountfs.studio.hosting import Hosting
from mountfs.studio.limits import USUAL, Limits
from mountfs.studio.proxied import OnlyFrom
from mountfs.studio.routes.asking import House
from mountfs.studio.safety import Problem, Serving, is_loopback, networks, problems, require_safe
from mountfs.studio.signing import SIGNING_KEY, read_signer
from mountfs.studio.traffic import Traffic

log = logging.getLogger(__name__)

_LAST_ANSWERS = 10
"""Seconds that requests have to end when the studio is told to stop."""

_TICKS = 10
"""How often in a second the server looks whether it is to end."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where a studio's data is, and how it can be reached. ``port`` 0: whichever is free."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8420
    certificate: Path | None = None
    private_key: Path | None = None
    trusted_proxies: frozenset[str] = field(default_factory=frozenset)
    limits: Limits = USUAL

    def url(self, port: int) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.certificate is None else 'https'}://{host}:{port}"


class Watcher(Protocol):
    """Who hears of a server, and expects a sign of life every ``pause`` seconds, if not None."""

    pause: float | None

    def ready(self, status: str) -> None:
        """It answers."""

    def alive(self) -> None:
        """Its event loop turns."""

    def stopping(self, status: str) -> None:
        """It is about to end."""


@contextmanager
def opened(data_dir: Path, *, passwords: Passwords | None = None, limits: Limits = USUAL) -> Iterator[House]:
    """The parts of the studio whose data is in this folder."""
    with in_use(data_dir):
        signer = read_signer(data_dir / SIGNING_KEY)
        accounts = Accounts(data_dir, passwords=passwords)
        hosting = Hosting(data_dir, limits=limits)
        try:
            yield House(accounts, hosting, signer, Traffic(limits))
        finally:
            hosting.close()
            accounts.close()


def problems_of(options: ServeOptions) -> list[Problem]:
    """Everything that speaks against serving like that, as whoever runs this."""
    return problems(
        Serving(
            options.host,
            options.data_dir,
            options.data_dir / SIGNING_KEY,
            options.certificate,
            options.private_key,
            tuple(sorted(options.trusted_proxies)),
            os.geteuid(),
        )
    )


def run(options: ServeOptions, watcher: Watcher, answers_at: Callable[[str], None]) -> None:
    """Serve until SIGTERM, or SIGINT, which is raised again then. ``answers_at`` is told the address, once it
    answers there. ConfigError for what is not safe, with what to change; StudioDataError, StorageUnavailable.
    """
    found = problems_of(options)
    require_safe(found)
    for each in found:
        log.warning("%s: %s", each.text, each.what_to_do)
    with (
        opened(options.data_dir, limits=options.limits) as house,
        listen(options.host, options.port) as listening,
    ):
        url = options.url(listening.getsockname()[1])

        def stopping() -> None:
            watcher.stopping("ending what was begun")
            house.hosting.wake()

        def started() -> None:
            watcher.ready(f"answers at {url}")
            answers_at(url)

        serving = server(house, options, stopping, started, watcher)
        before = signal.signal(signal.SIGTERM, lambda *_: None)  # the server raises again what ended it
        try:
            serving.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)


def listen(host: str, port: int) -> socket.socket:
    """A socket that requests come to. ConfigError when the address cannot be had."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as exc:
        raise ConfigError(f"{host} port {port} cannot be listened at: {exc.strerror or exc}") from exc
    return listening


def server(
    house: House,
    options: ServeOptions,
    stopping: Callable[[], None],
    started: Callable[[], None] = lambda: None,
    watcher: Watcher | None = None,
) -> uvicorn.Server:
    """The server of a studio, not running yet. ``stopping`` is called when it is told to end, so that
    whoever waits for news is answered; ``started`` when it answers."""
    app: Gate | OnlyFrom = build(house, trusted=options.trusted_proxies)
    if options.certificate is None and not is_loopback(options.host):
        app = OnlyFrom(app, networks(options.trusted_proxies))
    config = uvicorn.Config(
        app,
        http=WaryProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_LAST_ANSWERS,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.private_key,
        ws="none",
    )
    return _Watched(config, stopping, started, watcher)


class _Watched(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        stopping: Callable[[], None],
        started: Callable[[], None],
        watcher: Watcher | None,
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._told_of_start = started
        self._watcher = watcher
        pause = watcher.pause if watcher is not None else None
        self._every = max(1, int(pause * _TICKS)) if pause is not None else 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._told_of_start()

    async def on_tick(self, counter: int) -> bool:
        """Say that the loop turns."""
        if self._watcher is not None and self._every and counter % self._every == 0:
            self._watcher.alive()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what was begun; no new requests."""
        self._stopping()
        await super().shutdown(sockets)
