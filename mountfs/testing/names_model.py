"""What names have to show, in the smallest model of it: users of one shared folder, each with a mount.

A user's change of a name shows to that user at once, and to everybody when it is *settled*. Until then the
name is *claimed*: nobody else touches it (who does loses a race, which a test makes separately). Quiet and
grace times are thought of as endless: what one user does to a name between two settlements is one version.

`NamesModel` holds the project as it was settled and what each user claims. `view` is what a user sees, and
`outcomes` what settling may make of each claim: a name that was only written has exactly its last content as
its new version; where names moved, contents in between may be versions too.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

Path = str
History = tuple[bytes, ...]
"""The contents of an asset's versions, oldest first."""


class Place(Enum):
    """Where the asset of a claimed name is once it is settled."""

    HERE = "here"
    TRASH = "trash"
    NOWHERE = "nowhere"
    """It is no asset, or it has another name now."""


@dataclass(slots=True)
class Claim:
    """What one user did to a name since it was settled."""

    content: bytes | None
    """What is there now; None: nothing."""
    asset: Path | None = None
    """Where the asset was settled whose file moved here; None: the file is no asset's, or this name's own."""
    written: list[bytes] = field(default_factory=list)
    """All contents that were here."""
    moved: bool = False
    """Whether anything was renamed away from here or removed."""
    own: bool = False
    """Whether what is here was written here."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What may become of one claimed name."""

    place: Place
    content: bytes = b""
    """The last content of its history."""
    or_content: tuple[bytes, ...] = ()
    """Or any of these."""
    before: tuple[History, ...] = ()
    """Its history goes on from any of these."""
    between: tuple[bytes, ...] = ()
    """Each of these may be a version of its own, in this order."""
    optional: bool = False
    """Whether it may be nowhere instead."""

    def allows(self, history: History) -> bool:
        """Whether this may be its history."""
        if not history or history[-1] not in (self.content, *self.or_content):
            return False
        if any(one == two for one, two in itertools.pairwise(history)):
            return False
        return any(
            history[: len(before)] == before and is_part(history[len(before) : -1], self.between)
            for before in self.before
        )


def is_part(some: Iterable[object], all_: Iterable[object]) -> bool:
    """Whether these are among those, in the same order."""
    rest = iter(all_)
    return all(any(one == other for other in rest) for one in some)


def folder_of(path: Path) -> Path:
    """The folder of a path; empty at the top."""
    return path.rpartition("/")[0]


