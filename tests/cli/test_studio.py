"""``mountfs studio``: a studio is made, served, and looked after by its operator, while people use it."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from mountfs import cli, wire
from mountfs.errors import NotFound, Unauthenticated
from mountfs.studio.accounts import Accounts
from mountfs.testing.mounts import BOUND
from mountfs.transport.line import Line, Patience
from mountfs.wire import people
from tests.cli.running import Shell

PASSWORD = "a bicycle on the pier, 7"


@pytest.fixture
def studio(shell: Shell) -> Path:
    """A new studio, whose secret is in ``secret``, and a password in ``password``."""
    shell.run("studio", "create", "data", "--secret-file", "secret")
    private(shell.home / "password", PASSWORD)
    return shell.home / "data"


@pytest.fixture
def at_work(shell: Shell, studio: Path) -> Path:
    """The same with an admin ada, with bo in it, and ada's project film."""
    become_admin(shell, studio)
    come_in(shell, studio, "bo@harbor.example")
    shell.run("studio", "project", "create", studio, "film", "--admin", "ada")
    return studio


def private(path: Path, text: str) -> Path:
    """A file that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(f"{text}\n")
    return path


def become_admin(shell: Shell, target: Path | str) -> None:
    given = ("--secret-file", "secret", "--email", "ada@harbor.example", "--name", "Ada Lind")
    shell.run("studio", "bootstrap", target, *given, "--password-file", "password")


def come_in(shell: Shell, studio: Path, email: str, *invited: str) -> None:
    shell.run("studio", "invite", "create", studio, email, *invited, "--token-file", f"{email}.token")
    given = ("--token-file", f"{email}.token", "--name", email.partition("@")[0].title())
    shell.run("studio", "accept", studio, *given, "--password-file", "password")


@contextmanager
def served(shell: Shell, studio: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``mountfs studio serve`` in a process, and where it answers."""
    process = subprocess.Popen(
        shell.command("studio", "serve", studio, "--port", "0", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=shell.home,
        env=shell.environ,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert "answers at" in said, process.communicate()
        yield said.split()[-1], process
    finally:
        process.kill()
        process.communicate()


def line_of(url: str, email: str, ca_file: str | None = None) -> Line:
    """Somebody in a session that has just begun."""
    nobody = Line(url, lambda: "", ca_file, Patience(tries=1))
    entered = nobody.ask("POST", "/sessions", people.LoggedIn, body=people.Login(email, PASSWORD))
    nobody.close()
    return Line(url, lambda: entered.token, ca_file, Patience(tries=1))


def test_a_studio_is_closed_to_others(shell: Shell):
    """What is made is for its user alone, and the secret is told once, where it was asked for."""
    done = shell.run("studio", "create", "data")
    assert len(done.out.strip()) == 43
    assert done.out.strip() not in done.err
    made = [shell.home / "data", *(shell.home / "data").rglob("*")]
    assert {path.name for path in made} >= {"data", "studio.db", "signing.key"}
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    again = shell.run("studio", "create", "data", code=cli.PROJECT_FILE)
    assert "exists already" in again.err
    shell.run("studio", "create", "data2", "--secret-file", "s")
    assert stat.S_IMODE((shell.home / "s").stat().st_mode) == 0o600
    shell.run("studio", "create", "data3", "--secret-file", "s", code=cli.REFUSED)
    assert not (shell.home / "data3").exists()


def test_a_folder_with_something_in_it_is_left_alone(shell: Shell):
    """Nobody's folder is closed to others, or filled, because its name was typed."""
    (shell.home / "mine").mkdir(mode=0o755)
    (shell.home / "mine" / "file").write_text("x")
    shell.run("studio", "create", "mine", code=cli.PROJECT_FILE)
    assert [each.name for each in (shell.home / "mine").iterdir()] == ["file"]
    assert stat.S_IMODE((shell.home / "mine").stat().st_mode) == 0o755


def test_the_first_admin(shell: Shell, studio: Path):
    """The secret makes one admin, on the studio's machine; a lost one is replaced until then."""
    shell.run("studio", "bootstrap", studio, "--renew", "--new-secret-file", "new")
    old = shell.attempt(
        *("studio", "bootstrap", studio, "--secret-file", "secret", "--email", "ada@harbor.example"),
        *("--name", "Ada", "--password-file", "password"),
    )
    assert old.code == cli.NOT_FOUND
    (shell.home / "new").rename(shell.home / "secret")
    become_admin(shell, studio)
    (row,) = shell.run("studio", "account", "list", studio).rows
    assert row[:4] == ["ada", "Ada Lind", "ada@harbor.example", "admin"]
    shell.run("studio", "bootstrap", studio, "--renew", code=cli.REFUSED)


def test_what_others_could_read_is_not_taken(shell: Shell, studio: Path):
    """A password in a file that others may read is refused, and nothing waits where no terminal is."""
    (shell.home / "password").chmod(0o644)
    given = ("--secret-file", "secret", "--email", "ada@harbor.example", "--name", "Ada")
    refused = shell.run(
        *("studio", "bootstrap", studio, *given, "--password-file", "password"), code=cli.SETTINGS
    )
    assert "chmod 600" in refused.err
    assert "no terminal" in shell.run("studio", "bootstrap", studio, *given, code=cli.SETTINGS).err


def test_a_studio_is_served(shell: Shell, studio: Path):
    """Somebody becomes its admin over the network, logs in, and it ends by SIGTERM with a good code; its log
    has one JSON object a line, and no secret."""
    with served(shell, studio) as (url, process):
        become_admin(shell, url)
        ada = line_of(url, "ada@harbor.example")
        assert ada.ask("GET", "/me", people.Me).account.username == "ada"
        token = ada.token()
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 204
        httpx.get(f"{url}{wire.API}/me?token={token}", trust_env=False)
        httpx.get(f"{url}{wire.API}/projects/{token}/tree", trust_env=False)
        ada.close()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=BOUND)
        assert process.returncode == 0, err
    rows = [json.loads(row) for row in err.splitlines()]
    asked = {row["path"]: row for row in rows if row["from"] == "mountfs.studio.requests"}
    assert (asked["/api/v1/bootstrap"]["status"], asked["/api/v1/me"]["method"]) == (201, "GET")
    assert asked["/api/v1/bootstrap"]["address"] == "127.0.0.1"
    for secret in (token, PASSWORD, (shell.home / "secret").read_text().strip()):
        assert secret not in out + err


def test_what_is_begun_is_ended_first(shell: Shell, at_work: Path):
    """Whoever waits for news when the studio is told to end gets an answer, and it ends at once."""
    with served(shell, at_work) as (url, process):
        ada = line_of(url, "ada@harbor.example")
        (film,) = ada.ask("GET", "/projects", list[wire.ProjectFacts])
        address = f"{url}{wire.API}/projects/{film.id}/events"
        headers = {"Authorization": f"Bearer {ada.token()}"}
        with httpx.stream("GET", address, headers=headers, timeout=BOUND, trust_env=False) as answer:
            rows = answer.iter_lines()
            next(rows)
            process.send_signal(signal.SIGTERM)
            assert not [row for row in rows if row.startswith("data:") and "reload" not in row]
        ada.close()
        process.communicate(timeout=BOUND)
        assert process.returncode == 0


def test_a_service_manager_hears_of_it(shell: Shell, studio: Path, tmp_path: Path):
    """A manager is told when the studio answers, that it lives, and that it ends."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(BOUND)
        shell.environ |= {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "900000"}
        with served(shell, studio) as (url, process):
            assert manager.recv(1000).decode() == f"READY=1\nSTATUS=answers at {url}"
            assert manager.recv(1000) == b"WATCHDOG=1"
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=BOUND)
        said = [manager.recv(1000)]
        while not said[-1].startswith(b"STOPPING=1"):
            said.append(manager.recv(1000))


@pytest.mark.parametrize(
    ("limit", "told"), [("sessions=3", "there is no limit"), ("requests=0", "from 1 on")]
)
def test_a_limit_that_is_none_is_told(shell: Shell, studio: Path, limit: str, told: str):
    """Before the studio answers anybody; the doctor says the same."""
    for words in (("serve", studio, "--port", "0"), ("doctor", studio)):
        assert told in shell.run("studio", *words, "--limit", limit, code=cli.SETTINGS).err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "--cert and --key"),
        (["--host", "::"], "--trusted-proxy"),
        (["--host", "0.0.0.0", "--trusted-proxy", "0.0.0.0/0"], "nearly everybody"),
        (["--cert", "password"], "go together"),
        (["--trusted-proxy", "the proxy"], "is an address or a network"),
    ],
)
def test_what_is_not_safe_is_not_served(shell: Shell, studio: Path, options: list[str], told: str):
    """Passwords do not cross a network in the clear: the studio does not start, and says what to change; the
    doctor says the same."""
    refused = shell.run("studio", "serve", studio, "--port", "0", *options, code=cli.SETTINGS)
    assert told in refused.err
    assert refused.out == ""
    found = shell.run("studio", "doctor", studio, *options, "--json", code=cli.INCOMPLETE).json
    assert any(told in each["text"] + each["mend"] for each in found if each["level"] == "problem")


def test_a_folder_that_others_may_enter_is_not_served(shell: Shell, studio: Path):
    """A studio whose data others may read does not start."""
    studio.chmod(0o755)
    assert "chmod 700" in shell.run("studio", "serve", studio, "--port", "0", code=cli.SETTINGS).err


def test_a_studio_is_served_with_a_certificate(shell: Shell, studio: Path):
    """With a certificate of its own a studio answers at every address, by https alone."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        check=True,
        capture_output=True,
        cwd=shell.home,
    )
    (shell.home / "key.pem").chmod(0o600)
    options = ("--host", "0.0.0.0", "--cert", "cert.pem", "--key", "key.pem")
    with served(shell, studio, *options) as (url, _):
        port = url.rpartition(":")[2]
        context = ssl.create_default_context(cafile=str(shell.home / "cert.pem"))
        found = httpx.get(f"https://localhost:{port}{wire.API}/studio", verify=context, trust_env=False)
        assert wire.decode(wire.StudioFacts, found.content).version
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}{wire.API}/studio", trust_env=False)


