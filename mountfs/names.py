"""Names: how a file's name lies in a project, which names may be, and what a folder shows.

In a project an asset has a *name* and an *extension* (with its dot); on disk there is one file name. It is
cut at its last dot, but the name is never empty: ``archive.tar.gz`` is ``archive.tar`` + ``.gz``, and
``.cfg`` is ``.cfg`` without an extension.

Other programs write project files too, so a folder may hold rows whose file names are equal (``a.tar`` +
``.gz`` beside ``a`` + ``.tar.gz``, an asset beside a collection) or that no Linux folder can show.
`shown_names` gives each of them a name, always the same one for the same rows. It must be given only what
the viewer sees: otherwise a strange suffix would tell of a neighbour they may not know of.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count
from urllib.parse import quote, urlsplit

from mountfs.errors import NameInvalid
from mountfs.model import Asset, AssetId, Collection, CollectionId

MAX_NAME_BYTES = 255
"""What Linux allows for one name, in bytes of UTF-8."""

LINK_SUFFIX = ".url"
"""What a link's file name ends in."""

# Control characters, and those that turn the direction of text around, so that "gpj.exe" reads as "exe.jpg".
_DECEIVING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_UNSHOWABLE = re.compile(_DECEIVING.pattern[:-1] + "/\ud800-\udfff]")

# A program that finds one of these runs what is inside it, merely because somebody looked into the folder.
_RUNS_CODE = re.compile(
    r"\.git|\.hg|\.svn|\.envrc|\.vscode|autorun\.inf|.*\.desktop", re.IGNORECASE | re.DOTALL
)
_STRAY_PERCENT = re.compile("%(?![0-9a-fA-F]{2})")
_RESERVED_AT_ROOT = re.compile(r"\.checkpoints|\.snapshots|\.trash.*", re.IGNORECASE | re.DOTALL)


def split(file_name: str) -> tuple[str, str]:
    """The (name, extension) of a file name. Joining them again gives the file name."""
    dot = file_name.rfind(".")
    return (file_name, "") if dot <= 0 else (file_name[:dot], file_name[dot:])


def file_text(name: bytes) -> str:
    """A name of a folder as text. NameInvalid unless it is UTF-8."""
    try:
        return name.decode()
    except UnicodeDecodeError as exc:
        raise NameInvalid("a name must be UTF-8") from exc


def file_name(thing: Asset | Collection) -> str:
    """The name a row asks for; `shown_names` decides whether it gets it. Links end in ``.url``."""
    if isinstance(thing, Collection):
        return thing.name
    whole = thing.name + thing.extension
    return whole + LINK_SUFFIX if thing.is_link and not whole.lower().endswith(LINK_SUFFIX) else whole


def problem(file_name: str, *, at_root: bool = False) -> str | None:
    """Why this cannot be the name of a new asset or collection, in words for people; None if it can."""
    name, extension = split(file_name)
    if not file_name:
        return "a name cannot be empty"
    if file_name in (".", ".."):
        return "this name has a meaning of its own"
    if "/" in file_name:
        return "a name cannot contain a slash"
    if _DECEIVING.search(file_name):
        return "a name cannot contain control characters or ones that change the direction of text"
    try:
        size = len(file_name.encode())
    except UnicodeEncodeError:
        return "a name must be UTF-8"
    if size > MAX_NAME_BYTES:
        return f"a name can have {MAX_NAME_BYTES} bytes at most, this has {size}"
    if not unicodedata.is_normalized("NFC", file_name):
        return "a name must be in the composed form of Unicode (NFC); rename it, for example with convmv"
    # Both parts, because other programs that open the project trim each of them when they write it.
    if name != name.strip() or extension != extension.strip():
        return "a name cannot begin or end with white space, nor have it before its extension"
    if is_local_only(file_name):
        return "files of this name make programs run code, so they are never kept in a project"
    if at_root and is_reserved(file_name):
        return "this name is reserved at the top of a project"
    return None


def require_valid(file_name: str, *, at_root: bool = False) -> None:
    """NameInvalid unless this can be the name of a new asset or collection."""
    if why := problem(file_name, at_root=at_root):
        raise NameInvalid(f"{printable(file_name)}: {why}")


