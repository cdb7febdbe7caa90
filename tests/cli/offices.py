"""Two studios for the examples of their operator: one at work, and one that has just been made."""

from __future__ import annotations

import secrets
from pathlib import Path

from mountfs.model import ProjectId, UserId
from mountfs.studio.accounts import Accounts, Operator, Passwords
from mountfs.studio.founding import make_studio
from mountfs.studio.hosting import Hosting
from mountfs.studio.joining import bring_in, found_project
from mountfs.testing.online import CHEAP, password_of

OPERATOR = Operator("tests")


def build(home: Path) -> None:
    """``/srv/studio`` with ada, bo and kim, kim's session and token, an invitation of nel, and the project
    film; ``/srv/new`` without an admin. What is told once is in files of this home."""
    (home / "srv").mkdir(exist_ok=True)
    keep(home / "s", make_studio(home / "srv" / "new"))
    keep(home / "pw", password_of("nel"))
    passwords = Passwords(secrets.token_bytes, CHEAP)
    secret = make_studio(home / "srv" / "studio")
    with Accounts(home / "srv" / "studio", passwords=passwords) as accounts:
        ada = accounts.bootstrap.claim(
            secret, email="ada@harbor.example", name="Ada Lind", password=password_of("ada")
        )
        for username in ("bo", "kim"):
            asked = accounts.invitations.invite(OPERATOR, f"{username}@harbor.example")
            accounts.invitations.accept(
                asked.token, name=username.title(), password=password_of(username), username=username
            )
        keep(home / "nel.token", accounts.invitations.invite(OPERATOR, "nel@harbor.example").token)
        hosting = Hosting(home / "srv" / "studio")
        film = found_project(hosting, accounts, OPERATOR, ada, "film")
        studio = film.for_member(UserId(ada.id))
        kim = accounts.people.find("kim")
        bring_in(film, accounts.memberships, OPERATOR, studio, kim, "artist")
        accounts.node_tokens.make(OPERATOR, ProjectId(film.project.id), maker=kim.id, label="farm")
        accounts.sessions.login("kim@harbor.example", password_of("kim"))
        hosting.close()


def keep(path: Path, secret: str) -> None:
    """Write something that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(f"{secret}\n")
