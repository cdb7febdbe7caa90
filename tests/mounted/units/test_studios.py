"""The units of a studio, its backups and a farm node, for real: in a manager of their own (`managed`), where
systemd can be run so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mountfs.testing.mounts import BOUND, wait_until
from mountfs.testing.projects import Casting, production
from tests.mounted.units import managed
from tests.mounted.units.managed import TARGET, UID, UNITS, Manager, passwd

pytestmark = [pytest.mark.root, pytest.mark.slow]

__test__ = managed.can_be_had()


STUDIO = UNITS / "mountfs-studio.service"
DATA = "/var/lib/mountfs-studio"
ACCOUNT = f"mountfs-studio:x:{UID - 5000}:{UID - 5000}::/var/lib/mountfs-studio:/usr/sbin/nologin\n"
AS_STUDIO = ("setpriv", "--reuid", str(UID - 5000), "--regid", str(UID - 5000), "--clear-groups")


def test_the_studios_unit_is_clean_and_closed():
    """systemd has nothing to say about the unit, and finds little that a fault in a studio could reach."""
    verified = subprocess.run(
        ["systemd-analyze", "verify", STUDIO], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    looked = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(STUDIO)]
    exposed = subprocess.run(looked, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout  # 20: 2.0


def studio_units(home: Path, *drop_ins: str) -> tuple[dict[str, str], dict[str, str]]:
    """What a manager needs for the studio's unit, changed by nothing but where mountfs is."""
    unit = managed.of_this_checkout(STUDIO)
    users = {"passwd": passwd(home) + ACCOUNT, "group": f"mountfs-studio:x:{UID - 5000}:\n"}
    changed = "\n".join(["[Service]", *drop_ins])
    around = ("test", "sysinit", "basic", "shutdown", "network-online")
    targets = {f"{name}.target": TARGET for name in around}
    return {**targets, "mountfs-studio.service": f"{unit}\n{changed}\n"}, users


def make_studio(manager: Manager) -> None:
    """As docs/systemd.md says."""
    manager.run("install", "-d", "-m", "0700", "-o", str(UID - 5000), "-g", str(UID - 5000), DATA)
    manager.run(*AS_STUDIO, "mountfs", "studio", "create", DATA)


def test_a_studio_is_a_service(home: Path):
    """Started, it answers; stopped, it ends well; its operator works on it meanwhile; it left no core, and
    nothing that others can read."""
    with managed.system_manager(home, *studio_units(home)) as manager:
        failed = manager.attempt("systemctl", "start", "mountfs-studio")
        assert failed.returncode != 0  # no studio has been made
        manager.run("systemctl", "reset-failed", "mountfs-studio")
        make_studio(manager)
        manager.run("systemctl", "start", "mountfs-studio")
        status = manager.run("systemctl", "show", "-P", "StatusText", "mountfs-studio")
        assert status == "answers at http://127.0.0.1:8420\n"
        asked = manager.run("curl", "-sS", "http://127.0.0.1:8420/api/v1/studio")
        assert '"epoch"' in asked
        assert manager.run(*AS_STUDIO, "mountfs", "studio", "account", "list", DATA) == ""
        open_to_others = manager.run("find", DATA, "-perm", "/077")
        assert open_to_others == ""
        manager.run("systemctl", "stop", "mountfs-studio")
        assert manager.run("systemctl", "show", "-P", "Result", "mountfs-studio") == "success\n"


def test_a_studio_gets_its_certificate_from_root(home: Path):
    """The key is root's, and the studio serves with it by one line of a drop-in; killed, it is started
    again."""
    certificate = home / "etc-studio"
    certificate.mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", certificate / "key.pem", "-out", certificate / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    (certificate / "key.pem").chmod(0o600)
    options = (
        f"LoadCredential=cert.pem:{certificate}/cert.pem",
        f"LoadCredential=key.pem:{certificate}/key.pem",
        'Environment="OPTIONS=--host 0.0.0.0 --cert %d/cert.pem --key %d/key.pem"',
        "RestartSec=100ms",
    )
    with managed.system_manager(home, *studio_units(home, *options)) as manager:
        make_studio(manager)
        manager.run("systemctl", "start", "mountfs-studio")
        ask = ("curl", "-sS", "--cacert", certificate / "cert.pem", "https://localhost:8420/api/v1/studio")
        assert '"epoch"' in manager.run(*ask)
        manager.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "mountfs-studio")
        restarts = ("systemctl", "show", "-P", "NRestarts", "mountfs-studio")
        wait_until(lambda: manager.run(*restarts) == "1\n", "a restart")
        wait_until(lambda: manager.attempt(*ask).returncode == 0, "the studio")


