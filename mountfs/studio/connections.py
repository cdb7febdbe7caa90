"""HTTP from anybody: what comes before a request is known is bounded in length, and in the time it takes.

Who asks is found out from the head of a request (`studio.gate`), so whatever is kept until it is complete can
be sent by everybody, and the parser itself keeps it all. A body comes after that, and has limits of its own.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 << 10
"""Bytes of a request before its body: its line and its headers."""

SLOWEST_HEAD = 20.0
"""Seconds that they may take."""


class WaryProtocol(HttpToolsProtocol):
    """A connection."""

    _before = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come. As long as they belong to no body, they count."""
        if self._late is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()
        self._before += len(data)
        super().data_received(data)
        if self._before > LONGEST_HEAD + len(data) and not self.transport.is_closing():
            self.send_400_response("The head of this request is too long.")

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._stop_waiting()
        self._before = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._before = 0
        super().on_body(body)

    def _wait_for_head(self) -> None:
        self._late = self.loop.call_later(SLOWEST_HEAD, self._give_up)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        self.transport.close()
