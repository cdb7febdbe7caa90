"""Calls on what is open: read, write, seek, map, copy, sync and lock."""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
import struct
import termios
from collections.abc import Callable

from mountfs.testing.replay import kernel
from mountfs.testing.replay.place import Call, Outcome, Place, error_name, flag_bits, repeated
from mountfs.testing.replay.recording import Operation

_FICLONE = 0x40049409
_PAGE = 4096
_SEEK = {"SEEK_SET": os.SEEK_SET, "SEEK_CUR": os.SEEK_CUR, "SEEK_END": os.SEEK_END}
_MOST = 1 << 30  # no single call moves more, however much a tool asks for


def _open(place: Place, operation: Operation) -> None:
    flags = flag_bits(os, operation["flags"])
    descriptor = os.open(place.path(operation["path"]), flags, int(operation.get("mode", "0"), 8))
    if "h" in operation:
        place.handles[operation["h"]] = descriptor
    else:
        os.close(descriptor)


def _close(place: Place, operation: Operation) -> None:
    os.close(place.handle(operation))
    del place.handles[operation["h"]]


def _dup(place: Place, operation: Operation) -> None:
    place.handles[operation["newh"]] = os.dup(place.handle(operation))


def _transfer(operation: Operation, call: Callable[[int], bytes | int]) -> Outcome:
    """All repetitions of a read or a write; the first that moves another amount than recorded is the last."""
    wanted = operation.get("ret", operation["length"])
    data = bytearray()
    for repetition in repeated(operation):
        moved = call(repetition)
        if isinstance(moved, bytes):
            data += moved
            moved = len(moved)
        if moved != wanted:
            return Outcome(seen={"length": moved}, recorded={"length": wanted}, data=bytes(data))
    return Outcome(data=bytes(data))


def _offset(operation: Operation, repetition: int) -> int:
    return int(operation["offset"] + repetition * operation.get("step", 0))


def _read(place: Place, operation: Operation) -> Outcome:
    descriptor, length = place.handle(operation), min(operation["length"], _MOST)
    return _transfer(operation, lambda _: os.read(descriptor, length))


def _pread(place: Place, operation: Operation) -> Outcome:
    descriptor, length = place.handle(operation), min(operation["length"], _MOST)
    return _transfer(operation, lambda n: os.pread(descriptor, length, _offset(operation, n)))


def _write(place: Place, operation: Operation) -> Outcome:
    descriptor, length = place.handle(operation), operation.get("ret", operation["length"])
    return _transfer(operation, lambda n: os.write(descriptor, place.content(operation.number, n, length)))


def _pwrite(place: Place, operation: Operation) -> Outcome:
    descriptor, length = place.handle(operation), operation.get("ret", operation["length"])
    return _transfer(
        operation,
        lambda n: os.pwrite(descriptor, place.content(operation.number, n, length), _offset(operation, n)),
    )


def _lseek(place: Place, operation: Operation) -> Outcome | None:
    descriptor, position = place.handle(operation), 0
    for _ in repeated(operation):
        position = os.lseek(descriptor, operation["offset"], _SEEK[operation["whence"]])
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        return None  # positions in a folder are the file system's own
    return Outcome(seen={"position": position}, recorded={"position": operation["ret"]})


def _ftruncate(place: Place, operation: Operation) -> None:
    os.ftruncate(place.handle(operation), operation["length"])


def _fsync(place: Place, operation: Operation) -> None:
    os.fsync(place.handle(operation))


def _fdatasync(place: Place, operation: Operation) -> None:
    os.fdatasync(place.handle(operation))


def _fadvise(place: Place, operation: Operation) -> None:
    advice = getattr(os, operation["advice"])
    os.posix_fadvise(place.handle(operation), operation["offset"], operation["length"], advice)


def _mmap(place: Place, operation: Operation) -> Outcome | None:
    """Map, and touch all of it at once: what a mapping reads and writes later is not in a recording."""
    descriptor = place.handle(operation)
    length = min(operation["length"], os.fstat(descriptor).st_size - operation["offset"])
    if length <= 0:
        return None  # a mapping behind the end may not be touched
    mapping = mmap.mmap(
        descriptor,
        length,
        flag_bits(mmap, operation["flags"]),
        flag_bits(mmap, operation["prot"]),
        offset=operation["offset"],
    )
    place.maps[operation["map"]] = mapping
    data = mapping[:] if "PROT_READ" in operation["prot"] else b""
    if "PROT_WRITE" in operation["prot"] and "MAP_SHARED" in operation["flags"]:
        content = place.content(operation.number, 0, length)
        for page in range(0, length, _PAGE):
            mapping[page] = content[page]
    return Outcome(data=data)


def _munmap(place: Place, operation: Operation) -> None:
    mapping = place.maps.pop(operation["map"], None)
    if mapping is not None:
        mapping.close()


def _msync(place: Place, operation: Operation) -> None:
    mapping = place.maps.get(operation["map"])
    if mapping is not None:
        mapping.flush()


def _copy(place: Place, operation: Operation, call: Callable[[int, int, int], int]) -> Outcome:
    """A copy between two descriptors. An end that is not recorded was outside the folder."""
    wanted = min(operation.get("ret", operation["length"]), _MOST)
    source = place.handle(operation, "h_in") if "h_in" in operation else place.outside_file()
    target = place.handle(operation, "h_out") if "h_out" in operation else place.outside_file()
    if "h_in" not in operation and not operation.error:
        os.pwrite(source, place.content(operation.number, 0, wanted), 0)
        os.lseek(source, 0, os.SEEK_SET)
    if not wanted:  # the last call, which finds the end
        return Outcome(seen={"length": call(source, target, _PAGE)}, recorded={"length": 0})
    done = 0
    while done < wanted and (moved := call(source, target, wanted - done)):  # in as many pieces as it likes
        done += moved
    return Outcome(seen={"length": done}, recorded={"length": wanted})