def test_nobody_asks_past_the_proxy(shell: Shell, studio: Path):
    """Where a proxy does TLS, whoever asks beside it, in the clear, gets no answer."""
    with served(shell, studio, "--host", "0.0.0.0", "--trusted-proxy", "192.0.2.7") as (url, _):
        found = httpx.get(f"{url.replace('0.0.0.0', '127.0.0.1')}{wire.API}/studio", trust_env=False)
        assert found.status_code == 403
        assert "proxy" in found.text


def test_a_declared_proxy_is_believed(shell: Shell, at_work: Path):
    """What a declared proxy says of its client's address counts, and only what it added itself: whoever asks
    can have written the rest."""
    body = wire.encode(people.Login("bo@harbor.example", "what I thought it was"))
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "Content-Type": "application/json"}
    for options, address in ((("--trusted-proxy", "127.0.0.0/8"), "203.0.113.9"), ((), "127.0.0.1")):
        with served(shell, at_work, *options) as (url, _):
            asked = httpx.post(f"{url}{wire.API}/sessions", content=body, headers=headers, trust_env=False)
            assert asked.status_code == 401
        (row,) = shell.run("studio", "audit", at_work, "--act", "refused:", "--limit", "1", "--json").json
        assert row["detail"]["address"] == address


def test_the_operator_works_while_people_do(shell: Shell, at_work: Path):
    """What the operator changes holds at once in the studio that runs: members, roles, tokens, sessions."""
    with served(shell, at_work) as (url, _):
        bo = line_of(url, "bo@harbor.example")
        assert bo.ask("GET", "/projects", list[wire.ProjectFacts]) == []
        shell.run("studio", "member", "add", at_work, "film", "bo")
        (film,) = bo.ask("GET", "/projects", list[wire.ProjectFacts])
        shell.run("studio", "member", "role", at_work, "film", "bo", "supervisor")
        members = f"/projects/{film.id}/members"
        roles = {each.username: each.role for each in bo.ask("GET", members, list[people.MemberFacts])}
        assert roles == {"ada": "admin", "bo": "supervisor"}
        made = shell.run("studio", "token", "create", at_work, film.id, "bo", "--token-file", "node")
        assert made.out == ""
        assert stat.S_IMODE((shell.home / "node").stat().st_mode) == 0o600
        node = Line(url, (shell.home / "node").read_text().strip, None, Patience(tries=1))
        assert node.ask("GET", "/projects", list[wire.ProjectFacts]) == [film]
        shell.run("studio", "member", "remove", at_work, "film", "bo", "--dry-run")
        assert bo.ask("GET", "/projects", list[wire.ProjectFacts]) == [film]
        shell.run("studio", "member", "remove", at_work, "film", "bo")
        assert bo.ask("GET", "/projects", list[wire.ProjectFacts]) == []
        with pytest.raises(NotFound):
            bo.ask("GET", members, list[people.MemberFacts])
        with pytest.raises(Unauthenticated):
            node.ask("GET", "/projects", list[wire.ProjectFacts])
        shell.run("studio", "session", "end-all", at_work, "bo", "--dry-run")
        assert bo.ask("GET", "/me", people.Me).account.username == "bo"
        shell.run("studio", "session", "end-all", at_work, "bo")
        with pytest.raises(Unauthenticated):
            bo.ask("GET", "/me", people.Me)
        bo.close()
        node.close()


