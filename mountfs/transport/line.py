"""Questions to one studio and its answers, over HTTP.

Every question can be asked again without harm (whoever makes something chooses its id), so one that got lost
is: a few times, after growing pauses with some chance in them, so that many mounts do not come back at the
same moment. Then it is StudioUnavailable: nothing was decided. Whoever has asked too much is told when to ask
again, and does, as long as they have the patience. What the studio decided is raised as the error
that it was there.

An answer is bounded while it is read, as it arrives and unpacked: a studio that lies harms nobody.
"""

from __future__ import annotations

import itertools
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import zstandard

from mountfs import wire
from mountfs.errors import (
    ConfigError,
    MountfsError,
    Refused,
    StudioUnavailable,
    TooMany,
    WireError,
    heard,
)
from mountfs.transport.deadlines import HTTP_ERRORS, Transport, until

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # it would have a line for each question

T = TypeVar("T")

_CONNECT = 5.0
_LONGEST_PAUSE = 4.0
_LONGEST_NUMBER = 6
"""Digits of a number of seconds that is believed."""

_STEP = 256
"""Bytes of an answer that are unpacked at a time: they may become 8 MiB."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and for how long (seconds), a question that gets no answer is asked again."""

    tries: int = 3
    first_pause: float = 0.2
    deadline: float = 20.0
    silence: float = 30.0
    """Seconds without a byte after which a connection counts as lost."""
    whole: float = 240.0
    """Seconds for an answer, or for a body with all its tries, however slowly it comes: less than whoever
    reads a file is ready to wait."""


@dataclass(slots=True)
class Line:
    """One account's way to one studio. ``url`` is where it is, ``token`` says who asks (it may change: it
    is asked for each time); ``ca_file`` names certificates besides the system's; ``device`` is what this
    machine calls itself. Usable from any thread."""

    url: str
    token: Callable[[], str] = field(repr=False)
    ca_file: str | None = None
    patience: Patience = Patience()
    device: str = "mountfs"
    epoch: str = ""
    """The studio's, as of its last answer."""
    _client: httpx.Client = field(init=False, repr=False)
    _ending: threading.Event = field(init=False, repr=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        require_safe(self.url)
        self.url = self.url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url,
            transport=Transport(tls(self.ca_file), connections=32, kept=8),
            timeout=httpx.Timeout(self.patience.silence, connect=_CONNECT),
            headers={
                "Accept-Encoding": "zstd",
                "User-Agent": self.device.encode("ascii", "replace").decode(),
            },
            trust_env=False,
            follow_redirects=False,
        )

    def ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: object = None,
        query: Mapping[str, str | float] | None = None,
        wait: float = 0.0,
        most: int = wire.MAX_BODY,
    ) -> T:
        """Ask below ``/api/v1``, and the answer, as ``kind``. ``wait``: how long the studio may take its time
        before it answers (seconds). ``most``: bytes that the answer may have.

        Raises what the studio decided; StudioUnavailable when it cannot be asked; WireError for what is no
        answer.
        """
        content = None if body is None else wire.encode(body)
        return wire.decode(
            kind, self.send(method, wire.API + path, content, query=query, wait=wait, most=most)
        )

    def follow(
        self, path: str, kind: str, take: Callable[[Iterator[bytes]], T], *, most: int = wire.MAX_BODY
    ) -> T:
        """An answer of a media type, taken over in pieces while it arrives. ``take`` is called again for each
        try; what it raises is raised."""
        return self._again("GET", wire.API + path, take, most=most, kind=kind)

    def tell(self, method: str, path: str, body: object = None, *, wait: float = 0.0) -> None:
        """The same for what has no answer."""
        self.send(method, wire.API + path, None if body is None else wire.encode(body), wait=wait)

    def send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        *,
        query: Mapping[str, str | float] | None = None,
        wait: float = 0.0,
        most: int = wire.MAX_BODY,
    ) -> bytes:
        """The same without the shapes: bytes there, bytes back."""
        return self._again(method, path, b"".join, content, query=query, wait=wait, most=most)

    def _again(
        self,
        method: str,
        path: str,
        take: Callable[[Iterator[bytes]], T],
        content: bytes | None = None,
        *,
        query: Mapping[str, str | float] | None = None,
        wait: float = 0.0,
        most: int,
        kind: str = "application/json",
    ) -> T:
        deadline = time.monotonic() + self.patience.deadline + wait
        failures = 0
        for attempt in itertools.count(1):
            try:
                return self._send(method, path, take, content, query, wait, most, kind)
            except (StudioUnavailable, TooMany) as exc:
                pause = self.pause_after(exc, attempt)
                failures += not isinstance(exc, TooMany)  # that is an answer, and it says when to come again
                is_last = failures == self.patience.tries or self.patience.tries == 1
                if is_last or time.monotonic() + pause > deadline:
                    raise
                log.debug("the studio did not answer, asking again in %.1f s: %s", pause, exc)
                if self.ends_in(pause):
                    raise
        raise AssertionError("the last try raises or returns")

    def pause_after(self, why: MountfsError, attempt: int) -> float:
        """Seconds before the next try after this: not before the studio said that one may ask again."""
        return self.pause(attempt) + (why.retry_after if isinstance(why, TooMany) else 0)

    def pause(self, attempt: int) -> float:
        """Seconds before the next try: longer each time, and never the same for two mounts."""
        longest = min(self.patience.first_pause * 2**attempt, _LONGEST_PAUSE)
        return random.uniform(longest / 2, longest)

    def ends_in(self, seconds: float) -> bool:
        """Wait, and whether nobody wants to be answered any more."""
        return self._ending.wait(seconds)

    def give_up(self) -> None:
        """From now on nothing is asked a second time: whoever asked is about to end."""
        self._ending.set()

    def close(self) -> None:
        """Let the connections go."""
        self.give_up()
        self._client.close()

    def _send(
        self,
        method: str,
        path: str,
        take: Callable[[Iterator[bytes]], T],
        content: bytes | None,
        query: Mapping[str, Any] | None,
        wait: float,
        most: int,
        kind: str,
    ) -> T:
        headers = {"Accept": kind}
        if token := self.token():
            headers["Authorization"] = f"Bearer {token}"
        if content is not None:
            headers["Content-Type"] = "application/json"
        timeout = httpx.Timeout(self.patience.silence + wait, connect=_CONNECT)
        moment = time.monotonic() + self.patience.whole + wait
        try:
            with (
                until(moment),
                self._client.stream(
                    method, path, content=content, params=query, headers=headers, timeout=timeout
                ) as response,
            ):
                epoch = response.headers.get(wire.EPOCH_HEADER)
                self.epoch = epoch or self.epoch
                pieces = _read(response, moment, most)
                if not response.is_success:
                    raise error_of(
                        response.status_code, b"".join(pieces), response.headers.get("Retry-After")
                    )
                if epoch is None:  # as a network does that wants somebody to log in first
                    raise StudioUnavailable(f"something between here and {self.url} answered in its place")
                return take(pieces)
        except HTTP_ERRORS as exc:
            raise StudioUnavailable(f"{self.url} cannot be reached: {_said(exc)}") from exc


