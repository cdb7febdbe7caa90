"""What a studio has set for those who mount its projects."""

from __future__ import annotations

import pytest

from mountfs.errors import AdminsOnly, ConfigError
from mountfs.studio.accounts import Accounts
from mountfs.wire.settings import SettingsFacts, fault_of
from tests.studio.accounts.office import OPERATOR, Office


def test_settings_are_changed_by_who_runs_the_studio(staffed: Office, accounts: Accounts):
    """By its operator and its admins, on the record; without any they are the usual ones."""
    assert accounts.settings.all() == SettingsFacts(14, "/studio")
    accounts.settings.change(OPERATOR, SettingsFacts(3, "/prod"))
    assert accounts.settings.all() == SettingsFacts(3, "/prod")
    accounts.settings.change(staffed.login("ada").caller, SettingsFacts(0, "/srv/films"))
    with pytest.raises(AdminsOnly):
        accounts.settings.change(staffed.login("ben").caller, SettingsFacts())
    assert accounts.settings.all() == SettingsFacts(0, "/srv/films")
    refused, *done = [
        (row.act, row.detail.get("mount_path"))
        for row in accounts.audit.read(OPERATOR)
        if "settings" in row.act
    ]
    assert refused[0] == "refused: change settings"
    assert done == [("change settings", "/srv/films"), ("change settings", "/prod")]


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "studio", "/studio/", "/studio/../etc", "//studio", "/a\nb", "/" + "a" * 300),
        *("/home/ada/.config", "/etc/cron.d", "/run/user", "/tmp/x", "/dev/shm", "/root", "/HOME/ada"),
    ],
)
def test_no_studio_is_mounted_among_others_files(accounts: Accounts, path: str):
    """What programs run or believe could come from it then; nor where nobody would find it."""
    with pytest.raises(ConfigError):
        accounts.settings.change(OPERATOR, SettingsFacts(14, path))
    assert accounts.settings.all() == SettingsFacts()


@pytest.mark.parametrize("days", [-1, 366, 10**12])
def test_the_days_without_a_studio_are_bounded(days: int):
    """Nobody who is gone for good keeps what they had for longer than a year."""
    assert fault_of(SettingsFacts(days, "/studio"))