def test_what_holds_for_all_who_mount_is_set(shell: Shell, studio: Path):
    """It is shown, changed one by one, and what cannot be is refused."""
    said = shell.run("studio", "settings", studio, "--json").json
    assert said == {"offline_days": 14, "mount_path": "/studio"}
    shell.run("studio", "settings", studio, "--offline-days", "3")
    shell.run("studio", "settings", studio, "--mount-path", "/prod")
    assert shell.run("studio", "settings", studio).rows == [["offline days", "3"], ["mount path", "/prod"]]
    for given in (("--offline-days", "400"), ("--mount-path", "/etc/x")):
        shell.run("studio", "settings", studio, *given, code=cli.SETTINGS)


def test_what_the_operator_does_is_recorded_as_theirs(shell: Shell, at_work: Path):
    """In a project's own audit, too, and not as the act of its admin, who did nothing."""
    shell.run("studio", "member", "add", at_work, "film", "bo")
    shell.run("studio", "member", "role", at_work, "film", "bo", "supervisor")
    shell.run("studio", "member", "role", at_work, "film", "ada", "artist", code=cli.REFUSED)
    shell.run("studio", "member", "remove", at_work, "film", "bo")
    (file,) = (at_work / "projects").glob("*.clst")
    with closing(sqlite3.connect(file)) as project:
        rows = project.execute("SELECT act, actor_id FROM mountfs_audit ORDER BY rowid").fetchall()
    who = f"operator:{os.environ.get('SUDO_USER') or pwd.getpwuid(os.getuid()).pw_name}"
    acts = ["add user", "set role", "refused: set role", "remove user"]
    assert [row for row in rows if row[0] in acts] == [(act, who) for act in acts]


