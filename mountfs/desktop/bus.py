"""One question to a service on a D-Bus, each over a connection of its own: questions are rare, and a
connection that is not kept cannot break.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

PATIENCE = 10.0
"""Seconds for an answer."""

SYSTEM_SOCKET = Path("/run/dbus/system_bus_socket")


class BusError(Exception):
    """There is no answer, or it is a no. The text says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """Whom to ask: an object of a service, and its interface, on the bus of an address."""

    bus: str
    name: str
    path: str
    interface: str


def session_bus(environ: Mapping[str, str]) -> str:
    """The address of the bus of this user's session; empty without one."""
    if (address := environ.get("DBUS_SESSION_BUS_ADDRESS")) is not None:
        return address
    socket = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}") / "bus"
    return f"unix:path={socket}" if socket.exists() else ""


def system_bus(environ: Mapping[str, str]) -> str:
    """The address of the machine's bus; empty without one."""
    if (address := environ.get("DBUS_SYSTEM_BUS_ADDRESS")) is not None:
        return address
    return f"unix:path={SYSTEM_SOCKET}" if SYSTEM_SOCKET.exists() else ""


async def ask(service: Service, method: str, signature: str, *arguments: object) -> tuple[Any, ...]:
    """What a service answers. BusError. A descriptor in the answer is a context manager that closes it."""
    try:
        from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
        from jeepney.io.trio import open_dbus_connection
    except ModuleNotFoundError as exc:
        raise BusError("speaking to a desktop needs: pip install 'mountfs[desktop]'") from exc

    whom = DBusAddress(service.path, bus_name=service.name, interface=service.interface)
    question = new_method_call(whom, method, signature, arguments)
    try:
        with trio.fail_after(PATIENCE):
            connection = await open_dbus_connection(service.bus, enable_fds=True)
            async with connection, connection.router() as router:
                answer = await router.send_and_get_reply(question)
    except trio.TooSlowError as exc:
        raise BusError(f"{service.name} does not answer") from exc
    except Exception as exc:  # whatever a bus or the library makes of it: nothing depends on a desktop
        raise BusError(f"{service.name} cannot be asked: {exc!r}") from exc
    if answer.header.message_type is not MessageType.method_return:
        raise BusError(f"{service.name} refuses: {answer.header.fields.get(HeaderFields.error_name)}")
    body: tuple[Any, ...] = answer.body
    return body