class NamesModel:
    """The project and its users' claims. Paths are files, at most one folder deep."""

    def __init__(self, users: Iterable[str]) -> None:
        self.assets: dict[Path, History] = {}
        self.trash: list[tuple[Path, History]] = []
        self.folders: set[Path] = {""}
        self.claims: dict[str, dict[Path, Claim]] = {user: {} for user in users}
        self.scratch: dict[str, dict[Path, Claim]] = {user: {} for user in self.claims}
        """Files whose names stay local."""
        self.local_folders: dict[str, set[Path]] = {user: set() for user in self.claims}

    # What there is

    def view(self, user: str) -> dict[Path, bytes]:
        """The files a user sees, with their contents."""
        seen = {path: history[-1] for path, history in self.assets.items()}
        for path, claim in [*self.claims[user].items(), *self.scratch[user].items()]:
            seen.pop(path, None)
            if claim.content is not None:
                seen[path] = claim.content
        return seen

    def view_folders(self, user: str) -> set[Path]:
        """The folders a user sees."""
        return self.folders | self.local_folders[user]

    def may_touch(self, user: str | None, path: Path) -> bool:
        """Whether nobody but this user claims the path, its folder, or anything in it."""
        for other in self.claims:
            claimed = {*self.claims[other], *self.local_folders[other]}
            if other != user and (
                {path, folder_of(path)} & claimed or any(folder_of(each) == path for each in claimed)
            ):
                return False
        return True

    # What users do

    def write(self, user: str, path: Path, content: bytes, *, stays: bool = False) -> None:
        """A file at a name has whole new content. ``stays``: its name stays local."""
        claim = self._fill(user, path, content, stays=stays)
        claim.own = True

    def unlink(self, user: str, path: Path) -> None:
        """A name is removed."""
        self._leave(user, path)

    def rename(self, user: str, path: Path, to: Path, *, stays: bool = False) -> None:
        """A file gets another name; what was there is replaced. ``stays``: the new name stays local."""
        content = self.view(user)[path]
        asset = self._leave(user, path)
        if to in self.assets and not stays:
            asset = None  # it is the next version of what is there
        claim = self._fill(user, to, content, stays=stays)
        claim.asset, claim.own = asset, False

    def mkdir(self, user: str, path: Path) -> None:
        """A new folder."""
        self.local_folders[user].add(path)

    def rmdir(self, user: str, path: Path) -> None:
        """An empty folder is removed; nobody claims anything in it."""
        self.local_folders[user].discard(path)
        self.folders.discard(path)
        self.trash = [(place, history) for place, history in self.trash if folder_of(place) != path]

    # What becomes of it

    def outcomes(self, user: str, *, killed: bool = False) -> dict[Path, Outcome]:
        """What settling makes of each name a user claims; ``killed``: names that were empty are filled again,
        because the mount died first.
        """
        claims = self.claims[user]
        return {
            path: self._of_asset(user, path, claim, killed=killed)
            if path in self.assets
            else self._of_new(claims, path, claim, killed=killed)
            for path, claim in claims.items()
        }

    def _of_asset(self, user: str, path: Path, claim: Claim, *, killed: bool) -> Outcome:
        history = self.assets[path]
        if claim.content is not None:
            between = tuple(claim.written) if claim.moved else ()
            return Outcome(Place.HERE, claim.content, (), (history,), between)
        last = claim.written[-1] if claim.written else history[-1]
        place = Place.TRASH
        if killed or any(each.asset == path for each in self.scratch[user].values()):
            place = Place.HERE
        elif any(each.asset == path and each.content is not None for each in self.claims[user].values()):
            place = Place.NOWHERE
        # What was written to its file where it was moved comes back with it.
        moved = [
            each
            for each in (*self.claims[user].values(), *self.scratch[user].values())
            if killed and each.asset == path and each.own
        ]
        return Outcome(
            place,
            last,
            or_content=tuple(each.written[-1] for each in moved),
            before=(history,),
            between=(*claim.written, *(content for each in moved for content in each.written)),
        )

    def _of_new(self, claims: Mapping[Path, Claim], path: Path, claim: Claim, *, killed: bool) -> Outcome:
        if claim.content is None:
            return Outcome(Place.NOWHERE)
        between = tuple(claim.written) if claim.moved else ()
        before: tuple[History, ...] = tuple(history for place, history in self.trash if place == path)
        before = before or ((),)
        if claim.asset is None:
            return Outcome(Place.HERE, claim.content, (), before, between)
        if killed:
            return Outcome(Place.HERE, claim.content, (), before, tuple(claim.written), optional=True)
        moved = self.assets[claim.asset]
        between = (*claims[claim.asset].written, *claim.written)
        # A file that was made here a moment ago, and replaced by the asset's, may have been the next version.
        replaces = claim.moved or len(claim.written) > 1
        return Outcome(Place.HERE, claim.content, (), (moved, *(before if replaces else ())), between)

    def settle(
        self,
        user: str,
        found: Mapping[Path, History],
        trashed: Sequence[History],
        folders: Collection[Path],
        *,
        seen_after_kill: Mapping[Path, bytes] | None = None,
    ) -> list[str]:
        """Take over what was found: histories by path, those in the trash, and folders; and, if the mount was
        killed, what the user sees since. What is wrong with it, in words; nothing is taken over then.
        """
        killed = seen_after_kill is not None
        outcomes = self.outcomes(user, killed=killed)
        wrong = [
            f"{path} has {found.get(path)}, and the trash {trashed}; it should be {outcome}"
            for path, outcome in outcomes.items()
            if not self._is(path, outcome, found, trashed)
        ]
        wrong += [
            f"{path} was {history} and is {found.get(path)}"
            for path, history in self.assets.items()
            if path not in outcomes and found.get(path) != history
        ]
        wrong += [f"{path} came from nowhere" for path in found.keys() - outcomes.keys() - self.assets.keys()]
        there = [*found.values(), *trashed]
        wrong += [
            f"{history} has gone"
            for history in [*self.assets.values(), *(history for _, history in self.trash)]
            if not any(each[: len(history)] == history for each in there)
        ]
        if seen_after_kill is not None:
            kept = [content for path, content in seen_after_kill.items() if path in self.scratch[user]]
            wrong += [
                f"{path} was {claim.content!r} and is lost"
                for path, claim in (*self.claims[user].items(), *self.scratch[user].items())
                if (claim.own or claim.asset is None)
                and claim.content is not None
                and not any(claim.content in history for history in (kept, *there))
            ]
        if wrong:
            return wrong
        known = [history for _, history in self.trash]
        gone = dict.fromkeys(history for history in trashed if history not in known)
        back = [history for history in known if history not in trashed]
        self.trash = [(path, history) for path, history in self.trash if history not in back]
        for path, outcome in outcomes.items():
            if outcome.place is Place.TRASH:
                self.trash += [(path, history) for history in gone if outcome.allows(history)]
        self.assets = dict(found)
        self.claims[user].clear()
        for path in [path for path in self.scratch[user] if killed and path not in (seen_after_kill or {})]:
            del self.scratch[user][path]
        for claim in self.scratch[user].values():
            claim.asset = None
        self.folders |= set(folders)
        for local in self.local_folders.values():
            local -= self.folders
        return []

    @staticmethod
    def _is(path: Path, outcome: Outcome, found: Mapping[Path, History], trashed: Sequence[History]) -> bool:
        if outcome.place is Place.HERE:
            return outcome.allows(found[path]) if path in found else outcome.optional
        if outcome.place is Place.TRASH:
            return path not in found and any(map(outcome.allows, trashed))
        return path not in found

    # Inside

    def _fill(self, user: str, path: Path, content: bytes, *, stays: bool) -> Claim:
        if not stays:
            # The name goes on without the file that was here: that is a file of its own now.
            for other in (*self.claims[user].values(), *self.scratch[user].values()):
                if other.asset == path:
                    other.asset = None
        there = (self.scratch if stays else self.claims)[user]
        claim = there.setdefault(path, Claim(None))
        claim.content = content
        claim.written.append(content)
        return claim

    def _leave(self, user: str, path: Path) -> Path | None:
        """A file leaves its name; where its asset was settled, if it has one."""
        scratch = self.scratch[user].pop(path, None)
        if scratch is not None:
            return scratch.asset
        claim = self.claims[user].setdefault(path, Claim(None))
        asset = path if path in self.assets else claim.asset
        claim.content, claim.asset, claim.moved = None, None, True
        return asset