def test_one_session_of_many_ends(shell: Shell, at_work: Path):
    """A session is ended by its id, and only that one."""
    with Accounts(at_work) as accounts:
        for _ in range(2):
            accounts.sessions.login("bo@harbor.example", PASSWORD)
    first, second = (row[0] for row in shell.run("studio", "session", "list", at_work, "bo").rows)
    shell.run("studio", "session", "end", at_work, "ada", first, code=cli.NOT_FOUND)
    shell.run("studio", "session", "end", at_work, "bo", first)
    assert [row[0] for row in shell.run("studio", "session", "list", at_work, "bo").rows] == [second]


def test_an_invitation_into_a_project(shell: Shell, at_work: Path):
    """Whom the operator asked into a project is in it, in that role; withdrawn, nobody comes in by it."""
    come_in(shell, at_work, "kim@harbor.example", "--project", "film", "--role", "supervisor")
    rows = shell.run("studio", "member", "list", at_work, "film").rows
    assert [(row[0], row[3]) for row in rows] == [("ada", "admin"), ("kim", "supervisor")]
    shell.run(
        *("studio", "invite", "create", at_work, "lou@harbor.example", "--project", "film"),
        *("--role", "emperor"),
        code=cli.NOT_FOUND,
    )
    told = shell.run("studio", "invite", "create", at_work, "lou@harbor.example", "--json").json
    (row,) = shell.run("studio", "invite", "list", at_work).rows
    assert (row[0], row[1]) == (told["id"], "lou@harbor.example")
    shell.run("studio", "invite", "withdraw", at_work, "lou@harbor.example", "-n")
    assert shell.run("studio", "invite", "list", at_work).rows == [row]
    shell.run("studio", "invite", "withdraw", at_work, told["id"])
    private(shell.home / "lou", told["secret"])
    given = ("--token-file", "lou", "--name", "Lou", "--password-file", "password")
    shell.run("studio", "accept", at_work, *given, code=cli.NOT_FOUND)


def test_a_token_lasts_as_long_as_was_said(shell: Shell, at_work: Path):
    """A machine's token has a time, of at most 30 days, and ends when it is revoked."""
    create = ("studio", "token", "create", at_work, "film", "ada")
    made = shell.run(*create, "--lifetime", "7d", "--label", "farm", "--json").json
    assert (made["expires_at"] - made["created_at"], len(made["secret"])) == (7 * 86400, 43)
    shell.run(*create, "--lifetime", "31d", code=cli.REFUSED)
    shell.run(*create, "--lifetime", "soon", code=cli.USAGE)
    shell.run("studio", "token", "create", at_work, "film", "bo", code=cli.NOT_FOUND)
    (row,) = shell.run("studio", "token", "list", at_work).rows
    assert row[:3] == [made["id"], "farm", "ada"]
    shell.run("studio", "token", "revoke", at_work, made["id"], "-n")
    shell.run("studio", "token", "revoke", at_work, made["id"])
    assert shell.run("studio", "token", "list", at_work).rows == []


