"""How a bound studio acts: each act one transaction, checked under the write lock and written into the audit.

The catalogue is brought up to date under the lock, so whatever is checked still holds when the transaction
commits. An act leaves a row in the audit; so does a refusal, in a transaction of its own. (Versions, new
collections and their like say themselves who made them; they are audited when they are refused or show
something to someone.)

Several acts can be one transaction (`Acting.together`), or be tried and taken back: that is what every
command's ``--dry-run`` does, so that it cannot check anything but what the act itself checks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from mountfs.errors import ManifestInvalid, NotFound, NotPermitted, Refused
from mountfs.model import AssetId, Cursor, Tree
from mountfs.storage.open import Project
from mountfs.studio import audit
from mountfs.studio.catalogue import Member
from mountfs.studio.change import Change
from mountfs.studio.chunk_view import ChunkView
from mountfs.studio.findings import Content, Examination, Findings, UnexaminedError, require_as_found
from mountfs.studio.limits import Limits
from mountfs.studio.manifests import Sent
from mountfs.studio.overview import Overview
from mountfs.studio.permissions import Act, require
from mountfs.studio.reading import CatalogueReader

T = TypeVar("T")
S = TypeVar("S", bound=str)

_SELF_EVIDENT = {Act.PUBLISH, Act.CREATE_COLLECTION}
"""Acts whose rows say who did them; audited only with something to add."""


class _UndoneError(Exception):
    """Ends a transaction whose changes are not wanted."""


@dataclass(slots=True)
class _Together:
    """A transaction of several acts, and what was refused in it. ``thread`` is whose it is."""

    connection: Connection
    rehearsed: bool
    follows: bool
    thread: int = field(default_factory=threading.get_ident)
    refusals: list[tuple[Act, str, Exception]] = field(default_factory=list)


class Acting(Overview):
    """A view that can change what it shows."""

    def __init__(
        self,
        project: Project,
        reader: CatalogueReader,
        member: Member,
        *,
        is_owner: bool,
        clock: Callable[[], float],
        new_id: Callable[[], str],
        sent: Sent,
        findings: Findings,
        limits: Limits,
    ) -> None:
        super().__init__(project, reader, member, is_owner=is_owner, epoch=new_id())
        self._clock = clock
        self._new_id = new_id
        self._sent = sent
        self._findings = findings
        self._limits = limits
        self._joint: _Together | None = None
        self.because = ""
        """What the acts belong to, in one word for the audit."""
        self.recorded_as = member.person.id
        """Who the audit says it was: the viewer, or who acts in their name."""
        self.chunks = ChunkView(self, project.chunks, sent)

    @contextmanager
    def together(
        self, *, rehearse: bool = False, refusals_count: bool = False, only_one: bool = False
    ) -> Iterator[None]:
        """Make all acts of the block one transaction: all of them or, after an exception, none.

        The viewer's tree follows each act. An act that is refused leaves nothing, and the block may go on.
        With ``rehearse`` nothing is left of any of them; no refusal in the audit either, unless they are
        meant, and only what takes long was left out (``refusals_count``). The write lock is held for as long
        as the block lasts, so nothing that takes long belongs into it; what reads the file itself (history,
        manifests) reads it as it was before. In a block, a further one is part of it.

        With ``only_one`` it rehearses a single act, and nothing is looked at after that in the block: so the
        tree does not follow, and need not be read anew when all is taken back.
        """
        if self._mine() is not None:
            yield
            return
        refusals: list[tuple[Act, str, Exception]] = []
        follows = not (rehearse and only_one)
        try:
            with self._project.database.writing() as connection, self._reader.lock:
                self._joint = _Together(connection, rehearse, follows, refusals=refusals)
                try:
                    self._reader.catch_up(connection)
                    yield
                    if rehearse:
                        raise _UndoneError
                except BaseException:
                    if follows:
                        self._reader.forget()
                    raise
                finally:
                    self._joint = None
        except _UndoneError:
            pass
        except BaseException:
            if follows:
                self._reader.forget()  # the commit itself may have failed
            raise
        finally:
            for act, subject, why in refusals if refusals_count or not rehearse else ():
                self._record_refusal(act, subject, why)

    def require(self, act: Act) -> None:
        """NotPermitted, and audited, for an act that the viewer's role does not allow: for whoever has to
        look something up first, and would say that it is not there."""
        try:
            require(self.viewer(), act)
        except NotPermitted as exc:
            self._refused(act, "", exc)
            raise

    def administered(self, act: Act) -> Tree:
        """The names of everything that is not in the trash, for whoever may do an act of administration.

        For administration commands, which reach what the actor does not see: NotPermitted, and audited,
        without the right; then nothing is told of what there is. There are no versions in it. Whoever may not
        assign work, but do this, is told the names of what they see, and who is there.
        """
        self.require(act)
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            if self.is_owner:
                return self._tree(catalogue)
            everything = self._reader.reach().everything() if self.may(Act.ASSIGN) else sight
            return Tree(
                viewer,
                Cursor(""),
                {id_: catalogue.collections[id_].collection for id_ in everything.collections},
                {id_: replace(catalogue.assets[id_].asset, head=None) for id_ in everything.assets},
                {id_: member.person for id_, member in catalogue.members.items()},
            )

    def _act(self, act: Act, subject: str, body: Callable[[Change], T], administration: bool = False) -> T:
        """Run the body of an act in a transaction, and record the act or its refusal."""
        try:
            with self._writing(partial(self._follow, act, subject)) as connection:
                change = self._change(connection, administration)
                done = body(change)
                if change.detail or administration or act not in _SELF_EVIDENT:
                    self._record(change, act.value, subject)
        except (Refused, NotFound) as exc:
            self._refused(act, subject, exc)
            raise
        return done

    def _act_on_each(self, act: Act, subjects: Sequence[S], body: Callable[[Change, S], object]) -> None:
        """The same act on many things, none of which bears on another, in one transaction: on all or none.
        Each is checked and recorded as if it were alone; a refusal is that of the first that is refused."""
        subject = ""
        try:
            with self._writing() as connection:
                change = self._change(connection)
                for each in subjects:
                    subject = each
                    body(change, each)
                    self._record(change, act.value, each)
        except (Refused, NotFound) as exc:
            self._refused(act, subject, exc)
            raise

    def _try(self, body: Callable[[Change], object]) -> None:
        """Raise what an act would, and change nothing: it is done, and undone with its transaction."""
        try:
            with self._writing() as connection:
                body(self._change(connection))
                raise _UndoneError
        except _UndoneError:
            pass

    def _act_with_content(self, act: Act, subject: str, body: Callable[[Change, Examination], T]) -> T:
        """Run the body of an act that brings content. Where it says so, the studio compares that with what it
        finds in the chunks itself, once everything else is right; it does not doubt the owner's.

        What nobody has looked into yet is looked into outside of the transaction, which is then made again.
        """
        wanted: list[Content] = []
        found: dict[bytes, str] = {}

        def examine(contents: Sequence[Content]) -> None:
            if not self.is_owner:
                wanted[:] = contents
                require_as_found(contents, found or self._findings.recall(contents))

        try:
            return self._act(act, subject, lambda change: body(change, examine))
        except UnexaminedError:
            pass
        try:
            found = self._findings.examine(self._person.id, wanted)
        except ManifestInvalid as exc:
            self._refused(act, subject, exc)
            raise
        return self._act(act, subject, lambda change: body(change, examine))

    @contextmanager
    def _writing(self, follow: Callable[[Connection], None] | None = None) -> Iterator[Connection]:
        """A transaction of one act, or its part of one that several share, of which what was written has to
        be followed."""
        joint = self._mine()
        if joint is None:
            with self._project.database.writing() as connection, self._reader.lock:
                self._reader.catch_up(connection)
                yield connection
            return
        with joint.connection.begin_nested():
            yield joint.connection
        if joint.follows:
            (follow or self._reader.take_over)(joint.connection)

    def _follow(self, act: Act, subject: str, connection: Connection) -> None:
        """Have the catalogue follow an act that is not committed. Those of which a table of planned work has
        thousands read no more than what they wrote."""
        match act:
            case Act.DEPEND | Act.UNDEPEND:
                self._reader.take_over_dependencies(connection)
            case Act.MAKE_ASSET:
                self._reader.take_over_asset(connection, AssetId(subject))
            case _:
                self._reader.take_over(connection)

    def _mine(self) -> _Together | None:
        """The transaction of several acts that this thread is in."""
        joint = self._joint
        return joint if joint is not None and joint.thread == threading.get_ident() else None

    def _change(self, connection: Connection, administration: bool = False) -> Change:
        """What an act works with, inside its transaction."""
        viewer, sight = self._look(self._reader.catalogue)
        if administration:
            require(viewer, Act.ASSIGN)
        return Change(
            connection,
            self._reader.catalogue,
            self._reader.reach(),
            viewer,
            sight,
            int(self._clock()),
            self._new_id,
            administration,
            self._limits,
        )

    def _record(self, change: Change, act: str, subject: str) -> None:
        if change.administration:
            change.detail["administration"] = True
        if self.because:
            change.detail["because"] = self.because
        audit.record(
            change.connection,
            id=change.new_id(),
            at=change.now,
            actor=self.recorded_as,
            act=act,
            subject=subject,
            detail=change.detail,
        )

    def _refused(self, act: Act, subject: str, why: Exception) -> None:
        """Record a refusal, when the transaction it happened in is over."""
        joint = self._mine()
        if self._project.read_only:
            return  # nothing was going to be done
        if joint is not None:
            joint.refusals.append((act, subject, why))
        else:
            self._record_refusal(act, subject, why)

    def _record_refusal(self, act: Act, subject: str, why: Exception) -> None:
        with self._project.database.writing() as connection:
            audit.record(
                connection,
                id=self._new_id(),
                at=int(self._clock()),
                actor=self.recorded_as,
                act=f"refused: {act.value}",
                subject=subject,
                detail={"why": type(why).__name__},
            )
