"""Where tokens are kept: a real keyring, files that only their owner can read, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs import config
from mountfs.config import Places
from mountfs.errors import ConfigError, KeyringUnavailable, LocalStateError, Unauthenticated
from mountfs.keys import Account, Keys, Session, studio_url
from mountfs.testing.keyrings import DesktopKeyring

STUDIO = "https://studio.example"
TOKEN = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
OTHER = TOKEN[::-1]


@pytest.fixture
def desktop() -> Iterator[DesktopKeyring]:
    with DesktopKeyring() as ring:
        yield ring


ASKING = """
import sys
from pathlib import Path
from mountfs.errors import MountfsError
from mountfs.keys import Account, Keys, Session
folder, named, *words = sys.argv[1:]
keys = Keys(Path(folder), keyring=named, deadline=float(words.pop(0)))
try:
    match words:
        case ["keep", studio, email]:
            keys.keep(Session(studio, email, sys.stdin.read()))
        case ["find", studio, *email]:
            print(keys.find(studio, *email).token)
        case ["forget", studio, email]:
            keys.forget(Account(studio, email))
except MountfsError as exc:
    print(type(exc).__name__, exc)
"""


class Program:
    """Some process of a user, which keeps and finds tokens."""

    def __init__(
        self, folder: Path, environ: dict[str, str], *, named: str = "", deadline: float = 20
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._given = [str(folder), named, str(deadline)]

    def __call__(self, *words: str, token: str = "") -> str:
        """What it says."""
        command = [sys.executable, "-c", ASKING, *self._given, *words]
        done = subprocess.run(
            command, env=self._environ, input=token, capture_output=True, text=True, check=False, timeout=60
        )
        assert not done.stderr, done.stderr
        return done.stdout.strip()


def test_a_token_outlives_the_session_of_the_desktop(desktop: DesktopKeyring, tmp_path: Path):
    """Whoever logged in once is not asked again after logging out of the desktop and in again."""
    program = Program(tmp_path, desktop.environ)
    assert program("keep", "HTTPS://Studio.Example:443/", " Ada@Harbor.example", token=TOKEN) == ""
    assert program("find", STUDIO) == TOKEN
    desktop.stop()
    desktop.start()
    assert program("find", STUDIO) == TOKEN
    assert program("find", STUDIO, "ada@harbor.example") == TOKEN
    assert Keys(tmp_path).accounts() == [Account(STUDIO, "ada@harbor.example")]
    assert TOKEN not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_several_studios_and_accounts_side_by_side(desktop: DesktopKeyring, tmp_path: Path):
    """Two accounts of one studio and one of another do not get into each other's way."""
    program = Program(tmp_path, desktop.environ)
    program("keep", STUDIO, "ada@x.org", token=TOKEN)
    program("keep", STUDIO, "ben@x.org", token=OTHER)
    program("keep", "http://localhost:8400", "ada@x.org", token=TOKEN[1:] + "z")
    assert program("find", STUDIO, "ben@x.org") == OTHER
    assert program("find", "http://localhost:8400") == TOKEN[1:] + "z"
    assert program("find", STUDIO).startswith("ConfigError there are several")
    program("keep", STUDIO, "ada@x.org", token=OTHER + "x")  # logged in once more
    assert program("forget", STUDIO, "ben@x.org") == ""
    assert program("find", STUDIO) == OTHER + "x"
    assert program("find", STUDIO, "ben@x.org").startswith("Unauthenticated you are not logged in")


def test_a_locked_keyring_is_said_to_be_locked(desktop: DesktopKeyring, tmp_path: Path):
    """Where nobody can unlock it, nothing waits, and the next step is told."""
    program = Program(tmp_path, desktop.environ)
    program("keep", STUDIO, "ada@x.org", token=TOKEN)
    desktop.stop()
    desktop.start(locked=True)
    for said in (program("find", STUDIO), program("keep", STUDIO, "ben@x.org", token=OTHER)):
        assert said.startswith("KeyringUnavailable the keyring is locked: unlock it")
        assert "token_file" in said
    assert Keys(tmp_path).accounts() == [Account(STUDIO, "ada@x.org")]


