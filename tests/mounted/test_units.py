"""systemd, mount(8) and automount points, for real: a user's manager, and the machine's, in namespaces of
their own (tests/mounted/managed.py). These tests are there where systemd can be run so, and take a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mountfs.testing.mounts import BOUND, wait_until
from mountfs.testing.projects import Casting, production
from tests.mounted import managed
from tests.mounted.managed import UID, Manager

pytestmark = [pytest.mark.root, pytest.mark.slow]

UNITS = Path(__file__).parents[2] / "systemd"
__test__ = managed.can_be_had()

LOOKING = 4 * BOUND
"""Seconds for a look that makes a mount: it may wait for the end of the one before, which sends what was
saved."""


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of a user, in a place that they can reach, with mountfs installed as pip does for a user."""
    home = Path(os.environ.get("TMPDIR", "/var/tmp")) / f"mountfs-units-{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / "mountfs").symlink_to(managed.PROGRAMS / "mountfs")
    (home / ".config" / "systemd" / "user").mkdir(parents=True)
    shutil.copy(UNITS / "mountfs@.service", home / ".config" / "systemd" / "user")
    (home / ".config" / "mountfs" / "mounts").mkdir(parents=True)
    (home / "film").mkdir()
    _give(home)
    yield home
    shutil.rmtree(home, ignore_errors=True)


def _give(folder: Path) -> None:
    """Make it all the user's."""
    subprocess.run(["chown", "-Rh", f"{UID}:{UID}", folder], check=True)


def drop_in(home: Path, text: str) -> None:
    """Change the unit as a user does."""
    folder = home / ".config" / "systemd" / "user" / "mountfs@film.service.d"
    folder.mkdir()
    (folder / "test.conf").write_text(f"[Service]\n{text}\n")


@pytest.fixture
def film(home: Path) -> Path:
    """A project, and an instance of the unit that names it."""
    project = home / "film.clst"
    (home / ".config/mountfs/mounts/film.conf").write_text(
        f'PROJECT={project}\nDIR={home}/film\nOPTIONS=-o "quiet_time=0.1,memory=64MiB"\n'
    )
    subprocess.run([managed.PROGRAMS / "mountfs", "init", project], check=True, capture_output=True)
    _give(home)
    return project


def names(manager: Manager, project: Path) -> list[str]:
    """The files in a project that nobody has mounted."""
    listed = manager.run("mountfs", "ls", f"{project}:/", as_user=True)
    return [line.split("\t")[0] for line in listed.splitlines()]


def test_the_unit_mounts_and_unmounts(home: Path, film: Path):
    """A started instance answers at once, says what it shows, and is stopped when what was saved is sent."""
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        assert manager.run("findmnt", "-no", "FSTYPE", home / "film") == "fuse.mountfs\n"
        assert manager.property("mountfs@film", "StatusText") == f"film is mounted at {home}/film"
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        manager.systemctl("stop", "mountfs@film")
        assert manager.property("mountfs@film", "Result") == "success"
        assert manager.attempt("findmnt", home / "film").returncode == 1
        assert names(manager, film) == ["a.txt"]


@pytest.mark.usefixtures("film")
def test_a_killed_mount_is_mounted_again(home: Path):
    """Whoever's mount dies has it back by itself: the dead one is cleaned away before the start."""
    drop_in(home, "RestartSec=100ms")
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt; sync {home}/film/a.txt", as_user=True)
        manager.systemctl("kill", "--kill-whom=main", "--signal=KILL", "mountfs@film")
        wait_until(lambda: manager.property("mountfs@film", "NRestarts") == "1", "a restart")
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "active", "the mount")
        assert manager.run("cat", home / "film/a.txt", as_user=True) == "hello\n"


@pytest.mark.usefixtures("film")
def test_a_mount_that_hangs_is_replaced(home: Path):
    """The watchdog hears the event loop itself: a program that is stopped is taken for hung."""
    drop_in(home, "WatchdogSec=3\nRestartSec=100ms")
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        first = manager.property("mountfs@film", "MainPID")
        manager.systemctl("kill", "--kill-whom=main", "--signal=STOP", "mountfs@film")
        wait_until(lambda: manager.property("mountfs@film", "NRestarts") == "1", "a restart")
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "active", "the mount")
        assert manager.property("mountfs@film", "MainPID") != first
        assert manager.run("ls", home / "film", as_user=True) == ""


