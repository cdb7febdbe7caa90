"""The configuration: what can be set, and how a mistake is reported."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mountfs import config
from mountfs.config import MountOptions, Places
from mountfs.errors import ConfigError


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config", tmp_path / "state", tmp_path / "run")


def write(places: Places, text: str) -> None:
    places.config_dir.mkdir(exist_ok=True)
    (places.config_dir / "config.toml").write_text(text)


def test_without_a_file_everything_has_a_default(places: Places):
    """Nobody has to configure anything."""
    loaded = config.load(places)
    assert loaded.state_dir == places.state_dir
    assert loaded.runtime_dir == places.runtime_dir
    assert loaded.user.email == ""
    assert loaded.mount == MountOptions()


def test_what_is_set_is_used(places: Places):
    """A person's own settings hold, and what they left out keeps its default."""
    write(places, 'state_dir = "/srv/state"\n[user]\nemail = "ada@x.org"\n[mount]\nmemory = "64MiB"\n')
    loaded = config.load(places)
    assert loaded.state_dir == Path("/srv/state")
    assert loaded.user.email == "ada@x.org"
    assert loaded.mount == MountOptions(memory=64 << 20)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('state_dri = "/x"', r"state_dri.*state_dir"),
        ('[user]\nmail = "x"', r"key of \[user\] 'mail'.*'email'"),
        ("[mount]\nmemroy = 1", r"memroy.*'memory'"),
        ("[mount]\nmemory = 1", "between 16MiB"),
        ('[mount]\nmemory = "lots"', "not a size"),
        ("[mount]\nworkers = 0", "between 1 and 128"),
        ("[mount]\nworkers = 100000", "between 1 and 128"),
        ('[mount]\nmemory = "99999999999999GiB"', "16MiB.*1TiB"),
        ("[mount]\ndeadline = 0", "greater than zero"),
        ("[mount]\nworkers = true", "whole number"),
        ('[mount]\ndeadline = "soon"', "number"),
        ("[mount]\ndeadline = nan", "number"),
        ("[mount]\nallow_other = 3", "true or false"),
        ('state_dir = "relative"', "full path"),
        ("user = 3", r"\[user\]"),
        ('[studio]\ntoken = "x"', r"key of \[studio\] 'token'.*'token_file'"),
        ('[studio]\ntoken_file = "token"', "full path of a file"),
        ("[studio]\ntimeout = 0", "greater than zero"),
        ("[user]\nemail = 3", "text in quotes"),
        ("= broken", "config.toml"),
    ],
)
def test_a_mistake_is_named(places: Places, text: str, says: str):
    """A person reads which key of which file is wrong and what to write instead."""
    write(places, text)
    with pytest.raises(ConfigError, match=says) as caught:
        config.load(places)
    assert "config.toml" in str(caught.value)


def test_options_of_one_mount_change_the_defaults():
    """``-o`` speaks the same words as the file, and only about this mount."""
    options = MountOptions(workers=2).with_text("memory=1G,allow_other,ro, deadline=2.5")
    assert options == MountOptions(workers=2, memory=1 << 30, allow_other=True, deadline=2.5, ro=True)
    assert options.with_text("rw,close=lazy,draft_quota=2G,quiet_time=0.5") == dataclasses.replace(
        options, ro=False, close="lazy", draft_quota=2 << 30, quiet_time=0.5
    )
    assert MountOptions().with_text("") == MountOptions()


@pytest.mark.parametrize(
    "text",
    ["memori=1", "close=perhaps", "track", "quiet_time=-1", "workers=x", "allow_other=perhaps", "memory"],
)
def test_a_wrong_option_is_refused(text: str):
    """A misspelt option is an error, not a mount that behaves otherwise than asked."""
    with pytest.raises(ConfigError):
        MountOptions().with_text(text)


def test_a_private_folder_is_made_and_closed(tmp_path: Path):
    """Nobody else on the machine can read a user's state, also when the folder was there before."""
    folder = tmp_path / "a" / "b"
    assert config.private_folder(folder) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    config.private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_private_folder_is_not_somebody_elses(tmp_path: Path):
    """A symlink that another user put at the place is refused, not followed."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(ConfigError, match="not a folder of your own"):
        config.private_folder(tmp_path / "link")


def test_the_runtime_folder_follows_the_session(tmp_path: Path):
    """Sockets lie where the session says, and in a private folder where there is no session."""
    assert Places.of_this_user({"XDG_RUNTIME_DIR": str(tmp_path)}).runtime_dir == tmp_path / "mountfs"
    elsewhere = Places.of_this_user({"XDG_RUNTIME_DIR": str(tmp_path / "missing")}).runtime_dir
    assert elsewhere.parent != tmp_path / "missing"
