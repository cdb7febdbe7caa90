"""Where the client keeps what opens a studio to it: the token of each session, and whose sessions there are.

A token is a secret, and lies in one of three places:

- a *credential* that the service manager hands to a service: ``$CREDENTIALS_DIRECTORY/mountfs-token``. Where
  there is one it is what the machine was given, and nothing else is asked;
- the file that ``[studio] token_file`` names, for machines where nobody sits: readable by its owner alone;
- else the keyring of the desktop, through the library ``keyring``.

Both kinds of files have a line for each session: ``TOKEN``, ``URL TOKEN`` or ``URL EMAIL TOKEN``. With a URL
a token goes to no other studio.

Which accounts there are (URL and e-mail, no secret) is written down beside the configuration, so that a
command finds the session without anybody being asked. A keyring may open a window and wait for somebody to
type: every call of it ends by a deadline, and where nobody sits in front it is not made if the keyring is
locked.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import re
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from mountfs.config import FILE_NAME, Config, Places, private_folder
from mountfs.errors import ConfigError, KeyringUnavailable, LocalStateError, Unauthenticated

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

CREDENTIAL = "mountfs-token"
"""The name of the credential that a service manager hands over."""

ACCOUNTS = "accounts.json"

PROTECTING = frozenset(
    {
        "keyring.backends.SecretService.Keyring",
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
    }
)
"""The keyrings that encrypt what they keep. Any other is used only if the configuration names it: there are
some that write plain text into a file, and one that forgets everything."""

_LARGEST_FILE = 64 * 1024
_TOKEN = re.compile(r"[!-~]{16,1024}")
_HEADLESS = f"on a machine without a desktop name a file: [studio] token_file = … in {FILE_NAME}"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody at a studio. ``studio`` as `studio_url` writes it."""

    studio: str
    email: str


@dataclass(frozen=True, slots=True)
class Session:
    """What opens a studio. ``email`` is empty where the token alone says whose it is."""

    studio: str
    email: str
    token: str = field(repr=False)


def studio_url(text: str) -> str:
    """A studio's URL in the one way in which it is written here: no slash at its end, names in lower case, no
    port that goes without saying. ConfigError if it is none, or carries a password."""
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or ""), parts.port
    except ValueError as exc:
        raise ConfigError(
            "this is not the URL of a studio; write for example https://studio.example"
        ) from exc
    if parts.username is not None or parts.password is not None:
        raise ConfigError("a studio's URL carries no name and no password: mountfs login asks for them")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigError("this is not the URL of a studio; write for example https://studio.example")
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        shown = f"{shown}:{port}"
    return f"{parts.scheme}://{shown}{parts.path.rstrip('/')}"


def plain_email(text: str) -> str:
    """An e-mail address as studios compare it."""
    return text.strip().lower()