def error_of(status: int, body: bytes, retry_after: str | None = None) -> MountfsError:
    """What an answer that is none means. A fault of the network or the server never becomes a "no", and what
    asking again cannot change always does."""
    if status == 429:
        is_number = (
            retry_after is not None and retry_after.isdecimal() and len(retry_after) <= _LONGEST_NUMBER
        )
        return TooMany(min(int(retry_after), 3600) if retry_after and is_number else 1)
    if status >= 500 and status != 507:
        return StudioUnavailable(f"the studio cannot answer now (status {status})")
    try:
        said = wire.decode(wire.Refusal, body)
    except WireError:
        return StudioUnavailable(f"something between here and the studio answered with status {status}")
    error = heard({"error": said.error[:1000], "kind": said.kind})
    if type(error).__name__ == said.kind and not isinstance(error, WireError):
        return error
    # The question makes no sense to this studio, or its answer is a newer one's: so would the next be.
    return Refused(said.error[:1000]) if 400 <= status < 500 else WireError(said.error[:1000])


def require_safe(url: str) -> None:
    """ConfigError for an address that would send what is secret in the clear, or that is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
        raise ConfigError(f"{url!r} is not the address of a studio: it looks like https://studio.example")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigError(f"{url} would send passwords and files in the clear: use https://")


def tls(ca_file: str | None) -> ssl.SSLContext:
    """How certificates are checked: by the system's, and those of ``ca_file``. ConfigError."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"{ca_file}: no certificates can be read from it: {exc}") from exc
    return context


def _read(response: httpx.Response, until: float, most: int) -> Iterator[bytes]:
    """The body, unpacked, of at most so many bytes, by this moment; in pieces as they arrive."""
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", "zstd"):
        raise WireError(f"the studio answered in an encoding that was not asked for ({encoding[:20]})")
    unpacked = (
        zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj() if encoding == "zstd" else None
    )
    length = 0
    for piece in response.iter_raw():  # as it arrives: waiting for more would hide how slowly it does
        if time.monotonic() > until:
            raise StudioUnavailable("the studio's answer comes too slowly")
        try:
            # Four bytes may unpack to 128 KiB.
            for start in range(0, len(piece), _STEP) if unpacked else (0,):
                part = unpacked.decompress(piece[start : start + _STEP]) if unpacked else piece
                length += len(part)
                if length > most:
                    raise WireError(f"the studio's answer has more than {most} bytes")
                if part:
                    yield part
        except zstandard.ZstdError as exc:
            raise StudioUnavailable("the studio's answer arrived damaged") from exc


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