def test_without_a_keyring_the_file_is_named(tmp_path: Path):
    """A machine without a desktop has a place for tokens too, and is told so."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("DBUS_")}
    environ |= {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/none"
    said = Program(tmp_path, environ)("keep", STUDIO, "ada@x.org", token=TOKEN)
    assert said.startswith("KeyringUnavailable no keyring is running")
    assert "[studio] token_file" in said
    assert TOKEN not in said


BACKENDS = """
import json, os
from pathlib import Path
from threading import Event
from keyring.backend import KeyringBackend

class PlaintextKeyring(KeyringBackend):
    priority = 0.5
    place = Path(os.environ["HOME"]) / "plain.json"
    def _all(self):
        return json.loads(self.place.read_text()) if self.place.exists() else {}
    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")
    def set_password(self, service, username, password):
        self.place.write_text(json.dumps({**self._all(), f"{service} {username}": password}))
    def delete_password(self, service, username):
        self.place.unlink()

class Hanging(PlaintextKeyring):
    def get_password(self, service, username):
        Event().wait()

class Faulty(PlaintextKeyring):
    def get_password(self, service, username):
        raise ZeroDivisionError("a fault")
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a user who has installed other keyrings."""
    (tmp_path / "foreign_rings.py").write_text(BACKENDS)
    return {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    "ring",
    ["foreign_rings.PlaintextKeyring", "keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"],
)
def test_a_keyring_that_does_not_protect_is_refused(environ: dict[str, str], tmp_path: Path, ring: str):
    """A keyring that writes plain text, forgets or fails is not used, though the environment names it."""
    environ["PYTHON_KEYRING_BACKEND"] = ring
    said = Program(tmp_path / "state", environ)("keep", STUDIO, "ada@x.org", token=TOKEN)
    assert said.startswith("KeyringUnavailable")
    assert ring.endswith("fail.Keyring") or f'[studio] keyring = "{ring}"' in said
    assert not (tmp_path / "plain.json").exists()


def test_a_keyring_that_is_named_is_used(environ: dict[str, str], tmp_path: Path):
    """Whoever wants a plain keyring says so in the configuration, and has it."""
    program = Program(tmp_path / "state", environ, named="foreign_rings.PlaintextKeyring")
    assert program("keep", STUDIO, "ada@x.org", token=TOKEN) == ""
    assert program("find", STUDIO) == TOKEN
    program("forget", STUDIO, "ada@x.org")
    assert program("find", STUDIO).startswith("Unauthenticated")


@pytest.mark.parametrize(
    ("ring", "says"),
    [
        ("keyring.backends.null.Keyring", "did not keep the token"),
        ("foreign_rings.Hanging", "has not answered for 0.5 s"),
        ("foreign_rings.Faulty", "ZeroDivisionError: a fault"),
        ("foreign_rings.Missing", "cannot be used"),
        ("no.such.module", "cannot be used"),
    ],
)
def test_a_keyring_that_fails_is_told_of(environ: dict[str, str], tmp_path: Path, ring: str, says: str):
    """Whatever a keyring does wrong, a command ends and says what it was, and no account is written down."""
    program = Program(tmp_path / "state", environ, named=ring, deadline=0.5)
    said = program("keep", STUDIO, "ada@x.org", token=TOKEN)
    assert said.startswith("KeyringUnavailable")
    assert says in said
    assert TOKEN not in said
    assert Keys(tmp_path / "state").accounts() == []


def test_a_file_for_machines_where_nobody_sits(tmp_path: Path):
    """With a file named in the configuration no keyring is asked, and the file is its owner's alone."""
    file = tmp_path / "tokens"
    keys = Keys(tmp_path / "state", token_file=file)
    keys.keep(Session(STUDIO, "ada@x.org", TOKEN))
    keys.keep(Session("http://localhost:8400", "ada@x.org", OTHER))
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state" / "accounts.json").stat().st_mode & 0o777 == 0o600
    assert keys.find(STUDIO) == Session(STUDIO, "ada@x.org", TOKEN)
    keys.forget(Account(STUDIO, "ada@x.org"))
    with pytest.raises(Unauthenticated, match=f"mountfs login {STUDIO}"):
        keys.find(STUDIO)
    assert keys.find("http://localhost:8400").token == OTHER