@pytest.mark.usefixtures("film")
def test_a_stop_while_a_file_is_open_keeps_what_was_written(home: Path):
    """The end of a session takes the mount from a program that has a file open, and loses nothing of it."""
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        writing = f"exec 3>{home}/film/a.txt; echo hello >&3; sync {home}/film/a.txt; echo; exec sleep 1000"
        manager.run("systemd-run", "--user", "--unit=writer", "sh", "-c", writing, as_user=True)
        reading = ("cat", home / "film/a.txt")
        wait_until(lambda: manager.attempt(*reading, as_user=True).stdout == "hello\n", "the writing")
        manager.systemctl("stop", "mountfs@film")
        assert manager.attempt("findmnt", home / "film").returncode == 1
        manager.systemctl("stop", "writer")
        manager.systemctl("start", "mountfs@film")
        assert manager.run("cat", home / "film/a.txt", as_user=True) == "hello\n"


def test_a_mount_that_was_made_by_hand_is_left_alone(home: Path, film: Path):
    """Whoever has mounted the project already keeps that mount when the unit is started, and fails, too."""
    drop_in(home, "Restart=no")
    with managed.user_manager(home) as manager:
        manager.run("mountfs", "mount", film, home / "film", as_user=True)
        started = manager.attempt("systemctl", "--user", "start", "mountfs@film", as_user=True)
        assert started.returncode != 0
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "failed", "the end of the unit")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        manager.run("mountfs", "umount", home / "film", as_user=True)


def test_a_dead_mount_is_not_left_by_a_unit_that_is_not_started_again(home: Path, film: Path):
    """When starting again is given up, programs find an empty folder instead of a broken one."""
    drop_in(home, "Restart=no")
    with managed.user_manager(home) as manager:
        manager.systemctl("start", "mountfs@film")
        manager.systemctl("kill", "--kill-whom=main", "--signal=KILL", "mountfs@film")
        wait_until(lambda: manager.property("mountfs@film", "ActiveState") == "failed", "the end of the unit")
        assert manager.run("ls", home / "film", as_user=True) == ""
        assert manager.attempt("findmnt", home / "film").returncode == 1
    assert film.exists()


def test_an_instance_without_a_file_says_which_it_lacks(home: Path):
    """Whoever starts an instance that was not set up finds the file to write in its status."""
    with managed.user_manager(home) as manager:
        done = manager.attempt("systemctl", "--user", "start", "mountfs@other", as_user=True)
        assert done.returncode != 0
        assert "environment" in manager.property("mountfs@other", "Result") or "resources" in (
            manager.property("mountfs@other", "Result")
        )


