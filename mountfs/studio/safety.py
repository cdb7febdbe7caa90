"""Whether a studio may be served like that: the one check, before it starts and in ``mountfs studio doctor``.

What would let others read or forge something is refused; what is only unwise is told. Nothing is changed
here: each problem says what to do.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mountfs.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Serving:
    """How a studio is to be served. ``bind`` is an address, or ``localhost``, or ``unix:PATH``; ``user`` the
    numeric user that the studio runs as."""

    bind: str
    data_dir: Path
    signing_key: Path
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    user: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, in one sentence, and what to do about it. ``refuses``: nothing is served."""

    text: str
    what_to_do: str
    refuses: bool = True


def problems(serving: Serving) -> list[Problem]:
    """Everything that speaks against serving like that, what refuses first."""
    found = [
        *_of_network(serving),
        *_of_certificate(serving),
        *_of_data(serving),
        *_of_user(serving),
    ]
    return sorted(found, key=lambda problem: not problem.refuses)


def require_safe(found: Iterable[Problem]) -> None:
    """ConfigError, with everything that refuses and what to do."""
    refusing = [problem for problem in found if problem.refuses]
    if refusing:
        raise ConfigError("\n".join(f"{each.text}: {each.what_to_do}" for each in refusing))


def is_loopback(bind: str) -> bool:
    """Whether only this machine can reach what is served there. A name could lead anywhere, so none but
    ``localhost`` counts."""
    if bind == "localhost" or bind.startswith("unix:"):
        return True
    address = _address(bind)
    return address is not None and address.is_loopback


def networks(trusted_proxies: Iterable[str]) -> tuple[Network, ...]:
    """The networks of declared proxies. ConfigError for what is no address and no network."""
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in trusted_proxies)
    except ValueError as exc:
        raise ConfigError(
            f"{exc}: a trusted proxy is an address or a network, as 10.0.0.5 or 10.0.0.0/28"
        ) from exc


def is_trusted(address: str, proxies: Iterable[Network]) -> bool:
    """Whether a socket's address is that of a declared proxy, so that what it says of its client counts."""
    found = _address(address)
    return found is not None and any(found in network for network in proxies)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _of_network(serving: Serving) -> Iterator[Problem]:
    try:
        proxies = networks(serving.trusted_proxies)
    except ConfigError as exc:
        yield Problem(str(exc), "correct --trusted-proxy")
        return
    for each in proxies:
        if each.prefixlen < (8 if each.version == 4 else 32):
            yield Problem(
                f"the trusted proxy {each} is nearly everybody, and each of them could claim any address",
                "name the proxy's own address with --trusted-proxy",
            )
    if is_loopback(serving.bind):
        return
    if serving.tls_certificate is None and not proxies:
        yield Problem(
            f"passwords and tokens would cross the network unencrypted (it is to listen at {serving.bind})",
            "listen at 127.0.0.1 (--host), or give --cert and --key, or name the proxy that does TLS with "
            "--trusted-proxy",
        )
    elif serving.tls_certificate is None and not all(each.is_loopback for each in proxies):
        yield Problem(
            "what the proxy sends on crosses the network unencrypted",
            "see that nobody else is on that network, or give the studio a certificate too",
            refuses=False,
        )


def _of_certificate(serving: Serving) -> Iterator[Problem]:
    certificate, key = serving.tls_certificate, serving.tls_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        yield Problem(
            "a certificate and its key go together, and one of them is not given",
            "give both --cert and --key",
        )
        return
    # Not the group: certificates are commonly shared with one, as Debian's ssl-cert.
    closed = list(_open_to(key, 0o007, "the certificate's key", f"chmod o= {key}"))
    yield from closed
    if closed:
        return
    try:
        # An encrypted key is refused rather than asked for: nothing here waits for a terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as exc:
        said = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        yield Problem(
            f"{certificate} and {key} are not a certificate and its unencrypted key ({said})",
            "give the certificate's chain and its key, both as PEM",
        )


def _of_data(serving: Serving) -> Iterator[Problem]:
    folder, key = serving.data_dir, serving.signing_key
    yield from _open_to(folder, 0o077, "the data directory", f"chmod 700 {folder}")
    yield from _owned(folder, serving.user, "the data directory")
    yield from _replaceable(folder)
    database = folder / "studio.db"
    if os.path.exists(database):
        yield from _open_to(database, 0o077, "the studio's book", f"chmod 600 {database}")
    yield from _open_to(
        key, 0o077, "the signing key", f"chmod 600 {key}, and rotate it if others may have read it"
    )
    yield from _owned(key, serving.user, "the signing key")


def _of_user(serving: Serving) -> Iterator[Problem]:
    if serving.user == 0:
        yield Problem(
            "the studio runs as root, so a fault in it would be one of the whole machine",
            "run it as a user of its own, as mountfs-studio.service does",
            refuses=False,
        )


def _open_to(path: Path, others: int, what: str, what_to_do: str) -> Iterator[Problem]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as exc:
        yield Problem(f"{what} {path} cannot be looked at ({exc.strerror})", "see that it is there")
        return
    if mode & others:
        yield Problem(f"others may open {what} {path} (its mode is {mode:04o})", what_to_do)


def _owned(path: Path, user: int, what: str) -> Iterator[Problem]:
    try:
        owner = path.stat().st_uid
    except OSError:
        return  # told already
    if owner not in (user, 0):
        yield Problem(
            f"{what} {path} belongs to user {owner}, who could change it", f"chown -R {user} {path}"
        )


def _replaceable(folder: Path) -> Iterator[Problem]:
    """A folder above, in which others may rename: they could put a data directory of theirs in its place."""
    for above in folder.absolute().parents:
        try:
            mode = os.stat(above).st_mode
        except OSError:
            continue
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield Problem(
                f"everybody may rename what is in {above}, the data directory too",
                f"chmod o-w {above}, or chmod +t",
                refuses=False,
            )
