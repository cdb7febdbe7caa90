"""A project of a studio with all that commands do to it: `StudioClient` is what a mount needs, this the rest.

Acts in a block (`ActingClient.together`) are one question, asked when the block ends: all of them happen or
none. What comes of each is known then, and is looked at then. An act outside of a block is asked at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from mountfs import wire
from mountfs.errors import WireError, heard
from mountfs.model import AssetId, CheckpointId, CollectionId, Manifest, Toggle, Tree, UserId
from mountfs.transport.checking import require_trash, require_tree, require_versions
from mountfs.transport.client import StudioClient, examined_in, part
from mountfs.transport.line import Line
from mountfs.wire import acts, people, plans

_EACH = 1.0
"""Seconds that a studio may take for an act, in a project of very many files and people."""


class Awaited:
    """What comes of an act: what the studio says of it, once it was asked."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._outcome: acts.Outcome | None = None

    def __getattr__(self, name: str) -> Any:
        if self._outcome is None:
            raise AttributeError(f"{name} is known when the block has ended")
        return getattr(getattr(self._outcome, self._of) if self._of else self._outcome, name)

    def arrive(self, outcome: acts.Outcome) -> None:
        """It is known now. WireError if nothing came that should have."""
        if self._of and getattr(outcome, self._of) is None:
            raise WireError("the studio does not say what came of an act")
        if outcome.version is not None:
            require_versions([outcome.version])
        self._outcome = outcome


class Plans:
    """Parts of a table of planned work, each one question: its rows are there then, all of them or none."""

    def __init__(self, line: Line, path: str, *, update: bool) -> None:
        self._line = line
        self._path = path
        self._update = update

    def attempt(
        self, rows: Sequence[plans.Row], beside: Sequence[plans.Row], *, refusals_count: bool
    ) -> plans.Planned:
        """Say what rows would lead to; ``beside`` are others that these need. A rehearsal's refusals are in
        no audit of a studio, whether they would count (``refusals_count``) or not."""
        del refusals_count
        return self._ask(plans.PlanAsked(list(rows), list(beside), self._update, rehearse=True))

    def make(self, rows: Sequence[plans.Row], *, dry_run: bool) -> plans.Planned:
        """Make rows, after those that they need."""
        return self._ask(plans.PlanAsked(list(rows), [], self._update, rehearse=dry_run))

    def _ask(self, asked: plans.PlanAsked) -> plans.Planned:
        wait = _EACH * (len(asked.rows) + len(asked.beside))
        return self._line.ask("POST", self._path, plans.Planned, body=asked, wait=wait)


