"""What a lead types in a mount of a studio: the same as in a mount of a project file, to the same effect, in
the same words and with the same exit codes."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mountfs import mountpoints
from mountfs.storage.open import open_project
from mountfs.testing.mounts import wait_until
from mountfs.testing.online import online_studio
from mountfs.testing.projects import production
from tests.cli.running import Shell
from tests.mounted.outpost import QUICK, outpost
from tests.mounted.test_studio_commands import Clerk

OWL, ANIM, FOX = "characters/owl/owl.blend", "sequences/sq010/sh010/anim.blend", "characters/fox/fox.blend"
BOAT, LANTERN = "library/props/boat.obj", "library/props/lantern.obj"


TABLES = {
    "TABLE": "path,type,assignee,status,depends\nplans/a.txt,,bo,ready,/library/props\n"
    "plans/b.txt,,,,plans/a.txt\nplans/more/,,ann,,\n",
    "WRONG": "path,assignee,template\n/plans/c.txt,nobody,\n/plans/d.txt,bo,boat.obj\n/plans/e.txt,,\n",
    "CHANGED": "path,assignee,status\nplans/a.txt,ann,wip\nplans/b.txt,,\n",
}
"""What somebody plans, by the names of their files."""


class Desk:
    """Somebody at a mount, of a project's file or of a studio."""

    def __init__(self, shell: Shell, mount: Path) -> None:
        self.shell = shell
        self.mount = mount

    def type(self, words: str) -> tuple[int, str, str]:
        """A command, in which ``@PATH`` is a path in the mount: exit code, output, errors; without what
        differs from one mount to the other and from one moment to the next."""
        typed = [f"{self.mount}/{word[1:]}" if word.startswith("@") else word for word in words.split()]
        for name, text in TABLES.items():
            (self.shell.home / name).write_text(text)
        done = self.shell.attempt(*typed)
        assert "Traceback" not in done.err
        return done.code, self._plain(done.out), self._plain(done.err)

    def _plain(self, text: str) -> str:
        text = text.replace(str(self.mount), "MOUNT").replace(str(self.shell.home), "HOME")
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
        return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Callable[[str], tuple[Desk, Desk]]]:
    """Somebody's mount of a project's file, and of the same project in a studio."""
    file = tmp_path / "harbor.clst"
    production(file).close()
    with open_project(file, read_only=True) as project:
        id_ = project.id
    with online_studio(tmp_path / "studio") as online:
        online.adopt(file, id_)

        def made(username: str) -> tuple[Desk, Desk]:
            there = Clerk(online, username, tmp_path / f"{username}-there")
            (there.home / "mnt").mkdir()
            there.type("mount", f"{there.url}/harbor", there.home / "mnt", "-o", "desktop=off")
            home = tmp_path / f"{username}-here"
            home.mkdir()
            here = Shell(home)
            shutil.copyfile(file, home / "harbor.clst")
            (home / "mnt").mkdir()
            here.run("mount", home / "harbor.clst", home / "mnt", "--as", username, "-o", "desktop=off")
            return Desk(here, home / "mnt"), Desk(there.shell, there.home / "mnt")

        try:
            yield made
        finally:
            for mount in mountpoints.mounts():
                if mount.path.is_relative_to(tmp_path):
                    mountpoints.unmount(mount.path)


LEAD = f"""
assign @{OWL} bo --dry-run
assign @{OWL} bo
assign @{OWL} bo --json
assign @{OWL} @nothing bo
assign @{OWL} nobody
assign @{OWL} @characters/fox ann --json
assign @README bo
assign @README bo --task
unassign @characters/owl --json
unassign @README --resource
unassign @{OWL} --from eve
access @{OWL}
access @{OWL} val
access @{OWL} --json
library list @
library share @characters/owl -n
library share @characters/owl
library share @characters/owl
library share @characters/owl --json
library unshare @characters/owl
library share @{OWL}
depend add @{OWL} @editorial/cut.otio @sequences/sq020 --type Working --json
depend add @{OWL} @editorial/cut.otio --type strange
depend list @{OWL}
depend list @editorial/cut.otio --json
depend remove @{OWL} @editorial/cut.otio
mark @{BOAT} wip
mark @{BOAT} @{LANTERN} DONE --json
mark @{BOAT} strange
tag add @{BOAT} wet Hero -n
tag add @{BOAT} wet Hero
tag remove @{BOAT} wet --json
tag list @
revert @{BOAT}@1
revert @{BOAT}@7
comment @{BOAT} better
comment @{BOAT}@1 best --json
log @{BOAT}
trash @{LANTERN} -n
trash @{LANTERN}
trash --list @
trash --list @ --json
restore @{LANTERN} -n
restore @{LANTERN} --json
restore @{LANTERN}
undo @ --by ada --since 1h -n
role list @
role show @ artist --json
role new @ intern --like vendor --allow view_checkpoint
role allow @ intern create_asset -n
role allow @ intern create_asset
role deny @ intern create_asset --json
role deny @ admin create_asset
user list @
user role @ val intern
user role @ val strange
role remove @ intern
user role @ val vendor --json
role remove @ intern
template add @ @{BOAT} --name boat.obj -n
template add @ @{BOAT} --name boat.obj
template add @ @{BOAT} --name boat.obj
template list @ --json
new @shots/sh010.obj --template boat.obj --assign bo
new @shots/sh010.obj --template boat.obj --assign bo -p -n
new @shots/sh010.obj --template boat.obj --assign bo -p
new @shots/sh010.obj
new @shots/sh020.obj --template nothing
new @shots/sh020.obj --assign nobody
new @shots/sh020.txt --template boat.obj
new @library/plan.txt --type resource --status wip --json
new @library --csv TABLE --dry-run
new @library --csv TABLE
new @library --csv TABLE
new @ --csv WRONG
new @library --csv CHANGED
new @library --csv CHANGED --update --json
show @shots/sh010.obj
template add @ TABLE --name plan.csv -n
template add @ TABLE --name plan.csv
template add @ TABLE --name plan.csv --replace --json
template add @ NOTHING
template remove @ boat.obj
template list @ --trash
template restore @ boat.obj
template restore @ boat.obj
mine @
show @{BOAT}
"""

