"""What a machine believes, and remembers, of what a studio has set."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mountfs.remote import is_first_time_at, settings
from mountfs.transport.line import Line, Patience
from mountfs.wire.settings import SettingsFacts
from tests.transport.liar import Liar, liar

QUICK = Patience(tries=1, silence=0.5, whole=1.0)
EMAIL = "ann@harbor.example"


@pytest.fixture
def studio() -> Iterator[tuple[Liar, Line]]:
    with liar() as lying:
        line = Line(lying.url, lambda: "token", patience=QUICK)
        yield lying, line
        line.close()


def test_what_was_set_is_known_without_network(studio: tuple[Liar, Line], tmp_path: Path):
    """As it was the last time; before that, what is usual."""
    lying, line = studio
    nowhere = Line("http://127.0.0.1:1", lambda: "token", patience=QUICK)
    assert settings(nowhere, tmp_path, EMAIL) == SettingsFacts()
    nowhere.close()
    lying.answers["/settings"] = {"offline_days": 3, "mount_path": "/prod"}
    assert settings(line, tmp_path, EMAIL) == SettingsFacts(3, "/prod")
    lying.answers["/settings"] = lambda handler: handler.connection.close()
    assert settings(line, tmp_path, EMAIL) == SettingsFacts(3, "/prod")


@pytest.mark.parametrize(
    "said",
    [
        {"offline_days": 10**9, "mount_path": "/prod"},
        {"offline_days": 3, "mount_path": "/home/ann/.config"},
        {"offline_days": 3, "mount_path": "../.ssh"},
        {"offline_days": -1, "mount_path": "/prod"},
    ],
    ids=str,
)
def test_what_cannot_be_set_is_not_believed(
    studio: tuple[Liar, Line], tmp_path: Path, said: object, caplog: pytest.LogCaptureFixture
):
    """No studio puts itself among somebody's own files, nor lets what it has shown stay for ever."""
    lying, line = studio
    lying.answers["/settings"] = said
    with caplog.at_level(logging.WARNING):
        assert settings(line, tmp_path, EMAIL) == SettingsFacts()
    assert "is not taken" in caplog.text


def test_each_place_is_new_once(tmp_path: Path):
    """So that whoever mounts elsewhere than others is told of it once."""
    asked = [Path("/a"), Path("/a"), Path("/b"), Path("/b")]
    found = [is_first_time_at(place, tmp_path, "https://studio.example", EMAIL) for place in asked]
    assert found == [True, False, True, False]