class Keys:
    """The sessions of this user.

    ``folder`` is theirs alone and gets the list of accounts; ``keyring`` names a backend (empty: the best
    that protects); ``token_file`` and ``credential`` are None if there are none. ``may_prompt`` says whether
    somebody is there who can unlock a keyring, and has ``patience`` seconds for it; if not, a keyring has
    ``deadline`` seconds to answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keyring: str = "",
        token_file: Path | None = None,
        credential: Path | None = None,
        may_prompt: bool = False,
        deadline: float = 10.0,
        patience: float = 120.0,
    ) -> None:
        self._folder = folder
        self._credential = credential
        self._place: _Place
        if token_file is not None:
            self._place = _TokenFile(token_file)
        else:
            self._place = _Keyring(keyring, may_prompt, patience if may_prompt else deadline)

    @classmethod
    def of(cls, config: Config, places: Places, *, may_prompt: bool) -> Keys:
        """The sessions of whoever this configuration is of."""
        handed = places.credentials_dir
        return cls(
            config.state_dir,
            keyring=config.studio.keyring,
            token_file=Path(config.studio.token_file) if config.studio.token_file else None,
            credential=handed / CREDENTIAL if handed is not None else None,
            may_prompt=may_prompt,
        )

    def accounts(self) -> list[Account]:
        """Who has logged in here and not out again, oldest first. Asks no keyring. LocalStateError."""
        return _read_accounts(self._folder / ACCOUNTS)

    def find(self, studio: str, email: str = "") -> Session:
        """The session at a studio; ``email`` is needed only if there are several.

        Unauthenticated if there is none, ConfigError if it has to be said which, KeyringUnavailable.
        """
        studio, email = studio_url(studio), plain_email(email)
        if self._credential is not None and (found := _matching(_lines(self._credential), studio, email)):
            return found
        known = [one for one in self.accounts() if one.studio == studio and email in ("", one.email)]
        if len(known) > 1:
            names = ", ".join(one.email for one in known)
            raise ConfigError(f"there are several of your accounts at {studio}: say which ({names})")
        session = self._place.get(studio, known[0].email if known else email)
        if session is None:
            who = f" as {email}" if email else ""
            raise Unauthenticated(f"you are not logged in at {studio}{who}: mountfs login {studio}")
        return session

    def keep(self, session: Session) -> None:
        """Remember a session, in place of an earlier one of the same account. KeyringUnavailable, and nothing
        is remembered."""
        studio, email = studio_url(session.studio), plain_email(session.email)
        if not email or " " in email or not _TOKEN.fullmatch(session.token):
            raise ConfigError("a session has an e-mail address and a token")
        session = Session(studio, email, session.token)
        self._place.put(session)
        kept = self._place.get(studio, email)
        if kept is None or kept.token != session.token:
            raise KeyringUnavailable(f"{self._place.name} did not keep the token")
        with self._changing() as accounts:
            accounts[:] = [one for one in accounts if one != Account(studio, email)]
            accounts.append(Account(studio, email))

    def forget(self, account: Account) -> None:
        """Remember a session no longer. KeyringUnavailable if its token cannot be reached; the account is
        forgotten all the same, since the studio has ended the session and the token opens nothing."""
        account = Account(studio_url(account.studio), plain_email(account.email))
        with self._changing() as accounts:
            accounts[:] = [one for one in accounts if one != account]
        self._place.remove(account.studio, account.email)

    @contextmanager
    def _changing(self) -> Iterator[list[Account]]:
        """The list of accounts, for one process at a time, written when whoever changes it has done so."""
        path = private_folder(self._folder) / ACCOUNTS
        with _alone(path):
            accounts = _read_accounts(path)
            yield accounts
            _write_private(path, json.dumps([[one.studio, one.email] for one in accounts], indent=1) + "\n")


class _Place(Protocol):
    """Where tokens lie."""

    name: str

    def get(self, studio: str, email: str) -> Session | None: ...
    def put(self, session: Session) -> None: ...
    def remove(self, studio: str, email: str) -> None: ...


class _TokenFile:
    """A file of this user's that nobody else can read."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def get(self, studio: str, email: str) -> Session | None:
        return _matching(_lines(self._path, own=True), studio, email)

    def put(self, session: Session) -> None:
        self._replace(session.studio, session.email, [session])

    def remove(self, studio: str, email: str) -> None:
        self._replace(studio, email, [])

    def _replace(self, studio: str, email: str, by: list[Session]) -> None:
        try:
            with _alone(self._path):
                others = [
                    one for one in _lines(self._path, own=True) if (one.studio, one.email) != (studio, email)
                ]
                words = ([one.studio, one.email, one.token] for one in (*others, *by))
                _write_private(self._path, "".join(" ".join(filter(None, line)) + "\n" for line in words))
        except OSError as exc:
            raise KeyringUnavailable(f"{self._path} cannot be written: {exc.strerror}") from exc


class _Keyring:
    """The keyring of the desktop, or the one that the configuration names."""

    name = "the keyring"

    def __init__(self, named: str, may_prompt: bool, deadline: float) -> None:
        self._named = named
        self._may_prompt = may_prompt
        self._deadline = deadline

    def get(self, studio: str, email: str) -> Session | None:
        if not email:
            return None
        token = self._ask(lambda backend: backend.get_password(_service(studio), email))
        return Session(studio, email, token) if token is not None and _TOKEN.fullmatch(token) else None

    def put(self, session: Session) -> None:
        self._ask(
            lambda backend: backend.set_password(_service(session.studio), session.email, session.token)
        )

    def remove(self, studio: str, email: str) -> None:
        def act(backend: KeyringBackend) -> None:
            if backend.get_password(_service(studio), email) is not None:
                backend.delete_password(_service(studio), email)

        self._ask(act)

    def _ask(self, act: Callable[[KeyringBackend], T]) -> T:
        """What the keyring answers, by the deadline: a call that hangs is left to a thread that ends with the
        process, since nothing can interrupt it."""

        def whole() -> T:
            backend = _backend(self._named)
            if not self._may_prompt:
                _refuse_locked(backend)
            return act(backend)

        return _by(self._deadline, whole)


