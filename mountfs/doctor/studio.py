"""What the doctor says about a studio: how it is to be served, its book of accounts, its projects."""

from __future__ import annotations

from collections.abc import Iterator

from mountfs.doctor.finding import Finding, good, notice, problem
from mountfs.errors import MountfsError, StorageUnavailable, StudioDataError
from mountfs.studio.accounts import AccountId, Accounts
from mountfs.studio.accounts.database import FILE_NAME
from mountfs.studio.data_folder import CHUNKS, PROJECTS
from mountfs.studio.hosting import Hosting
from mountfs.studio.serve import ServeOptions, problems_of
from mountfs.studio.signing import SIGNING_KEY, read_signer


def check(options: ServeOptions) -> Iterator[Finding]:
    """All findings about a studio that is to be served so."""
    found = problems_of(options)
    for each in found:
        yield (problem if each.refuses else notice)("safety", each.text, each.what_to_do)
    if not found:
        yield good("safety", f"it may be served at {options.host} port {options.port}")
    if not (options.data_dir / FILE_NAME).is_file():
        yield problem(
            "accounts", f"there is no studio in {options.data_dir}", "make one with mountfs studio create"
        )
        return
    try:
        read_signer(options.data_dir / SIGNING_KEY)
        accounts = Accounts(options.data_dir)
    except MountfsError as exc:
        yield problem("accounts", str(exc), "restore it from a backup")
        return
    with accounts:
        yield from _accounts(accounts)
        yield from _projects(options, accounts)


def _accounts(accounts: Accounts) -> Iterator[Finding]:
    try:
        accounts.require_whole()
        has_admin = not accounts.bootstrap.is_open()
    except (StudioDataError, StorageUnavailable) as exc:
        yield problem("accounts", str(exc), "restore it from a backup")
        return
    if has_admin:
        yield good("accounts", "the book of accounts is whole, and somebody runs the studio")
    else:
        yield notice("accounts", "nobody runs the studio yet", "mountfs studio bootstrap")


def _projects(options: ServeOptions, accounts: Accounts) -> Iterator[Finding]:
    for name in (PROJECTS, CHUNKS):
        if not (options.data_dir / name).is_dir():
            yield problem("projects", f"the folder {name} is not there", "give it back, or restore a backup")
            return
    try:
        hosting = Hosting(options.data_dir)
        hosting.require_room(0)
    except MountfsError as exc:
        yield problem("projects", str(exc), "make room, or give the folder back")
        return
    try:
        for id_ in hosting.ids():
            try:
                hosted = hosting.project(id_)
            except MountfsError as exc:
                yield problem("projects", f"{id_} cannot be opened: {exc}", "restore it from a backup")
                continue
            name = f"{hosted.project.name} ({id_})"
            for warning in hosted.project.warnings:
                yield notice("projects", f"{name}: {warning}")
            members = {membership.user for membership, _ in accounts.memberships.in_project(id_)}
            if not members:
                yield notice("projects", f"nobody is in {name}", "mountfs studio member add")
                continue
            listed = {AccountId(person.id) for person in hosted.service.people() if person.id not in members}
            for each in accounts.people.get(frozenset(listed)).values():
                yield notice(
                    "projects",
                    f"{name} still names {each.username}, who is not in it",
                    "take them in again, or give the project another admin and remove them",
                )
            yield good("projects", f"{name} opens; it has {len(members)} members")
    finally:
        hosting.close()
