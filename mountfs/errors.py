"""What can go wrong, by what happened; a boundary decides what to do about it.

::

    MountfsError
    ├── NotFound              it is not there, or not for these eyes: nobody can tell which
    │   └── UserUnknown       nobody in the project is called so
    ├── Refused               the studio's authoritative no
    │   ├── NotPermitted      the role lacks a toggle
    │   ├── NotAssigned       a task belongs to somebody else
    │   ├── WouldWiden        the act would show something to someone new
    │   ├── BeyondSight       the act would reach things that the viewer does not see
    │   ├── LostRace          the head moved since the content was made
    │   ├── NameTaken         the name is not available
    │   ├── NameInvalid       a name that cannot be one
    │   ├── ManifestInvalid   chunks absent, sizes that do not add up
    │   ├── AdminsOnly        an act of those who run the studio
    │   ├── WrongPassword     the old password, when another one is chosen: the session goes on
    │   ├── WeakPassword      a password that others would guess
    │   └── RoleRule          the admin role is fixed, and at least one admin stays
    ├── ContentError          bytes that are not what they should be
    │   ├── ChunkMissing      the store does not have it
    │   ├── ChunkCorrupt      the bytes do not match their name
    │   └── ChecksumMismatch  a whole file does not match its recorded XXH3
    ├── ProjectFileError      this file cannot be used (so)
    │   ├── NotAProject       no project file, or a damaged one
    │   ├── WrongVersion      written by a newer or too old program
    │   ├── ForeignSchema     it carries a trigger that nobody here knows
    │   ├── ProjectBusy       another process holds its lock for too long
    │   └── ProjectReplaced   the path is no longer the file that was opened
    ├── StudioDataError       a studio's data directory cannot be used
    ├── LocalStateError       what a mount keeps on this machine cannot be used
    ├── QuotaExceeded         local changes take all the room they may
    ├── StorageUnavailable    the place where chunks lie cannot be read or written
    ├── AddressInvalid        a signed address was changed, or has expired
    ├── TooMany               too much was asked for in too short a time
    ├── LimitExceeded         larger or longer than the studio takes
    ├── WireError             an answer or a question that makes no sense
    ├── StudioUnavailable     the studio cannot be asked now: nothing was decided
    ├── Unauthenticated       the studio knows no session of whoever asks
    ├── KeyringUnavailable    the token cannot be read from, or put, where it is kept
    ├── DeadlineExceeded      no answer in time
    ├── MountError            mounting or unmounting did not work
    └── ConfigError           the configuration says something impossible

Never decide by the text of a message. The texts are for people: what happened, and what to do next.
The three tables that say what to do are ``fs/errnos.py``, ``studio/responses.py`` (with the server) and
``cli/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from mountfs.model import ChunkId, Toggle


class MountfsError(Exception):
    """Anything that mountfs itself reports. The text is one sentence for people."""


class NotFound(MountfsError):
    """It is not there, or this viewer may not see it: the answer is the same, byte for byte."""


class UserUnknown(NotFound):
    """Nobody in the project is called so. Told only to whoever holds the project file."""


class Refused(MountfsError):
    """The studio's authoritative no."""


class NotPermitted(Refused):
    """The viewer's role lacks a toggle."""

    def __init__(self, toggle: Toggle) -> None:
        super().__init__(f"your role does not allow this (it lacks {toggle.value})")
        self.toggle = toggle


class NotAssigned(Refused):
    """Only the assignee of a task may record its checkpoints."""


class WouldWiden(Refused):
    """The act would show something to someone new, and the actor may not do that here."""


class BeyondSight(Refused):
    """The act would reach things that the viewer does not see."""


class LostRace(Refused):
    """The head is no longer the checkpoint that the content was made from."""


class NameTaken(Refused):
    """The name is not available in that folder."""


class NameInvalid(Refused):
    """The name cannot be the name of an asset or collection."""