NODE = UNITS / "mountfs-node.service"
NODES = str(UID - 5001)
"""The user whose the mount of a farm's machine is, and their group, in which whoever renders is."""
AS_RENDERER = ("setpriv", "--reuid", str(UID - 5002), "--regid", str(UID - 5002), "--groups", NODES)


def test_the_nodes_unit_is_clean():
    """systemd has nothing to say about the unit of a farm's machine, and its token is in nobody's sight."""
    verified = subprocess.run(
        ["systemd-analyze", "verify", NODE], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    assert "LoadCredential=mountfs-token:" in NODE.read_text()
    assert "TOKEN" not in NODE.read_text()


@contextmanager
def farm(home: Path) -> Iterator[Manager]:
    """A studio with a project film of ada's, and on the same machine a node that may mount it at /mnt/film
    with a token of hers, as docs/systemd.md says."""
    units, etc = studio_units(home)
    unit = managed.of_this_checkout(NODE)
    units |= {NODE.name: f"{unit}\n[Service]\nRestartSec=100ms\n"}
    etc["passwd"] += f"mountfs-node:x:{NODES}:{NODES}::/var/lib/mountfs-node:/usr/sbin/nologin\n"
    etc["group"] += f"mountfs-node:x:{NODES}:\n"
    etc["fuse.conf"] = "user_allow_other\n"
    etc["mountfs/of-nobody"] = ""  # so that there is the folder, in which this machine's own is not shown
    (home / "password").write_text("what nobody else says, 7\n")
    (home / "password").chmod(0o600)
    os.chown(home / "password", UID - 5000, UID - 5000)
    project = home / "film.clst"
    production(project, casting=Casting(crew={})).close()
    project.chmod(0o644)
    with managed.system_manager(home, units, etc) as manager:

        def operator(*words: str | Path) -> None:
            manager.run(*AS_STUDIO, "mountfs", "studio", *words, seconds=2 * BOUND)

        for place in ("/mnt", "/var/cache", "/etc/mountfs"):
            manager.run("mount", "-t", "tmpfs", "tmpfs", place)
        manager.run("install", "-d", "-m", "0700", "-o", str(UID - 5000), "-g", str(UID - 5000), DATA)
        operator("create", DATA, "--secret-file", f"{DATA}/secret")
        become = ("--email", "ada@harbor.example", "--name", "Ada Lind", "--username", "ada")
        secrets = ("--secret-file", f"{DATA}/secret", "--password-file", home / "password")
        operator("bootstrap", DATA, *become, *secrets)
        operator("import", project, DATA, "--admin", "ada", "--library", "library", "--name", "film", "--yes")
        operator("token", "create", DATA, "film", "ada", "--token-file", f"{DATA}/token")
        assert manager.run("find", DATA, "-perm", "/077") == ""
        manager.run("install", "-d", "-m", "0700", "/etc/mountfs/node")
        manager.run("install", "-m", "0600", f"{DATA}/token", "/etc/mountfs/node/token")
        manager.run("rm", f"{DATA}/token")
        conf = "STUDIO=http://127.0.0.1:8420/film\nDIR=/mnt/film\n"
        manager.run("sh", "-c", f"printf '{conf}' > /etc/mountfs/node/mount.conf")
        manager.run("install", "-d", "-o", NODES, "/mnt/film")
        manager.run("systemctl", "start", "mountfs-studio")
        yield manager


def test_a_farm_node_mounts_for_who_renders(home: Path):
    """Another user of the machine, in the node's group, reads what the token's maker sees and changes
    nothing; whoever is not in the group reads nothing, and the token is in nobody's sight. Stopped, nothing
    is mounted, and nothing was left that opens the studio."""
    with farm(home) as manager:
        manager.run("systemctl", "start", "mountfs-node", seconds=2 * BOUND)
        shown = manager.run("findmnt", "-no", "FSTYPE,OPTIONS", "/mnt/film")
        assert shown.startswith("fuse.mountfs ro,nosuid,nodev,")
        assert {"allow_other", "default_permissions", f"user_id={NODES}"} <= set(shown.strip().split(","))
        boat = "/mnt/film/library/props/boat.obj"
        assert manager.run(*AS_RENDERER, "cat", boat) == "library/props/boat.obj\n"
        assert "Permission denied" in manager.attempt("cat", boat, as_user=True).stderr
        for act in (("touch", "/mnt/film/new"), ("sh", "-c", f"echo x >> {boat}"), ("rm", "-f", boat)):
            refused = manager.attempt(*AS_RENDERER, *act)
            assert "Read-only file system" in refused.stderr
        assert "editorial" not in manager.run(*AS_RENDERER, "ls", "/mnt/film")  # ada's sight, and no more
        token = manager.run("cat", "/etc/mountfs/node/token").strip()
        pid = manager.run("systemctl", "show", "-P", "MainPID", "mountfs-node").strip()
        for file in ("cmdline", "environ", "mountinfo"):
            assert token not in manager.run("cat", f"/proc/{pid}/{file}")
        handed = "/run/credentials/mountfs-node.service/mountfs-token"
        assert manager.run("cat", handed).strip() == token
        assert manager.attempt(*AS_RENDERER, "cat", handed).returncode == 1
        manager.run("systemctl", "stop", "mountfs-node", seconds=2 * BOUND)
        assert manager.attempt("findmnt", "/mnt/film").returncode == 1
        assert manager.run("systemctl", "show", "-P", "Result", "mountfs-node") == "success\n"
        assert manager.attempt("ls", handed).returncode == 2
        assert manager.attempt("grep", "-rqF", token, "/var/lib/mountfs-node", "/var/cache").returncode == 1


def test_a_farm_node_that_is_killed_mounts_again(home: Path):
    """Nobody meets a dead mount for longer than a restart takes."""
    with farm(home) as manager:
        manager.run("systemctl", "start", "mountfs-node", seconds=2 * BOUND)
        manager.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "mountfs-node")
        restarts = ("systemctl", "show", "-P", "NRestarts", "mountfs-node")
        wait_until(lambda: manager.run(*restarts) == "1\n", "a restart")
        boat = "/mnt/film/library/props/boat.obj"
        wait_until(lambda: manager.attempt(*AS_RENDERER, "cat", boat).returncode == 0, "the mount")


