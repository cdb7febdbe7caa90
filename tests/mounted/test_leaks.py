"""What is secret between a studio and its mounts stays between them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mountfs.config import MountOptions
from mountfs.model import ProjectId
from mountfs.storage.open import open_project
from mountfs.studio.signing import SIGNING_KEY, Signer
from mountfs.testing.leaks import Leaks
from mountfs.testing.mounts import Mounts, wait_until
from mountfs.testing.online import OPERATOR, online_studio, password_of
from mountfs.testing.projects import production

QUICK = MountOptions(quiet_time=0.1, grace_time=0.1, desktop=False)


@pytest.mark.mounted
def test_no_secret_is_where_it_does_not_belong(
    mounts: Mounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Not in a process list, an environment, the mount table, a log, a file: while mounts are made, read and
    saved into, refused, logged out, and without their studio."""
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "harbor.clst"
    production(file).close()
    with open_project(file, read_only=True) as project:
        id_ = ProjectId(project.id)
    data = tmp_path / "studio"
    leaks = Leaks([tmp_path], own=[data / SIGNING_KEY])
    sign = Signer.sign

    def remembered(self: Signer, method: str, key: str, length: int, expires: int) -> str:
        signature = sign(self, method, key, length, expires)
        leaks.secret(f"a signature to {method}", signature)
        return signature

    monkeypatch.setattr(Signer, "sign", remembered)
    with leaks:
        with online_studio(data) as online:
            online.adopt(file, id_)
            for line in (data / SIGNING_KEY).read_text().split():
                leaks.secret("the signing key", line)
            for username in ("root", "ann", "bo"):
                leaks.secret(f"{username}'s password", password_of(username))
                leaks.secret(f"{username}'s token", online.login(username).token)
            made = online.house.accounts.node_tokens.make(online.caller("ann"), id_)
            leaks.secret("a machine's token", made.token)
            invited = online.house.accounts.invitations.invite(OPERATOR, "new@harbor.example")
            leaks.secret("an invitation", invited.token)
            ann = mounts.mount(online.remote("ann", id_, tmp_path / "cache"), at="ann", options=QUICK)
            bo = mounts.mount(online.remote("bo", id_, tmp_path / "cache"), at="bo", options=QUICK)
            (hers,) = ann.path.rglob("anim.blend")
            his = bo.path / hers.relative_to(ann.path)
            assert his.read_bytes()
            hers.write_bytes(b"the second take" * 100_000)
            wait_until(lambda: his.read_bytes() == b"the second take" * 100_000, "the news")
            ann.expect_log(".")  # of what is wrong from here on
            bo.expect_log(".")
            accounts = online.house.accounts
            accounts.sessions.revoke_all(online.caller("bo"), online.caller("bo").id)
            (light,) = bo.path.rglob("light.blend")
            light.write_bytes(b"nobody takes this")
        assert hers.read_bytes()
        wait_until(lambda: "logged in" in bo.log or "session" in bo.log, "a line in the log")
        ann.unmount()
        bo.unmount()
        leaks.look_into("the studio's log", caplog.text.encode())
    assert leaks.looks > 10, "processes were looked at while they ran"
