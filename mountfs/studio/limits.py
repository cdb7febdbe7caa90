"""How much one person, or one machine, has of a studio at a time: all of it that an operator can set.

What never changes, since both sides have to know it (how long a manifest, a body, a chunk may be), is in
`wire` and `digest`; how often somebody may guess, in `accounts.attempts`. `docs/protocol.md` lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from mountfs.errors import ConfigError

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a studio. Each holds for one account with all its sessions, or for one node token, if it
    does not say otherwise. As they are, a farm of machines with one token and empty caches meets none."""

    requests: int = 500
    """Requests a second, for as long as one likes."""
    burst: int = 10_000
    """Requests that may come at once, after a rest."""
    waiting: int = 256
    """Questions that wait for news, and event streams, at one time."""
    pending_chunks: int = 1_000_000
    """Chunks of one person in one project that were sent and are in no version yet."""
    pending_bytes: int = 1024 * _GIB
    """Bytes of them, as they were sent."""
    pending_hours: int = 48
    """Hours after which a chunk that was sent, and not put into a version, has to be sent again."""
    version_bytes: int = 1024 * _GIB
    """Bytes of the versions that one offers together, unpacked: the studio looks through them."""
    repeated_bytes: int = 64 * _GIB
    """Those of them that are in chunks which were there before in the same versions: such a version is long
    to look through and short to send."""
    tree_rows: int = 1_000_000
    """Files and folders of one project, the trash included, whoever makes them."""

    def changed(self, settings: Iterable[str]) -> Limits:
        """These limits with others in the place of some, each as ``NAME=NUMBER``. ConfigError."""
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        for setting in settings:
            name, _, value = setting.partition("=")
            name = name.strip().replace("-", "_")
            if name not in known:
                raise ConfigError(f"there is no limit {name!r}: there are {', '.join(known)}")
            number = value.strip().replace("_", "")
            if not (number.isascii() and number.isdecimal() and len(number) < 19 and int(number)):
                raise ConfigError(f"{setting!r}: a limit is a number from 1 on, as in {name}=1000")
            known[name] = int(number)
        return Limits(**known)


USUAL = Limits()