class ActingClient(StudioClient):
    """One project as the account of a line sees and changes it. Not for several threads."""

    _block: list[tuple[acts.Act, Awaited]] | None = None

    @contextmanager
    def together(self, *, rehearse: bool = False, refusals_count: bool = False) -> Iterator[None]:
        """Make all acts of the block one transaction of the studio's, made when the block ends; with
        ``rehearse`` it is taken back. In a block, a further one is part of it.

        What the studio refuses is raised at the end. A rehearsal's refusals are in no audit of a studio,
        whether they would count (``refusals_count``) or not.
        """
        del refusals_count
        if self._block is not None:
            yield
            return
        self._block = []
        try:
            yield
            block = self._block
        finally:
            self._block = None
        if block:
            self._perform(block, rehearse=rehearse)

    def _act(self, act: acts.Act, of: str = "") -> Any:
        """Do something, now or with the others of the block."""
        awaited = Awaited(of)
        if self._block is not None:
            self._block.append((act, awaited))
        else:
            self._perform([(act, awaited)], rehearse=False)
        return awaited

    def _perform(self, block: Sequence[tuple[acts.Act, Awaited]], *, rehearse: bool) -> None:
        asked = acts.ActsAsked([act for act, _ in block], rehearse)
        wire.require_few(asked.acts, acts.MAX_ACTS, "acts")
        outcomes = self._line.ask(
            "POST", f"{self._at}/acts", list[acts.Outcome], body=asked, wait=_EACH * len(block)
        )
        if len(outcomes) != len(block):
            raise WireError("the studio answered other acts than it was asked for")
        for (_, awaited), outcome in zip(block, outcomes, strict=True):
            awaited.arrive(outcome)

    # Versions and the trash

    def revert(self, checkpoint: CheckpointId, new: CheckpointId | None = None) -> Any:
        """Make an old version the newest: a new checkpoint, with the id ``new`` if given."""
        return self._act(acts.Act("revert", checkpoint, new=new or str(uuid4())), of="version")

    def edit_comment(self, checkpoint: CheckpointId, text: str) -> None:
        """Say something else of a version."""
        self._act(acts.Act("edit_comment", checkpoint, text=text))

    def trash(self, what: AssetId | CollectionId) -> None:
        """Move an asset or a collection to the trash."""
        self._act(acts.Act("trash", what))

    def restore(self, what: AssetId | CollectionId) -> None:
        """Bring an asset or a collection back from the trash."""
        self._act(acts.Act("restore", what))

    def trash_checkpoint(self, checkpoint: CheckpointId) -> None:
        """Hide one version of a visible asset."""
        self._act(acts.Act("trash_checkpoint", checkpoint))

    def restore_checkpoint(self, checkpoint: CheckpointId) -> None:
        """Bring a version back from the trash."""
        self._act(acts.Act("restore_checkpoint", checkpoint))

    def trash_listing(self) -> acts.Trash:
        """What the viewer would see if it were restored."""
        path, most = f"{self._at}/trash", wire.MAX_ANSWER
        return require_trash(self._line.ask("GET", path, acts.Trash, most=most))

    def undo(self, user: UserId, since: int, path: str, *, rehearse: bool = False) -> acts.UndoneFacts:
        """Take back what somebody did since a moment (Unix seconds) at a path and below."""
        asked = acts.UndoAsked(user, since, path, rehearse)
        return self._line.ask(
            "POST", f"{self._at}/undo", acts.UndoneFacts, body=asked, wait=_EACH * acts.MAX_ACTS
        )

    # Work that is planned

    def make_file(self, row: plans.Row, *, parents: bool, rehearse: bool) -> plans.Planned:
        """Make one new file, that nobody has saved yet."""
        asked = plans.FileAsked(row, parents, rehearse)
        made = self._line.ask("POST", f"{self._at}/files", plans.FileMade, body=asked)
        if made.planned is None:
            refused = made.refused or wire.Refusal("the studio does not say why", "Refused")
            raise heard({"error": refused.error[:1000], "kind": refused.kind})
        return made.planned

    def plans(self, *, update: bool) -> Plans:
        """What makes parts of a table of planned work."""
        return Plans(self._line, f"{self._at}/plans", update=update)

    # Who sees what

    def assign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> Any:
        """Give a task to somebody, or let somebody work in a collection."""
        return self._act(acts.Act("assign", what, user=user, administration=administration))

    def set_kind(self, asset: AssetId, *, is_resource: bool, administration: bool = False) -> None:
        """Make an asset a task or a resource."""
        self._act(acts.Act("set_kind", asset, is_resource=is_resource, administration=administration))

    def unassign(self, what: AssetId | CollectionId, user: UserId, *, administration: bool = False) -> None:
        """Take an assignment back."""
        self._act(acts.Act("unassign", what, user=user, administration=administration))

    def share(self, collection: CollectionId, *, administration: bool = False) -> Any:
        """Let everybody in the project see a collection and all below it."""
        return self._act(acts.Act("share", collection, administration=administration))

    def unshare(self, collection: CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(acts.Act("unshare", collection, administration=administration))

    def depend(
        self,
        asset: AssetId,
        on: AssetId | CollectionId,
        kind: str = "linked",
        *,
        administration: bool = False,
    ) -> Any:
        """Let an asset depend on an asset, or on a collection and all below it."""
        return self._act(acts.Act("depend", asset, on=on, text=kind, administration=administration))

    def undepend(self, asset: AssetId, on: AssetId | CollectionId, *, administration: bool = False) -> None:
        """End that."""
        self._act(acts.Act("undepend", asset, on=on, administration=administration))

    def set_status(self, asset: AssetId, status: str, *, administration: bool = False) -> None:
        """Give an asset a status, by its short name."""
        self._act(acts.Act("set_status", asset, text=status, administration=administration))

    # Tags, roles, templates

    def tag(self, asset: AssetId, word: str) -> Any:
        """Put a tag on an asset; those it has then."""
        return self._act(acts.Act("tag", asset, text=word))

    def untag(self, asset: AssetId, word: str) -> Any:
        """Take a tag off an asset; those it has then."""
        return self._act(acts.Act("untag", asset, text=word))

    def set_role(self, user: UserId, role: str) -> None:
        """Give somebody another role."""
        self._act(acts.Act("set_role", role, user=user))

    def edit_role(self, role: str, may: AbstractSet[Toggle]) -> None:
        """Let a role have exactly these rights."""
        self._act(acts.Act("edit_role", role, rights=sorted(may)))

    def create_role(self, role: str, may: AbstractSet[Toggle]) -> Any:
        """A new role with exactly these rights."""
        act = acts.Act("create_role", text=role, rights=sorted(may), new=str(uuid4()))
        return self._act(act, of="role")

    def remove_role(self, role: str) -> None:
        """A role goes that nobody has."""
        self._act(acts.Act("remove_role", role))

    def add_template_from(self, asset: AssetId, file_name: str, *, replace: bool = False) -> Any:
        """A template of a visible asset's newest version."""
        act = acts.Act("add_template", asset, text=file_name, replace=replace, new=str(uuid4()))
        return self._act(act, of="template")

    def add_template(self, file_name: str, content: Manifest, *, replace: bool = False) -> acts.TemplateFacts:
        """A template of content that was put into the store; in a block that is a rehearsal, only whether it
        may be. No part of any other transaction."""
        chunks = list(content.chunks)
        asked = acts.TemplateAsked(file_name, content.size, content.xxh3, chunks, str(uuid4()), replace)
        asked = dataclasses.replace(asked, rehearse=self._block is not None)
        path, wait = f"{self._at}/templates", examined_in(content.size)
        return self._line.ask("POST", path, acts.TemplateFacts, body=asked, wait=wait)

    def remove_template(self, template: str) -> None:
        """Put a template into the trash."""
        self._act(acts.Act("remove_template", template))

    def restore_template(self, template: str) -> None:
        """Bring a template back from the trash."""
        self._act(acts.Act("restore_template", template))

    # What is looked at

    def rules(self) -> acts.Rules:
        """What everybody in the project may know."""
        return self._line.ask("GET", f"{self._at}/rules", acts.Rules)

    def names(self, act: acts.Administering) -> Tree:
        """The names of everything that is not in the trash, for an act of administration."""
        path, most = f"{self._at}/names", wire.MAX_ANSWER
        tree = self._line.ask("GET", path, Tree, query={"act": act}, most=most)
        folders = {each.id: each for each in tree.collections.values()}
        assets = {each.id: each for each in tree.assets.values()}
        return require_tree(dataclasses.replace(tree, collections=folders, assets=assets))

    def members(self) -> list[people.MemberFacts]:
        """The people of the project whom the viewer may know of, by username."""
        return self._line.ask("GET", f"{self._at}/members", list[people.MemberFacts])

    def folder_work(self) -> list[acts.FolderWork]:
        """Who works in which folder, as far as the viewer may know."""
        return self._line.ask("GET", f"{self._at}/works-in", list[acts.FolderWork])

    def accesses_to(self, what: str, *, administration: bool) -> list[acts.AccessFacts]:
        """The viewer's access to a thing; for administration everybody's."""
        path, query = f"{self._at}/things/{part(what)}/access", _asked(administration)
        found = self._line.ask("GET", path, list[acts.AccessFacts], query=query)
        if not found or (len(found) > 1 and not administration):
            raise WireError("the studio tells of somebody else's access than was asked for")
        return found

    def dependencies(self, asset: AssetId, *, administration: bool = False) -> list[acts.Dependency]:
        """What an asset depends on, and what depends on it."""
        path, query = f"{self._at}/assets/{part(asset)}/dependencies", _asked(administration)
        return self._line.ask("GET", path, list[acts.Dependency], query=query)

    def tagged(self) -> dict[str, set[AssetId]]:
        """The tags that visible assets have, and which have them."""
        return {
            each.word: set(each.assets)
            for each in self._line.ask("GET", f"{self._at}/tags", list[acts.Tag], most=wire.MAX_ANSWER)
        }

    def templates(self, *, trashed: bool = False) -> list[acts.TemplateFacts]:
        """All templates, or all in the trash."""
        query = {"trashed": "true"} if trashed else None
        return self._line.ask("GET", f"{self._at}/templates", list[acts.TemplateFacts], query=query)


def _asked(administration: bool) -> dict[str, str | float] | None:
    return {"administration": "true"} if administration else None