ARTIST = f"""
assign @{ANIM} bo
unassign @{ANIM}
library list @
library share @sequences
depend list @{ANIM}
depend add @{ANIM} @{BOAT}
access @{ANIM}
access @{ANIM} --json
access @{ANIM} bo
access @{OWL}
mark @{ANIM} wfa
mark @{ANIM} done
mark @{OWL} wip
tag add @{ANIM} mine
tag list @
comment @{ANIM} better
comment @{BOAT} better
revert @{ANIM}@1
revert @{BOAT}@1
trash @{ANIM}
trash @{OWL}
trash --list @
restore @{OWL}
role list @
role allow @ artist create_asset
user list @
user role @ bo admin
new @library/mine.txt
new @ --csv TABLE
template add @ TABLE
template list @
mine @
mine @ --json
undo @ --by ann --since 1h
"""


@pytest.mark.parametrize(("username", "script"), [("ada", LEAD), ("ann", ARTIST)])
def test_it_is_the_same_in_both_mounts(desks: Callable[[str], tuple[Desk, Desk]], username: str, script: str):
    """Whoever may do it does it, and whoever may not is refused, wherever the project is."""
    here, there = desks(username)
    for words in script.strip().splitlines():
        assert (words, *there.type(words)) == (words, *here.type(words))


VERSIONS = f"""
wait @{BOAT}
log @{BOAT}
diff @{BOAT}@1
diff @{BOAT}@1 @{BOAT}@2 --json
diff @{BOAT}@9
revert @{BOAT}@1 -n
revert @{BOAT}@1
log @{BOAT} --json
revert @{BOAT}@2 --json
comment @{BOAT}@3 back
comment @{BOAT} -n forth
undo @{BOAT} --by ada --since 1h -n
undo @library --by bo --since 1h --json
trash @{BOAT}
undo @{BOAT} --by ada --since 1h --json
show @{BOAT} --json
"""


def test_versions_are_the_same_in_both_mounts(desks: Callable[[str], tuple[Desk, Desk]]):
    """What is saved in a mount is looked at, gone back to, and put away from there."""
    both = desks("ada")
    for desk in both:
        (desk.mount / BOAT).write_text("a boat\nwith a sail\n")
        os.utime(desk.mount / BOAT, (1_795_000_000, 1_795_000_000))
    here, there = both
    for words in VERSIONS.strip().splitlines():
        assert (words, *there.type(words)) == (words, *here.type(words))
    told = json.loads(there.type(f"show @{BOAT} --json")[1])
    assert told["version"]["number"] > 3


def test_what_is_done_shows_in_other_mounts(desks: Callable[[str], tuple[Desk, Desk]]):
    """What a lead hands out is in the mount of whoever gets it, and leaves it again."""
    _, ada = desks("ada")
    _, bo = desks("bo")
    owl = bo.mount / OWL
    assert not owl.exists()
    ada.type(f"assign @{OWL} bo")
    wait_until(owl.exists, "what was assigned")
    ada.type(f"unassign @{OWL}")
    wait_until(lambda: not owl.exists(), "what was taken back")
    ada.type(f"template add @ @{BOAT} --name boat.obj")
    assert ada.type("new @shots/sh010.obj --template boat.obj --assign bo -p")[0] == 0
    made = bo.mount / "shots" / "sh010.obj"
    wait_until(made.exists, "what was planned")
    assert made.read_text() == f"{BOAT}\n"


def test_a_folder_of_very_many_files_goes_in_few_requests(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Whoever removes thousands does not wait for as many answers."""
    count = 1500
    patient = replace(QUICK, grace_time=60.0)  # what is removed goes when its folder does
    with outpost(tmp_path, {f"many/{number:04}.txt": b"%d" % number for number in range(count)}) as there:
        mount = there.mount(options=patient)
        with caplog.at_level(logging.INFO, "mountfs.studio.requests"):
            shutil.rmtree(mount.path / "work" / "many")
            there.wait_for(lambda: not there.assets(), "the trash")
        asked = [row.getMessage() for row in caplog.records if row.name == "mountfs.studio.requests"]
        together = sum(row.startswith("POST") and "/trash " in row for row in asked)
        alone = sum(row.startswith("DELETE") for row in asked)
        assert (together, alone) == (2, 1)


def test_what_is_the_studios_business(desks: Callable[[str], tuple[Desk, Desk]]):
    """Accounts are the studio's, and nobody is looked over the shoulder of."""
    _, ada = desks("ada")
    for words in ("user add @ kim --email kim@harbor.example", "user remove @ bo"):
        code, _, told = ada.type(words)
        assert (code, "mountfs studio member" in told) == (4, True)
    code, _, told = ada.type("mine @ --as bo")
    assert (code, "whoever has logged in" in told) == (2, True)
    code, _, told = ada.type("gc @")
    assert code != 0
