"""What a desktop hears of a mount, over a real bus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import trio
import trio.testing

from mountfs.desktop import inhibitor
from mountfs.desktop.desk import Desk
from mountfs.testing.desktops import Desktop
from mountfs.testing.mounts import wait_until
from mountfs.workspace.notice import Kind, Notice

BOUND = 20.0
UNSENT = Notice(Kind.UNSENT)
REFUSED = Notice(Kind.REFUSED, "shots/<b>sh010</b>\x1b.ma", "this task is somebody else's & not yours")


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    with Desktop() as desktop:
        yield desktop


class Sending:
    """Something that is sent when the test says so."""

    def __init__(self) -> None:
        self.done = trio.Event()

    async def __call__(self) -> None:
        await self.done.wait()


def desk_at(desktop: Desktop, sending: Sending) -> Desk:
    return Desk(desktop.environ, "/home/ada/mnt", "film", sending)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait in a thread: the desk works meanwhile."""
    await trio.to_thread.run_sync(lambda: wait_until(condition, what, seconds=BOUND))


async def test_a_refused_save_is_shown_with_what_can_be_done(desktop: Desktop):
    """Who saved learns of the refusal, and no name in a project is markup or moves their screen."""
    desk = desk_at(desktop, Sending())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        desk.notice(REFUSED)
        shown = await trio.to_thread.run_sync(desktop.wait_for_notification)
        nursery.cancel_scope.cancel()
    assert shown.heading == "b>\\x1b.ma is saved here, but no version"
    assert shown.body == (
        "shots/&lt;b&gt;sh010&lt;/b&gt;\\x1b.ma\nthis task is somebody else's &amp; not yours\n"
        "mountfs status /home/ada/mnt shows what can be done"
    )
    assert shown.hints["urgency"] == ("y", 2)


async def test_one_cause_is_told_once(desktop: Desktop):
    """A renderer that saves a thousand frames in vain does not fill the screen."""
    desk = desk_at(desktop, Sending())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        for number in range(1000):
            desk.notice(Notice(Kind.FULL, f"frame.{number}.exr", "there is no room"))
        desk.notice(REFUSED)
        await trio.to_thread.run_sync(desktop.wait_for_notification, 2)
        nursery.cancel_scope.cancel()
    assert [shown.heading for shown in desktop.notifications] == [
        "No room for what is written",
        "b>\\x1b.ma is saved here, but no version",
    ]


async def test_a_shutdown_is_held_back_until_all_is_sent(desktop: Desktop):
    """The machine waits for what was closed, and no longer."""
    sending = Sending()
    desk = desk_at(desktop, sending)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        desk.notice(UNSENT)
        await until(lambda: desktop.held, "the lock")
        lock = desktop.held[0]
        assert (lock.what, lock.who, lock.mode) == ("shutdown", "mountfs", "block")
        assert lock.why == "saved work is being recorded in film"
        assert not lock.is_over
        desk.notice(UNSENT)
        sending.done.set()
        await until(lambda: lock.is_over, "the end of the lock")
        nursery.cancel_scope.cancel()
    assert len(desktop.held) == 1


async def test_who_may_not_block_a_shutdown_delays_it():
    """Without the right to block, the machine is asked for the time that it gives everybody."""
    sending = Sending()
    with Desktop(may_block=False) as desktop:
        desk = desk_at(desktop, sending)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.run)
            desk.notice(UNSENT)
            await until(lambda: desktop.held, "the lock")
            assert desktop.held[0].mode == "delay"
            nursery.cancel_scope.cancel()
        await until(lambda: desktop.held[0].is_over, "the end of the lock")


async def test_what_cannot_be_sent_lets_the_machine_go(desktop: Desktop, monkeypatch: pytest.MonkeyPatch):
    """A project that cannot be reached for hours does not keep anybody from switching off."""
    monkeypatch.setattr(inhibitor, "LONGEST", 0.05)
    sending = Sending()
    desk = desk_at(desktop, sending)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        desk.notice(UNSENT)
        await until(lambda: desktop.held and desktop.held[0].is_over, "the end of the lock")
        desk.notice(UNSENT)
        await trio.testing.wait_all_tasks_blocked()
        assert len(desktop.held) == 1
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("address", ["", "unix:path=/nobody/listens", "nonsense", "tcp:host=x"])
async def test_without_a_bus_a_mount_works_silently(address: str, caplog: pytest.LogCaptureFixture):
    """Over ssh, in a container, at a render node: nothing fails, and nothing is warned of."""
    environ = {
        "DBUS_SESSION_BUS_ADDRESS": address,
        "DBUS_SYSTEM_BUS_ADDRESS": address,
        "XDG_RUNTIME_DIR": "/nobody",
    }
    sending = Sending()
    desk = Desk(environ, "/home/ada/mnt", "film", sending)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.run)
        for number in range(100):
            desk.notice(Notice(Kind.FULL, "", f"reason {number}"))
            desk.notice(UNSENT)
        await trio.testing.wait_all_tasks_blocked(0.05)
        nursery.cancel_scope.cancel()
    assert not [record for record in caplog.records if record.levelname != "INFO"]


async def test_a_bus_that_never_answers_keeps_nobody():
    """A hung desktop is no reason for a mount to wait: notices are taken at once, however many."""
    with Desktop(deaf=True) as desktop:
        desk = desk_at(desktop, Sending())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.run)
            for number in range(1000):
                desk.notice(Notice(Kind.REFUSED, "a.txt", f"reason {number}"))
            await until(lambda: desktop.asked, "the first question")
            nursery.cancel_scope.cancel()
