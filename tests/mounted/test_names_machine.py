"""Names as users change them, in random order, on real mounts, against a small model of what they mean. The
project is a file, or at a studio in another process."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from mountfs.testing.mounts import Mounts, wait_until
from mountfs.testing.names_model import History, NamesModel, folder_of
from tests.mounted.asking import ask, settle, states
from tests.mounted.film import Home
from tests.mounted.names_stage import OPTIONS, USERS, Stage

FOLDER = "d"
PATHS = ("a.txt", "b.txt", "c.blend", "d/a.txt", "d/e.txt")
LOCAL = ("t.tmp", "a.txt~")
"""Names that are ignored."""

user_names = st.sampled_from(USERS)
paths = st.sampled_from(PATHS)
any_paths = st.sampled_from(PATHS + LOCAL)
ways = st.sampled_from(["anew", "patch", "append"])


def step(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """A rule whose failures are noted: whoever runs it tells of some of them only that they are flaky."""

    def made(act: Callable[..., None]) -> Any:
        @functools.wraps(act)
        def noted(self: Names, **values: object) -> None:
            self.steps.append(
                f"{act.__name__}({', '.join(f'{key}={value!r}' for key, value in values.items())})"
            )
            with self.noted():
                act(self, **values)

        ruled: Any = rule  # its types tell apart what its names do not
        return ruled(**drawn)(noted)

    return made


class Names(RuleBasedStateMachine):
    """One run: steps of two users and of somebody else, each followed by a look at everything."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.model = NamesModel(USERS)
        self.steps: list[str] = []
        self.name, self.id = self.stage.begin()
        self.stage.seen["run"] += 1

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as exc:
            steps = "\n".join(self.steps)
            self.stage.failures.append(f"{type(exc).__name__}: {exc}\nafter\n{steps}")
            raise

    def at(self, user: str, path: str) -> Path:
        return self.stage.by_user[user].path / self.name / path

    def can(self, user: str | None, *names: str) -> bool:
        """Whether the folders of these names are there, and nobody else is at them."""
        folders = self.model.view_folders(user) if user else self.model.folders
        return all(folder_of(name) in folders and self.model.may_touch(user, name) for name in names)

    def look(self, *, seen: str = "") -> None:
        """Every user sees what the model says. Others' settled changes come within a second or so."""
        self.stage.seen[seen] += 1
        for user in USERS:
            expected = self.model.view(user), self.model.view_folders(user)
            answer = self.view(user)
            if answer != expected:
                wait_until(
                    lambda user=user, expected=expected: self.view(user) == expected,  # type: ignore[misc]
                    f"{user} to see {_short(expected)}, not {_short(answer)} ({seen})",
                    seconds=10,
                )

    def view(self, user: str) -> tuple[dict[str, bytes], set[str]]:
        top = self.at(user, "")
        files: dict[str, bytes] = {}
        folders = {""}
        for folder, names, file_names in os.walk(top):
            where = os.path.relpath(folder, top)
            folders.update(os.path.normpath(os.path.join(where, name)) for name in names)
            for name in file_names:
                try:
                    files[os.path.normpath(os.path.join(where, name))] = Path(folder, name).read_bytes()
                except (FileNotFoundError, PermissionError):
                    continue  # the news of its end came a moment ago, before it was opened or after
        return files, folders

    # Users' steps

    @step(user=user_names, path=any_paths, way=ways)
    def write(self, user: str, path: str, way: str) -> None:
        if self.can(user, path):
            self._write(user, path, way)
            self.look(seen=f"write {way}")

    def _write(self, user: str, path: str, way: str) -> None:
        new = self.stage.content()
        before = self.model.view(user).get(path)
        if way == "anew" or before is None:
            self.at(user, path).write_bytes(new)
        elif way == "append":
            with open(self.at(user, path), "ab") as file:
                file.write(new)
            new = before + new
        else:
            with open(self.at(user, path), "r+b") as file:
                file.seek(len(before) // 2)
                file.write(new)
            new = before[: len(before) // 2] + new + before[len(before) // 2 + len(new) :]
        self.model.write(user, path, self.stage.remember(new), stays=path in LOCAL)

    @step(user=user_names, path=any_paths, to=any_paths)
    def rename(self, user: str, path: str, to: str) -> None:
        if not self.can(user, path, to):
            return
        if path not in self.model.view(user):
            with pytest.raises(FileNotFoundError):
                os.rename(self.at(user, path), self.at(user, to))
        else:
            self._rename(user, path, to)
        self.look(seen="rename")

    def _rename(self, user: str, path: str, to: str) -> None:
        os.rename(self.at(user, path), self.at(user, to))
        if path != to:
            self.model.rename(user, path, to, stays=to in LOCAL)

    @step(user=user_names, path=any_paths)
    def unlink(self, user: str, path: str) -> None:
        if not self.can(user, path):
            return
        if path not in self.model.view(user):
            with pytest.raises(FileNotFoundError):
                os.unlink(self.at(user, path))
        else:
            os.unlink(self.at(user, path))
            self.model.unlink(user, path)
        self.look(seen="unlink")

    @step(user=user_names, path=paths, temporary=any_paths)
    def save_by_rename(self, user: str, path: str, temporary: str) -> None:
        """As most editors do."""
        if path != temporary and self.can(user, path, temporary):
            self._write(user, temporary, "anew")
            self._rename(user, temporary, path)
            self.look(seen="save by rename")

    @step(user=user_names, path=paths, backup=any_paths)
    def save_with_backup(self, user: str, path: str, backup: str) -> None:
        """As editors do that keep the old file."""
        if path != backup and self.can(user, path, backup) and path in self.model.view(user):
            self._rename(user, path, backup)
            self._write(user, path, "anew")
            self.look(seen="save with backup")

    @step(user=user_names)
    def mkdir(self, user: str) -> None:
        if not self.model.may_touch(user, FOLDER):
            return
        if FOLDER in self.model.view_folders(user):
            with pytest.raises(FileExistsError):
                os.mkdir(self.at(user, FOLDER))
        else:
            os.mkdir(self.at(user, FOLDER))
            self.model.mkdir(user, FOLDER)
        self.look(seen="mkdir")

    @step(user=user_names)
    def rmdir(self, user: str) -> None:
        if not self.model.may_touch(user, FOLDER):
            return
        if FOLDER not in self.model.view_folders(user):
            with pytest.raises(FileNotFoundError):
                os.rmdir(self.at(user, FOLDER))
        elif any(folder_of(path) == FOLDER for path in self.model.view(user)):
            with pytest.raises(OSError, match="not empty"):
                os.rmdir(self.at(user, FOLDER))
        else:
            # A folder stays while what became of the names in it is not decided.
            if any(folder_of(path) == FOLDER for path in self.model.claims[user]):
                self._settle(user)
            os.rmdir(self.at(user, FOLDER))
            self.model.rmdir(user, FOLDER)
        self.look(seen="rmdir")

    # What becomes of it

    @step(user=user_names)
    def settle(self, user: str) -> None:
        self._settle(user)
        self.look(seen="settle")

    def _settle(self, user: str, *, killed: bool = False) -> None:
        answer = settle(self.stage.by_user[user])
        assert answer["refused"] == []
        seen = self.view(user)[0] if killed else None
        wrong = self.model.settle(user, *self.stage.found(self.id), seen_after_kill=seen)
        assert not wrong, "\n".join(wrong)

    @step(user=user_names, one_in_four=st.integers(0, 3))
    def kill(self, user: str, one_in_four: int) -> None:
        if one_in_four:
            return  # it takes long
        self.stage.kill(user)
        mount = self.stage.by_user[user]
        for path, (state, _) in states(mount).items():
            if state == "modified":  # closed, and killed before the mount was told that nobody has it open
                ask(mount, "checkpoint", path=path, comment="")
        self._settle(user, killed=True)
        self.look(seen="kill")

    # Somebody else, with commands

    @step(path=paths)
    def write_elsewhere(self, path: str) -> None:
        if self.can(None, path):
            content = self.stage.content()
            self.stage.film.write(f"{self.name}/{path}", content)
            wrong = self._elsewhere(path, lambda history: (*history, content))
            assert not wrong, wrong
            self.look(seen="write elsewhere")

    def _elsewhere(self, path: str, expected: Callable[[History], History]) -> str:
        there, trashed, _ = self.stage.found(self.id)
        before: History = self.model.assets.get(path, ())
        back = [history for where, history in self.model.trash if where == path]
        self.model.assets[path] = there[path]
        self.model.trash = [each for each in self.model.trash if each[1] in trashed]
        allowed = [expected(history) for history in ([before] if before else [(), *back])]
        return "" if there[path] in allowed else f"{path} has {there[path]}, not one of {allowed}"

    @step(path=paths)
    def trash_elsewhere(self, path: str) -> None:
        if path in self.model.assets and self.can(None, path):
            asset = self.stage.film.asset(f"{self.name}/{path}")
            assert asset is not None
            self.stage.film.owner.trash(asset.id)
            self.model.trash.append((path, self.model.assets.pop(path)))
            self.look(seen="trash elsewhere")

    # Two at the same time

    @step(path=paths, first=user_names)
    def race(self, path: str, first: str) -> None:
        """Both write to one name; who is later keeps what they wrote and is told why."""
        second = USERS[1 - USERS.index(first)]
        if not self.can(None, path) or not all(self.can(user, path) for user in USERS):
            return
        for user in USERS:
            self._settle(user)
        self.look(seen="settle")
        contents = {user: self.stage.content() for user in USERS}
        for user in USERS:
            self.at(user, path).write_bytes(contents[user])
        for user in USERS:
            assert self.at(user, path).read_bytes() == contents[user]
        self.model.write(first, path, contents[first])
        self._settle(first)
        answer = settle(self.stage.by_user[second])
        place = f"{self.name}/{path}"
        assert [refusal["path"] for refusal in answer["refused"]] == [place]
        state, reason = states(self.stage.by_user[second])[place]
        assert state in ("outdated", "refused")
        assert reason
        assert self.at(second, path).read_bytes() == contents[second]
        assert self.stage.found(self.id)[0][path] == self.model.assets[path]
        ask(self.stage.by_user[second], "discard", path=place)
        self.look(seen="race")

    def teardown(self) -> None:
        """All that is left is settled, and everybody sees the same."""
        with self.noted():
            for user in USERS:
                self._settle(user)
            self.look(seen="end")


def _short(view: tuple[dict[str, bytes], set[str]]) -> Any:
    return {path: content[:40] for path, content in sorted(view[0].items())}, sorted(view[1])


def _run(mounts: Mounts, folder: Path, home: Home, *, runs: int, steps: int) -> Counter[str]:
    stage = Stage(mounts, folder, home)
    machine = type("NamesOnStage", (Names,), {"stage": stage})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[
                    Phase.generate
                ],  # what is found can be read as it is; making it smaller takes too long
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception:
        if stage.failures:
            pytest.fail(stage.failures[0])
        raise
    for film in stage.projects:
        film.close()
    return stage.seen


@pytest.mark.parametrize(("home", "runs", "steps"), [("file", 100, 8), ("studio", 20, 16)], indirect=["home"])
def test_names_mean_what_the_model_says(mounts: Mounts, tmp_path: Path, home: Home, runs: int, steps: int):
    """Whatever two users and a third do with names, everybody sees the right thing, every asset has the right
    history, and nothing that was written is lost, killed mounts included.
    """
    seen = _run(mounts, tmp_path, home, runs=runs, steps=steps)
    assert seen["run"] >= runs
    assert {"kill", "race", "settle", "save by rename", "save with backup", "rmdir"} <= seen.keys()


def test_a_file_in_a_new_folder_of_a_shared_one_is_everybodys(mounts: Mounts, tmp_path: Path, home: Home):
    """Also if the folder became a collection with it, a moment before."""
    film = home(tmp_path)
    film.owner.share(film.folder("library"))
    mount = film.mount(mounts, options=OPTIONS)
    (mount.path / "library/new/newer").mkdir(parents=True)
    (mount.path / "library/new/newer/a.txt").write_text("text")
    settle(mount)
    asset = film.asset("library/new/newer/a.txt")
    film.close()
    assert asset is not None
    assert asset.is_resource
    assert not asset.assignee


def test_a_version_whose_file_has_gone_is_shown_where_it_was_made(mounts: Mounts, tmp_path: Path, home: Home):
    """Also if the mount died before it was sent, and the file was renamed and replaced before that."""
    film = home(tmp_path)
    film.write_all({"work/a.txt": b"old a", "work/b.txt": b"old b"})
    mount = film.mount(mounts, options=OPTIONS)
    work = mount.path / "work"
    (work / "a.txt").write_bytes(b"new a")
    (work / "a.txt").rename(work / "b.txt")
    (work / "c.txt").write_bytes(b"new b")
    (work / "c.txt").rename(work / "b.txt")
    mount.signal(signal.SIGKILL)
    mount = film.mount(mounts, options=OPTIONS)
    assert sorted(os.listdir(work)) == ["a.txt", "b.txt"]
    assert settle(mount)["refused"] == []
    wait_until(lambda: (work / "a.txt").read_bytes() == b"new a", "the version")
    assert (work / "b.txt").read_bytes() == b"new b"
    film.close()


def test_what_two_versions_share_is_let_go_when_both_are_recorded(mounts: Mounts, tmp_path: Path, home: Home):
    """A file that was saved, and then replaced another, is two versions of one content: of its own asset, and
    of the other. Afterwards others' changes show again."""
    stage = Stage(mounts, tmp_path, home)
    steps = type("NamesOnStage", (Names,), {"stage": stage})()
    steps.save_by_rename(path="b.txt", temporary="t.tmp", user="ada")
    steps.race(first="bo", path="a.txt")
    steps.race(first="ada", path="b.txt")
    steps.unlink(path="a.txt", user="ada")
    steps.save_by_rename(path="a.txt", temporary="b.txt", user="ada")
    steps.settle(user="ada")
    assert states(stage.by_user["ada"]) == {}
    steps.write(path="a.txt", user="bo", way="append")
    steps.teardown()
    for film in stage.projects:
        film.close()


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize(("home", "runs"), [("file", 2000), ("studio", 400)], indirect=["home"])
def test_names_mean_what_the_model_says_at_length(mounts: Mounts, tmp_path: Path, home: Home, runs: int):
    """The same, for long."""
    seen = _run(mounts, tmp_path, home, runs=runs, steps=20)
    assert seen["run"] >= runs
