"""What the studio has set for those who mount its projects."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import delete, insert, select

from mountfs.errors import ConfigError
from mountfs.studio.accounts.desk import Desk, require_admin
from mountfs.studio.accounts.tables import setting
from mountfs.studio.accounts.values import Actor
from mountfs.wire.settings import SettingsFacts, fault_of


class Settings:
    """The settings of a studio."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def all(self) -> SettingsFacts:
        """What holds now."""
        with self._desk.database.reading() as connection:
            there = {row.name: row.value for row in connection.execute(select(setting))}
        usual = SettingsFacts()
        return SettingsFacts(
            int(there.get("offline_days", usual.offline_days)), there.get("mount_path", usual.mount_path)
        )

    def change(self, by: Actor, to: SettingsFacts) -> None:
        """Set all of it. ConfigError for what cannot be, AdminsOnly."""
        if fault := fault_of(to):
            raise ConfigError(fault)
        with self._desk.acting("change settings", by) as act:
            require_admin(act.connection, by)
            act.connection.execute(delete(setting))
            rows = [{"name": name, "value": str(value)} for name, value in asdict(to).items()]
            act.connection.execute(insert(setting), rows)
            act.detail.update(asdict(to))