BACKUP = UNITS / "mountfs-studio-backup.service"
TIMER = UNITS / "mountfs-studio-backup.timer"


def test_the_backups_units_are_clean_and_closed():
    """systemd has nothing to say about timer and service, and the service reaches less than the studio."""
    verified = subprocess.run(
        ["systemd-analyze", "verify", BACKUP, TIMER], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    looked = ["systemd-analyze", "security", "--offline=true", "--threshold=10", str(BACKUP)]
    exposed = subprocess.run(looked, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout  # 10: 1.0


def test_a_studio_is_backed_up_by_a_timer(home: Path):
    """What the timer starts adds a state while the studio serves, as the studio's user, closed to others."""
    units, users = studio_units(home)
    to = "/var/lib/backups"
    changed = f"[Service]\nEnvironment=TO={to}\nReadWritePaths={to}\n"
    unit = managed.of_this_checkout(BACKUP)
    units |= {"mountfs-studio-backup.service": f"{unit}\n{changed}"}
    units |= {"mountfs-studio-backup.timer": TIMER.read_text(), "timers.target": TARGET}
    with managed.system_manager(home, units, users) as manager:
        make_studio(manager)
        manager.run("install", "-d", "-m", "0700", "-o", str(UID - 5000), "-g", str(UID - 5000), to)
        manager.run("systemctl", "start", "mountfs-studio", "mountfs-studio-backup.timer")
        manager.run("systemctl", "start", "mountfs-studio-backup")
        tested = manager.run(*AS_STUDIO, "mountfs", "studio", "backup", "--test", to)
        assert "every byte is as it was recorded" in tested
        assert manager.run("find", to, "-perm", "/077") == ""
        following = manager.run("systemctl", "show", "-P", "NextElapseUSecRealtime", TIMER.name)
        assert following.strip() not in ("", "n/a")
