"""Serving a studio: opens what it is made of, answers until it is told to stop, and ends what was begun."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from mountfs.errors import ConfigError
from mountfs.studio.accounts import Accounts, Passwords
from mountfs.studio.app import build
from mountfs.studio.hosting import Hosting
from mountfs.studio.routes.asking import House
from mountfs.studio.signing import read_signer

log = logging.getLogger(__name__)

SIGNING_KEY = "signing.key"

_LAST_ANSWERS = 10
"""Seconds that requests have to end when the studio is told to stop."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where a studio's data is, and how it can be reached. ``port`` 0: whichever is free."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8420
    certificate: Path | None = None
    private_key: Path | None = None
    trusted_proxies: frozenset[str] = field(default_factory=frozenset)


@contextmanager
def opened(data_dir: Path, *, passwords: Passwords | None = None) -> Iterator[House]:
    """The parts of the studio whose data is in this folder."""
    signer = read_signer(data_dir / SIGNING_KEY)
    accounts = Accounts(data_dir, passwords=passwords)
    hosting = Hosting(data_dir)
    try:
        yield House(accounts, hosting, signer)
    finally:
        hosting.close()
        accounts.close()


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


def server(house: House, options: ServeOptions, stopping: Callable[[], None]) -> uvicorn.Server:
    """The server of a studio, not running yet. ``stopping`` is called when it is told to end, so that
    whoever waits for news is answered."""
    config = uvicorn.Config(
        build(house, trusted=options.trusted_proxies),
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
    return _Stopping(config, stopping)


class _Stopping(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what was begun; no new requests."""
        self._stopping()
        await super().shutdown(sockets)