def test_the_unit_is_clean(home: Path):
    """systemd has nothing to say about the unit."""
    with managed.user_manager(home) as manager:
        done = manager.attempt(
            "systemd-analyze", "verify", "--user", UNITS / "mountfs@.service", as_user=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- a studio -----------------------------------------------------------------------------------------------

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
    targets = {f"{name}.target": _TARGET for name in around}
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
    units |= {"mountfs-studio-backup.timer": TIMER.read_text(), "timers.target": _TARGET}
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


# --- mount(8), fstab and automount points -------------------------------------------------------------------

_TARGET = "[Unit]\nDefaultDependencies=no\n"


def passwd(home: Path) -> str:
    """The machine's users, of whom one has this home."""
    lines = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    for fields in lines:
        if fields[2] == str(UID):
            fields[5] = str(home)
    return "".join(":".join(fields) + "\n" for fields in lines)


def test_a_line_of_fstab_is_mounted_by_mount(home: Path, film: Path):
    """``mount DIR`` and ``mount -a`` do what the line says, twice as well, and ``umount DIR`` ends it."""
    line = f"{film} {home}/film mountfs defaults,noexec,nofail,_netdev,x-systemd.automount,memory=64MiB 0 0\n"
    with managed.system_manager(home, {"test.target": _TARGET}, {"fstab": line}) as manager:
        manager.run("mount", home / "film")
        shown = manager.run("findmnt", "-no", "SOURCE,OPTIONS", home / "film")
        assert shown.startswith(f"{film} rw,nosuid,nodev,noexec,")
        manager.run("mount", "-a")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt")
        manager.run("mountfs", "wait", home / "film")
        manager.run("umount", home / "film")
        manager.run("mount", "-r", home / "film")
        assert manager.run("cat", home / "film/a.txt") == "hello\n"
        assert manager.attempt("touch", home / "film/b.txt").returncode == 1
        manager.run("umount", home / "film")


def test_a_user_may_mount_what_fstab_lets_them(home: Path, film: Path):
    """With the option ``user`` an ordinary user mounts, as themselves, and unmounts."""
    line = f"{film} {home}/film mountfs noauto,user 0 0\n"
    with managed.system_manager(
        home, {"test.target": _TARGET}, {"fstab": line, "passwd": passwd(home)}
    ) as manager:
        manager.run("mount", home / "film", as_user=True)
        assert f"user_id={UID}" in manager.run("findmnt", "-no", "OPTIONS", home / "film")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        manager.run("umount", home / "film", as_user=True)
        assert manager.attempt("findmnt", home / "film").returncode == 1


def test_root_can_mount_for_a_user(home: Path, film: Path):
    """With ``setuid=USER`` the program behind the mount is the user's, whoever called mount(8)."""
    users = {"test.target": _TARGET}, {"passwd": passwd(home)}
    with managed.system_manager(home, *users) as manager:
        manager.run("mount", "-t", "mountfs", "-o", "setuid=nobody", film, home / "film")
        manager.run("sh", "-c", f"echo hello > {home}/film/a.txt", as_user=True)
        assert "nobody" in manager.run("ps", "-o", "user=", "-C", "python3", "-C", "python").split()
        manager.run("umount", home / "film")


def test_what_mount_cannot_do_is_said(home: Path, film: Path):
    """Unknown options are refused with a list of those there are, and secrets that others could read."""
    with managed.system_manager(home, {"test.target": _TARGET}, {}) as manager:
        for options, complaint in (
            ("memroy=1", "the option memroy is unknown; there are allow_other, as, "),
            ("password=x", "write credentials=FILE instead"),
            ("remount,ro", "umount, then mount again"),
            ("setuid=nobodyatall", "no such user"),
        ):
            done = manager.attempt("mount", "-t", "mountfs", "-o", options, film, home / "film")
            assert done.returncode == 1, options
            assert complaint in done.stderr
            assert done.stderr.count("\n") == 1
        missing = manager.attempt("mount", "-t", "mountfs", home / "no.clst", home / "film")
        assert (missing.returncode, missing.stderr.count("\n")) == (32, 1)
        assert manager.attempt("findmnt", home / "film").returncode == 1


def test_credentials_come_from_a_file_that_nobody_else_can_read(home: Path, film: Path):
    """Who looks is named in a private file; one that others can read is refused, with what mends it."""
    secret = home / "who"
    secret.write_text("username=root\n")
    with managed.system_manager(home, {"test.target": _TARGET}, {}) as manager:
        mount = ("mount", "-t", "mountfs", "-o", f"credentials={secret}", film, home / "film")
        refused = manager.attempt(*mount)
        assert (refused.returncode, "chmod 600" in refused.stderr) == (1, True)
        os.chown(secret, 0, 0)
        secret.chmod(0o600)
        manager.run(*mount)
        assert "as seen by" not in refused.stdout
        shown = manager.run("mountfs", "show", "--json", home / "film")
        assert '"username": "root"' in shown
        manager.run("umount", home / "film")


def automount(home: Path, film: Path, options: str) -> tuple[dict[str, str], dict[str, str]]:
    """What a manager needs for a project at an automount point."""
    escaping = ["systemd-escape", "-p", str(home / "film")]
    name = subprocess.run(escaping, capture_output=True, text=True, check=True).stdout.strip()
    mount = f"What={film}\nWhere={home}/film\nType=mountfs\nOptions={options}\n"
    units = {
        "test.target": f"{_TARGET}Requires={name}.automount\n",
        f"{name}.mount": f"{_TARGET}[Mount]\n{mount}",
        f"{name}.automount": f"{_TARGET}[Automount]\nWhere={home}/film\nTimeoutIdleSec=1\n",
    }
    return units, {"passwd": passwd(home)}


def test_an_automount_point_mounts_on_a_look_and_unmounts_at_rest(home: Path, film: Path):
    """Whoever looks into it finds the project mounted; left alone it goes, and nothing saved with it."""

    def kinds(first: str = "true") -> list[str]:
        # From the table alone: findmnt would look into the folder, which is then never at rest.
        script = f"{first}; cat /proc/self/mountinfo"
        table = manager.run("sh", "-c", script, seconds=LOOKING).splitlines()
        return [line.split(" - ")[1].split()[0] for line in table if line.split()[4] == str(home / "film")]

    settings = automount(home, film, "_netdev,nofail,quiet_time=0.1")
    with managed.system_manager(home, *settings) as manager:
        assert kinds() == ["autofs"]
        for word in ("first", "second"):
            # The folder is kept open until the table is read, or a busy machine has unmounted it by then.
            look = f"exec 3<{home}/film; echo {word} >> {home}/film/a.txt"
            assert kinds(look) == ["autofs", "fuse.mountfs"]
            wait_until(lambda: kinds() == ["autofs"], "the end of the mount", seconds=LOOKING)
        assert manager.run("cat", home / "film/a.txt", seconds=LOOKING) == "first\nsecond\n"


def test_an_automount_point_is_mounted_by_root_alone(home: Path, film: Path):
    """The kernel gives such a point to root, so setuid is refused at once, and whoever looked is not kept."""
    with managed.system_manager(home, *automount(home, film, "setuid=nobody")) as manager:
        looked = manager.attempt("ls", home / "film", seconds=LOOKING)
        assert (looked.returncode, "No such device" in looked.stderr) == (2, True)