def is_local_only(file_name: str) -> bool:
    """Whether the name makes other programs run code: such files are never sent, and never shown."""
    return _RUNS_CODE.fullmatch(file_name) is not None


def is_reserved(file_name: str) -> bool:
    """Whether the name means something of its own at the top of a mount."""
    return _RESERVED_AT_ROOT.fullmatch(file_name) is not None


def shown_names(
    things: Iterable[Asset | Collection], *, at_root: bool = False
) -> dict[AssetId | CollectionId, str]:
    """The name under which a folder shows each of its things; ids that are not in the answer are not shown.

    ``things`` is everything that *the viewer sees* in this folder. Of rows that want the same name the
    oldest (then the one with the smaller id) keeps it; each other one becomes ``NAME (id8).ext`` with the
    beginning of its id. Characters that cannot be shown become ``%2F`` and the like. The answer depends on
    nothing but the rows, so everybody who sees the same rows sees the same names.
    """
    shown: dict[AssetId | CollectionId, str] = {}
    taken: set[str] = set()
    later: list[tuple[Asset | Collection, str]] = []
    numbers = count(2)
    for thing in sorted(things, key=lambda thing: (thing.created_at, thing.id)):
        wanted = file_name(thing)
        if is_local_only(wanted):
            continue
        plain = showable(wanted)
        if plain in taken or len(plain.encode()) > MAX_NAME_BYTES or (at_root and is_reserved(plain)):
            later.append((thing, plain))
            continue
        taken.add(plain)
        shown[thing.id] = plain
    for thing, plain in later:
        name = next(name for name in with_ids(plain, thing.id, numbers) if name not in taken)
        taken.add(name)
        shown[thing.id] = name
    return shown


def showable(file_name: str) -> str:
    """The name, with characters that no folder can show or that would deceive as ``%`` and hex bytes."""
    if file_name in ("", ".", ".."):
        return "%2E" * len(file_name) or "%00"
    if not _UNSHOWABLE.search(file_name):
        return file_name
    return _UNSHOWABLE.sub(_percent, file_name)


def printable(text: str) -> str:
    """Text from a project or a folder as it may reach a terminal: with control characters spelled out."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode("ascii")
        for char in text
    )


def link_body(pointer: str) -> bytes:
    """What the file of a link holds: the smallest shortcut that desktops open.

    Two lines, of which one is ``URL=`` and the address, percent-encoded. The header is there because without
    it neither KDE nor Windows nor macOS takes the file for a shortcut. Anything but http and https gives an
    empty file: an address such as ``file:`` or ``javascript:`` would act on the machine of whoever opens it.
    """
    address = pointer.strip()
    if not opens_in_browser(address):
        return b""
    address = _STRAY_PERCENT.sub("%25", address)  # what is encoded already stays as it is
    encoded = quote(address, safe="%:/?#[]@!$&'()*+,;=-._~", errors="surrogatepass")
    return f"[InternetShortcut]\nURL={encoded}\n".encode("ascii")


def opens_in_browser(pointer: str) -> bool:
    """Whether a link's address is one of http or https with a host."""
    try:
        parts = urlsplit(pointer.strip())
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def with_ids(file_name: str, id_: str, numbers: Iterator[int]) -> Iterator[str]:
    """``NAME (id8).ext``, the same with more of the id, then with numbers and without end: a foreign file may
    hold ids that differ in nothing but what is too long to be shown."""
    yield from (with_id(file_name, id_[:length]) for length in (8, 13, 36))
    for number in numbers:
        yield with_id(file_name, f"{id_[:8]}-{number}")


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "surrogatepass"))


def with_id(file_name: str, short_id: str) -> str:
    """``NAME (id).ext``, shortened at the end of NAME until it fits."""
    name, extension = split(file_name)
    label = showable(short_id).encode()[: MAX_NAME_BYTES // 3].decode(errors="ignore")
    tail = f" ({label}){extension}"
    if len(tail.encode()) > MAX_NAME_BYTES // 2:  # the dot was no extension's
        name, tail = file_name, f" ({label})"
    room = MAX_NAME_BYTES - len(tail.encode())
    return name.encode()[:room].decode(errors="ignore") + tail


def folded(name: bytes) -> str:
    """A name without its case, for telling names that differ in nothing else."""
    return unicodedata.normalize("NFC", name.decode(errors="surrogateescape")).casefold()
