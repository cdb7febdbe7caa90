"""What the operator's commands share: a studio's data, opened, and what a name on a command line means."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mountfs.cli import Missing, output
from mountfs.cli.options import Command, Folder
from mountfs.errors import ConfigError, MountfsError, NotFound

if TYPE_CHECKING:
    from mountfs.studio.accounts import Account, Accounts, Operator
    from mountfs.studio.bound import BoundStudio
    from mountfs.studio.hosting import HostedProject, Hosting

data_dir_argument = click.argument("data_dir", metavar="DATA_DIR", type=Folder(path_type=Path))

project_argument = click.argument("project", metavar="PROJECT")

who_argument = click.argument("who", metavar="WHO")


def secret_file_option(name: str, what: str) -> Callable[[Command], Command]:
    """``--NAME FILE``: where something that is told once is written to, instead of to the terminal."""
    return click.option(
        name,
        "secret_file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"Write {what} to FILE, which is made for you alone (0600), instead of printing it.",
    )


@dataclass(frozen=True, slots=True)
class Office:
    """A studio's data, and who works on it."""

    accounts: Accounts
    hosting: Hosting
    operator: Operator

    def project(self, name: str) -> HostedProject:
        """A project, by its id or its name."""
        for id_ in self.hosting.ids():
            if id_ == name:
                return self.hosting.project(id_)
        found = [each for each in self.projects() if each.project.name.casefold() == name.casefold()]
        if len(found) > 1:
            raise click.UsageError(f"there are {len(found)} projects called {name!r}: give the id of one")
        if not found:
            raise Missing(f"there is no project {name!r} in this studio; mountfs studio project list")
        return found[0]

    def projects(self) -> Iterator[HostedProject]:
        """Every project that can be opened. Of others it is said why."""
        for each in self.hosting.ids():
            try:
                yield self.hosting.project(each)
            except MountfsError as exc:
                output.say(f"mountfs: {each}: {exc}")

    def account(self, who: str) -> Account:
        """Somebody, by id, e-mail address or username."""
        try:
            return self.accounts.people.find(who)
        except NotFound as exc:
            raise Missing(f"{exc}; mountfs studio account list") from exc


def owner_of(hosted: HostedProject) -> BoundStudio:
    """A project as the operator has it."""
    return hosted.service.for_keeper(operator().name_in_audit)


@contextmanager
def opened_office(data_dir: Path) -> Iterator[Office]:
    """Open a studio's data. StudioDataError if there is none; ConfigError if it is another user's."""
    from mountfs.studio.accounts import Accounts
    from mountfs.studio.data_folder import in_use
    from mountfs.studio.hosting import Hosting

    require_own(data_dir)
    with _closed_to_others(), in_use(data_dir), Accounts(data_dir) as accounts:
        hosting = Hosting(data_dir)
        try:
            yield Office(accounts, hosting, operator())
        finally:
            hosting.close()


@contextmanager
def _closed_to_others() -> Iterator[None]:
    """What is made meanwhile can be read by nobody else, as what a studio makes that is a service."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def operator() -> Operator:
    """Whoever types, as the audit calls them."""
    from mountfs.studio.accounts import Operator

    return Operator(_login())


def require_own(data_dir: Path) -> None:
    """ConfigError unless the folder is one's own: files that another user makes in it are closed to the
    studio."""
    try:
        owner = data_dir.stat().st_uid
    except OSError:
        return  # whoever opens it has the words for that
    if owner != os.geteuid():
        name = _name(owner)
        raise ConfigError(f"{data_dir} belongs to {name}: run this as them, with sudo -u {name}")


def hand_over(
    secret: str,
    file: Path | None,
    told: str = "",
    facts: Mapping[str, object] | None = None,
    *,
    as_json: bool,
) -> None:
    """Tell what is told once, into a file that is made for it or on the terminal; ``told`` what it is good
    for, or ``facts`` for scripts."""
    if file is not None:
        _write(secret, file)
    if as_json:
        where = {"secret": secret} if file is None else {"secret_file": str(file)}
        output.as_json({**(facts or {}), **where})
        return
    if told:
        output.say(told)
    if file is None:
        click.echo(secret)


def _write(secret: str, file: Path) -> None:
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as made:
        made.write(f"{secret}\n")


def tell(text: str, facts: Mapping[str, object], *, as_json: bool, dry_run: bool = False) -> None:
    """Say what was done, or with ``dry_run`` what would have been."""
    if as_json:
        output.as_json({**facts, "dry_run": True} if dry_run else {**facts})
    else:
        output.outcome(text, dry_run=dry_run)


def _login() -> str:
    return os.environ.get("SUDO_USER") or _name(os.getuid())


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