class ManifestInvalid(Refused):
    """The manifest names chunks that are not there for this committer, or its sizes do not add up."""


class AdminsOnly(Refused):
    """An act of those who run the studio."""


class WrongPassword(Refused):
    """The old password is wrong, where somebody who is logged in chooses another. Their session goes on."""


class WeakPassword(Refused):
    """The password is one that others would guess; the text says in what way."""


class RoleRule(Refused):
    """The admin role is fixed, and at least one admin stays."""


class ContentError(MountfsError):
    """Bytes that are not what they should be. They are never shown."""


class ChunkMissing(ContentError):
    """The store has no chunk of this name."""

    def __init__(self, chunk: ChunkId) -> None:
        super().__init__(f"chunk {chunk} is missing from the store")
        self.chunk = chunk


class ChunkCorrupt(ContentError):
    """The stored bytes are not a frame of the chunk they are named after."""

    def __init__(self, chunk: ChunkId, why: str) -> None:
        super().__init__(f"chunk {chunk} is damaged: {why}")
        self.chunk = chunk
        self.why = why


class ChecksumMismatch(ContentError):
    """Every chunk is right, and yet the whole file is not the one that was recorded."""


class ProjectFileError(MountfsError):
    """A project file cannot be used, or not in this way."""


class NotAProject(ProjectFileError):
    """Not a project file, or one that is damaged beyond use."""


class WrongVersion(ProjectFileError):
    """Written by a newer program (reading is allowed) or by one too old."""


class ForeignSchema(ProjectFileError):
    """The file carries a trigger, which is code, that nobody here knows."""


class ProjectBusy(ProjectFileError):
    """Another process held the file's write lock longer than the deadline."""


class ProjectReplaced(ProjectFileError):
    """The path no longer leads to the file that was opened: nothing more is written to it."""


class StudioDataError(MountfsError):
    """A studio's data directory cannot be used: there is no studio in it, or another version's."""


class LocalStateError(MountfsError):
    """What a mount keeps on this machine (journal, drafts) cannot be used."""


class QuotaExceeded(MountfsError):
    """Local changes or local files take all the room that they may."""


class StorageUnavailable(MountfsError):
    """The place where chunks lie cannot be read or written."""


class StudioUnavailable(MountfsError):
    """The studio cannot be asked now. Nothing was decided: whoever has something to send tries later."""


class Unauthenticated(MountfsError):
    """The studio knows no session of whoever asks. A certain answer, and no verdict on what was asked: it may
    be asked again after ``mountfs login``."""


class KeyringUnavailable(MountfsError):
    """A session's token cannot be read from, or put into, the place where it is kept."""


class AddressInvalid(MountfsError):
    """A signed address was changed, or has expired. No verdict on who asks, who may ask for another one."""


class TooMany(MountfsError):
    """Too much was asked for in too short a time."""

    retry_after = 1
    """Seconds; one, where another process has not said it."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts: try again in {retry_after} s")
        self.retry_after = retry_after


class LimitExceeded(MountfsError):
    """Something is larger or longer than the studio takes."""


class WireError(MountfsError):
    """What came over the network cannot be what it says it is."""


class DeadlineExceeded(MountfsError):
    """No answer in time."""


class MountError(MountfsError):
    """Mounting or unmounting did not work; the text says what to do."""


class ConfigError(MountfsError):
    """The configuration says something impossible."""


def told(error: MountfsError) -> dict[str, str]:
    """An error on its way to another process."""
    return {"error": str(error), "kind": type(error).__name__}


def heard(answer: Mapping[str, str]) -> MountfsError:
    """What `told` told: an error of the same class, so that it means the same here."""
    kind = globals().get(answer["kind"], MountError)
    if not (isinstance(kind, type) and issubclass(kind, MountfsError)):
        kind = MountError
    error: MountfsError = kind.__new__(kind)  # each class makes its text in its own way, and it is made
    error.args = (answer["error"],)
    return error
