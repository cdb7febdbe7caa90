"""What each error is to whoever asked over the network: the one table of the studio.

An error is looked up by its class, then by the classes it derives from. What a viewer may not see is
answered with the same bytes as what never existed.
"""

from __future__ import annotations

import logging

from mountfs import errors, wire

log = logging.getLogger(__name__)

STATUS: dict[type[BaseException], int] = {
    errors.NotFound: 404,
    errors.Refused: 403,
    errors.LostRace: 409,
    errors.NameTaken: 409,
    errors.NameInvalid: 422,
    errors.ManifestInvalid: 422,
    errors.ChunkCorrupt: 422,
    errors.ContentError: 410,
    errors.WireError: 422,
    errors.Unauthenticated: 401,
    errors.AddressInvalid: 403,
    errors.WeakPassword: 422,
    errors.TooMany: 429,
    errors.LimitExceeded: 413,
    errors.ProjectBusy: 503,
    errors.ProjectFileError: 503,
    errors.StorageUnavailable: 503,
    errors.StudioUnavailable: 503,
    errors.QuotaExceeded: 507,
}

NOTHING = wire.encode(errors.told(errors.NotFound("there is nothing like that here")))
"""The one answer to whoever asks for what is not there, or not for them."""

_FAULT = wire.encode(errors.told(errors.StudioUnavailable("something went wrong in the studio")))


def status_of(error: BaseException) -> int:
    """The status for an error; 500 for everything unknown."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def response_to(error: Exception) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers for an error."""
    status = status_of(error)
    headers = {}
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.retry_after)
    elif status == 503:
        headers["Retry-After"] = "1"
    elif status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.NotFound):
        return status, NOTHING, headers
    if status == 503 and not isinstance(error, errors.ProjectBusy):
        log.error("the studio cannot answer: %s", error)  # what it says is about the server's disk
        return status, _FAULT, headers
    if not isinstance(error, errors.MountfsError) or status == 500:
        return 500, _FAULT, headers
    return status, wire.encode(errors.told(error)), headers