def _copy_file_range(place: Place, operation: Operation) -> Outcome:
    return _copy(place, operation, os.copy_file_range)


def _sendfile(place: Place, operation: Operation) -> Outcome:
    def call(source: int, target: int, length: int) -> int:
        return os.sendfile(target, source, None, length)  # None: from where it is

    return _copy(place, operation, call)


def _flock(place: Place, operation: Operation) -> None:
    fcntl.flock(place.handle(operation), flag_bits(fcntl, operation["how"]))


def _fcntl_lock(place: Place, operation: Operation) -> None:
    what = struct.pack(
        "hhqqi4x",
        getattr(fcntl, operation["type"]),
        _SEEK[operation["whence"]],
        operation["start"],
        operation["len"],
        0,
    )
    fcntl.fcntl(place.handle(operation), getattr(fcntl, operation["cmd"]), what)


def _fcntl(place: Place, operation: Operation) -> None:
    fcntl.fcntl(place.handle(operation), getattr(fcntl, operation["cmd"]))


def _ioctl(place: Place, operation: Operation) -> None:
    descriptor = place.handle(operation)
    if "FICLONE" in operation["request"]:
        source = place.handle(operation, "h_in") if "h_in" in operation else place.outside_file()
        fcntl.ioctl(descriptor, _FICLONE, source)
    else:
        fcntl.ioctl(descriptor, getattr(termios, operation["request"]), bytes(64))


def _fstatfs(place: Place, operation: Operation) -> None:
    os.fstatvfs(place.handle(operation))


def _fstat(place: Place, operation: Operation) -> Outcome:
    return facts_of(operation, os.fstat(place.handle(operation)))


def _fchmod(place: Place, operation: Operation) -> None:
    os.fchmod(place.handle(operation), stat.S_IMODE(int(operation["mode"], 8)))


def _fchown(place: Place, operation: Operation) -> None:
    os.fchown(place.handle(operation), *owner_of(operation))


def _fgetxattr(place: Place, operation: Operation) -> None:
    os.getxattr(place.handle(operation), operation["name"])


def _flistxattr(place: Place, operation: Operation) -> None:
    os.listxattr(place.handle(operation))


def _fsetxattr(place: Place, operation: Operation) -> None:
    set_attribute(place.handle(operation), operation)


def _readdir(place: Place, operation: Operation) -> Outcome:
    names = kernel.rest_of_listing(place.handle(operation))
    return Outcome(
        seen={"entries": len(names)},
        recorded={"entries": max(operation["entries"] - 2, 0)},  # without . and ..
        data="\n".join(names).encode(),
    )


def facts_of(operation: Operation, found: os.stat_result) -> Outcome:
    """What a stat saw, as far as it was recorded."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    seen: dict[str, object] = {"type": kind}
    if kind == "file":
        seen["size"] = found.st_size
    if kind != "link" and operation.get("path") != ".":
        seen["perm"] = f"{stat.S_IMODE(found.st_mode):04o}"
    recorded = {fact: operation[fact] for fact in seen if fact in operation}
    return Outcome(seen={fact: seen[fact] for fact in recorded}, recorded=recorded)


def owner_of(operation: Operation) -> tuple[int, int]:
    """Whom a file is given: the caller, or what it has already (-1)."""
    user, group = (operation[field] for field in ("uid", "gid"))
    return os.getuid() if user == "self" else int(user), os.getgid() if group == "self" else int(group)


def set_attribute(file: str | int, operation: Operation) -> None:
    """Set an extended attribute; where an access list cannot be had, do what the tools do then: chmod."""
    value = bytes.fromhex(operation["value"])
    try:
        os.setxattr(file, operation["name"], value)
    except OSError as exc:
        if error_name(exc.errno or 0) not in operation.get("may_fail", ()):
            raise
        if operation["name"] == "system.posix_acl_access":
            os.chmod(file, _permissions(value))


def _permissions(access_list: bytes) -> int:
    """The permission bits that an access list of owner, group and others stands for."""
    shift = {0x01: 6, 0x04: 3, 0x20: 0}  # by tag: owner, group, others
    entries = struct.iter_unpack("<HHI", access_list[4:])
    return sum(bits << shift[tag] for tag, bits, _ in entries if tag in shift)


CALLS: dict[str, Call] = {
    "open": _open,
    "close": _close,
    "dup": _dup,
    "read": _read,
    "pread": _pread,
    "write": _write,
    "pwrite": _pwrite,
    "lseek": _lseek,
    "ftruncate": _ftruncate,
    "fsync": _fsync,
    "fdatasync": _fdatasync,
    "fadvise": _fadvise,
    "mmap": _mmap,
    "munmap": _munmap,
    "msync": _msync,
    "copy_file_range": _copy_file_range,
    "sendfile": _sendfile,
    "flock": _flock,
    "fcntl_lock": _fcntl_lock,
    "fcntl": _fcntl,
    "ioctl": _ioctl,
    "fstatfs": _fstatfs,
    "fstat": _fstat,
    "fchmod": _fchmod,
    "fchown": _fchown,
    "fgetxattr": _fgetxattr,
    "flistxattr": _flistxattr,
    "fsetxattr": _fsetxattr,
    "readdir": _readdir,
}
"""By the name that recordings have for them."""
