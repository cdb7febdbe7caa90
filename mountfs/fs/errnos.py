"""What each error is to a program that makes a system call: the one table of the mount.

An error is looked up by its class, then by the classes it derives from. Whatever is not in the table is EIO:
an unknown number would be worse than a plain "it did not work" (the kernel hangs callers on some of them).
"""

from __future__ import annotations

import errno

from mountfs import errors

ERRNOS: dict[type[BaseException], int] = {
    # What may not be seen answers exactly like what never existed.
    errors.NotFound: errno.ENOENT,
    errors.Refused: errno.EACCES,
    errors.NameTaken: errno.EEXIST,
    errors.NameInvalid: errno.EINVAL,
    # Not EDQUOT: of what fails while cached pages are written the kernel passes on this one number, and
    # makes EIO of all others.
    errors.QuotaExceeded: errno.ENOSPC,
    # "Network is unreachable", and "Key has expired": whoever reads that knows what to do.
    errors.StudioUnavailable: errno.ENETUNREACH,
    errors.Unauthenticated: errno.EKEYEXPIRED,
    errors.MountfsError: errno.EIO,
}


def errno_of(error: BaseException) -> int:
    """The errno for an error; EIO for everything unknown."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return error.errno
    for kind in type(error).__mro__:
        if kind in ERRNOS:
            return ERRNOS[kind]
    return errno.EIO