def test_somebody_goes(shell: Shell, at_work: Path):
    """Who is removed is in no project any more; the last admin stays, and where a project loses its own
    that is told."""
    shell.run("studio", "account", "remove", at_work, "ada", "-n", code=cli.REFUSED)
    shell.run("studio", "account", "remove", at_work, "ada", code=cli.REFUSED)
    shell.run("studio", "member", "add", at_work, "film", "bo")
    shell.run("studio", "account", "remove", at_work, "bo", "-n")
    shell.run("studio", "account", "remove", at_work, "bo")
    assert [row[0] for row in shell.run("studio", "member", "list", at_work, "film").rows] == ["ada"]
    come_in(shell, at_work, "kim@harbor.example", "--admin")
    kept = shell.run("studio", "account", "remove", at_work, "ada", code=cli.INCOMPLETE)
    assert "another admin" in kept.err
    found = shell.run("studio", "doctor", at_work, "--json").json
    assert any("nobody is in film" in each["text"] for each in found)
    shell.run("studio", "member", "add", at_work, "film", "kim", "--role", "admin")
    found = shell.run("studio", "doctor", at_work, "--json").json
    assert any("still names ada" in each["text"] for each in found)


def test_a_forgotten_password_and_a_locked_account(shell: Shell, at_work: Path):
    """The operator gives a token for another password, lets somebody in again, and changes who runs it."""
    shell.run("studio", "account", "recover", at_work, "bo", "--token-file", "bo.token")
    with Accounts(at_work) as accounts:
        token = (shell.home / "bo.token").read_text().strip()
        assert accounts.recovery.accept(token, "another bicycle, 19").username == "bo"
    shell.run("studio", "account", "unlock", at_work, "bo")
    shell.run("studio", "account", "role", at_work, "bo", "admin")
    roles = {row[0]: row[3] for row in shell.run("studio", "account", "list", at_work).rows}
    assert roles == {"ada": "admin", "bo": "admin"}


def test_what_was_done_is_told(shell: Shell, at_work: Path):
    """The record says who did what: the operator by their login, people by their names, refusals too."""
    shell.run("studio", "member", "add", at_work, "film", "bo")
    shell.run("studio", "account", "remove", at_work, "ada", code=cli.REFUSED)
    rows = shell.run("studio", "audit", at_work, "--limit", "2").rows
    assert [row[2] for row in rows] == ["refused: remove account", "add member"]
    assert all(row[1].startswith("operator") for row in rows)
    refused = shell.run("studio", "audit", at_work, "--act", "refused:", "--since", "1h", "--json").json
    assert [each["detail"]["why"] for each in refused] == ["RoleRule"]
    by_bo = shell.run("studio", "audit", at_work, "--actor", "bo").rows
    assert [row[1:3] for row in by_bo] == [["bo", "accept invitation"]]


def test_the_doctor_finds_a_project_that_is_damaged(shell: Shell, at_work: Path):
    """A project that cannot be opened is a problem, and its name is not needed to be told of it."""
    (film,) = shell.run("studio", "project", "list", at_work, "--json").json
    assert (film["name"], film["members"]) == ("film", 1)
    shell.run("studio", "doctor", at_work)
    (at_work / "projects" / f"{film['id']}.clst").write_bytes(b"nothing")
    told = shell.run("studio", "doctor", at_work, code=cli.INCOMPLETE)
    assert film["id"] in told.out
    assert shell.run("studio", "project", "list", at_work).rows == []


def test_the_doctor_changes_nothing(shell: Shell, studio: Path):
    """Whoever only looks makes nothing, and is told of folders that are gone."""
    (studio / "chunks").rmdir()
    before = sorted(studio.rglob("*"))
    told = shell.run("studio", "doctor", studio, code=cli.INCOMPLETE)
    assert "the folder chunks is not there" in told.out
    assert sorted(studio.rglob("*")) == before


@pytest.mark.root
def test_another_users_studio_is_left_to_them(shell: Shell, studio: Path):
    """Root is told to become the studio's user, whose files it would close to the studio."""
    os.chown(studio, 65534, 65534)
    for words in (("account", "list", studio), ("serve", studio, "--port", "0"), ("doctor", studio)):
        assert "sudo -u nobody" in shell.run("studio", *words, code=cli.SETTINGS).err