def _by(deadline: float, act: Callable[[], T]) -> T:
    outcome: queue.SimpleQueue[tuple[T] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((act(),))
        except Exception as exc:  # noqa: BLE001  # it belongs to whoever waits; backends raise all kinds of things
            outcome.put(exc)

    threading.Thread(target=run, daemon=True, name="keyring").start()
    try:
        found = outcome.get(timeout=deadline)
    except queue.Empty:
        raise KeyringUnavailable(
            f"the keyring has not answered for {deadline:g} s: unlock it on the desktop and try again, or "
            + _HEADLESS
        ) from None
    if isinstance(found, KeyringUnavailable | ConfigError):
        raise found
    if isinstance(found, Exception):
        # The text of a backend's error is its own: no secret is in it, and its class says most.
        raise KeyringUnavailable(
            f"the keyring does not work ({type(found).__name__}: {found}): is it unlocked? Else, {_HEADLESS}"
        ) from found
    return found[0]


def _backend(named: str) -> KeyringBackend:
    """The keyring to be used. KeyringUnavailable if none protects what it keeps."""
    from keyring import core, errors
    from keyring.backends.chainer import ChainerBackend

    if named:
        try:
            return core.load_keyring(named)
        except (ImportError, AttributeError, RuntimeError, ValueError, errors.KeyringError) as exc:
            raise KeyringUnavailable(f"the keyring {named} cannot be used: {exc}") from exc
    core.init_backend(lambda backend: isinstance(backend, ChainerBackend) or _class(backend) in PROTECTING)
    backend = core.get_keyring()  # or another, that the environment or keyring's own configuration names
    several = list(backend.backends) if isinstance(backend, ChainerBackend) else [backend]
    names = [_class(one) for one in several]
    if not several or names == ["keyring.backends.fail.Keyring"]:
        raise KeyringUnavailable(
            "no keyring is running in this session: start one (gnome-keyring, KWallet), or " + _HEADLESS
        )
    for name in names:
        if name not in PROTECTING:
            raise KeyringUnavailable(
                f"the keyring {name} does not protect what it keeps; if you want it all the same, write"
                f' [studio] keyring = "{name}" into {FILE_NAME}'
            )
    return backend


def _refuse_locked(backend: KeyringBackend) -> None:
    """KeyringUnavailable if the desktop's keyring would have to ask somebody first."""
    from keyring.backends.chainer import ChainerBackend
    from keyring.backends.SecretService import Keyring

    several = backend.backends if isinstance(backend, ChainerBackend) else [backend]
    if not any(isinstance(one, Keyring) for one in several):
        return
    import secretstorage
    from secretstorage.exceptions import ItemNotFoundException

    with closing(secretstorage.dbus_init()) as bus:
        try:
            is_locked = secretstorage.Collection(bus, "/org/freedesktop/secrets/aliases/default").is_locked()
        except ItemNotFoundException:
            raise KeyringUnavailable(
                "this session has no keyring yet: mountfs login on the desktop makes one, or " + _HEADLESS
            ) from None
    if is_locked:
        raise KeyringUnavailable(
            "the keyring is locked: unlock it on the desktop (logging in there does) and try again, or "
            + _HEADLESS
        )


def _class(backend: KeyringBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _service(studio: str) -> str:
    return f"mountfs {studio}"


def _lines(path: Path, *, own: bool = False) -> list[Session]:
    """What a file of tokens holds; nothing if there is none. ``own``: it must be this user's alone, else at
    least not everybody's. ConfigError; KeyringUnavailable."""
    try:
        # Neither a pipe nor a device in its place may block.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise KeyringUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{path} holds a token and is no file")
        if own and found.st_uid != os.geteuid():
            raise ConfigError(
                f"{path} holds a token and belongs to somebody else: chown {os.geteuid()} {path}"
            )
        if found.st_mode & (0o077 if own else 0o007):
            raise ConfigError(f"{path} holds a token and others can read it: chmod 600 {path}")
        try:
            text = file.read(_LARGEST_FILE).decode("utf-8")
        except OSError as exc:
            raise KeyringUnavailable(f"{path} cannot be read: {exc.strerror}") from exc
        except UnicodeDecodeError:
            raise ConfigError(f"{path} should hold a token, and holds something else") from None
    return [_session(line.split(), path) for line in text.splitlines() if line.strip()]


def _session(words: list[str], path: Path) -> Session:
    if len(words) > 3 or not _TOKEN.fullmatch(words[-1]):
        raise ConfigError(f"{path} should have lines such as: TOKEN, or URL TOKEN, or URL EMAIL TOKEN")
    studio = studio_url(words[0]) if len(words) > 1 else ""
    return Session(studio, plain_email(words[1]) if len(words) > 2 else "", words[-1])


def _matching(sessions: list[Session], studio: str, email: str) -> Session | None:
    """The session that is most particularly about a studio and an account. ConfigError if it has to be said
    which."""
    fit = [one for one in sessions if one.studio in ("", studio) and (not email or one.email in ("", email))]
    fit.sort(key=lambda one: (bool(one.studio), bool(one.email)), reverse=True)
    if not email and len({one.email for one in fit if one.studio and one.email}) > 1:
        raise ConfigError(f"there are several of your accounts at {studio}: say which")
    return Session(studio, fit[0].email, fit[0].token) if fit else None


def _read_accounts(path: Path) -> list[Account]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Account(studio_url(studio), plain_email(email)) for studio, email in found]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, AttributeError, ConfigError) as exc:
        raise LocalStateError(f"{path} is damaged: remove it, and log in again with mountfs login") from exc
    except OSError as exc:
        raise LocalStateError(f"{path} cannot be read: {exc.strerror}") from exc


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While this runs no other process of this user changes the file."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write_private(path: Path, text: str) -> None:
    """Put a file in place of another, whole or not at all, readable by nobody else at any moment."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