def test_a_file_that_others_can_read_is_refused(tmp_path: Path):
    """A token that others could have read is not used, and the line that closes the file is told."""
    file = tmp_path / "tokens"
    file.write_text(TOKEN + "\n")
    keys = Keys(tmp_path / "state", token_file=file)
    for mode in (0o640, 0o604, 0o620):
        file.chmod(mode)
        with pytest.raises(ConfigError, match=f"chmod 600 {file}"):
            keys.find(STUDIO)
    file.chmod(0o600)
    assert keys.find(STUDIO).token == TOKEN


@pytest.mark.root
def test_a_file_of_somebody_elses_is_refused(tmp_path: Path):
    """A file that another user can change says nothing."""
    file = tmp_path / "tokens"
    file.write_text(TOKEN)
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        Keys(tmp_path / "state", token_file=file).find(STUDIO)


def test_a_token_goes_to_its_own_studio_only(tmp_path: Path):
    """A token that is written beside a URL is not shown to another studio."""
    file = tmp_path / "tokens"
    file.write_text(f"{STUDIO}/ {TOKEN}\nhttps://other.example ben@x.org {OTHER}\n")
    file.chmod(0o600)
    keys = Keys(tmp_path / "state", token_file=file)
    assert keys.find(STUDIO).token == TOKEN
    assert keys.find("https://other.example").email == "ben@x.org"
    with pytest.raises(Unauthenticated):
        keys.find("https://third.example")
    with pytest.raises(Unauthenticated):
        keys.find("https://other.example", "ada@x.org")


def test_a_credential_of_the_service_manager_comes_first(tmp_path: Path):
    """A service uses the token that it was handed, and asks no keyring."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "mountfs-token").write_text(f"{STUDIO} {TOKEN}")
    (credentials / "mountfs-token").chmod(0o440)  # as a service manager leaves it
    places = Places(tmp_path / "config", tmp_path / "state", tmp_path / "run", credentials_dir=credentials)
    keys = Keys.of(config.load(places), places, may_prompt=False)
    assert keys.find(STUDIO) == Session(STUDIO, "", TOKEN)
    (credentials / "mountfs-token").chmod(0o444)
    with pytest.raises(ConfigError, match="others can read it"):
        keys.find(STUDIO)


@pytest.mark.parametrize("text", ["a b c d", "short", "\x00\x01", "http:/// " + TOKEN, "\udcff"])
def test_a_file_with_something_else_in_it(tmp_path: Path, text: str):
    """A file that holds no token is reported without a word of what it holds."""
    file = tmp_path / "tokens"
    file.write_bytes(os.fsencode(text))
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        Keys(tmp_path / "state", token_file=file).find(STUDIO)
    assert "short" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_file_that_cannot_be_written(tmp_path: Path):
    """Where the file has no place, a login says so and writes no account down."""
    keys = Keys(tmp_path / "state", token_file=tmp_path / "nowhere" / "tokens")
    with pytest.raises(KeyringUnavailable, match="cannot be written"):
        keys.keep(Session(STUDIO, "ada@x.org", TOKEN))
    assert keys.accounts() == []


def test_the_list_of_accounts_may_be_damaged(tmp_path: Path):
    """A list that nobody can read is reported with what to do about it."""
    (tmp_path / "accounts.json").write_text('{"studio": 3}')
    with pytest.raises(LocalStateError, match="remove it"):
        Keys(tmp_path).accounts()


def test_a_session_shows_no_token():
    """What is printed or logged of a session has no secret in it."""
    assert TOKEN not in repr(Session(STUDIO, "ada@x.org", TOKEN))


@pytest.mark.parametrize(
    ("text", "is_written"),
    [
        ("https://Studio.Example/", STUDIO),
        ("HTTPS://studio.example:443", STUDIO),
        ("http://[::1]:80/a/", "http://[::1]/a"),
        ("http://localhost:8400", "http://localhost:8400"),
    ],
)
def test_a_url_is_written_in_one_way(text: str, is_written: str):
    """Whoever writes the same URL a little differently finds the same session."""
    assert studio_url(text) == is_written


@pytest.mark.parametrize(
    "text",
    [
        "studio.example",
        "ftp://x",
        "https://",
        "https://u:pw@x",
        "https://u@x",
        "https://x?y",
        "http://x:99999",
    ],
)
def test_what_is_no_url_of_a_studio(text: str):
    """What cannot be a studio, or carries a secret, is refused, and the secret is not repeated."""
    with pytest.raises(ConfigError) as caught:
        studio_url(text)
    assert "pw" not in str(caught.value).replace("password", "")
