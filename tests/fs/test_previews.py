"""Which programs make previews."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mountfs.fs.previews import makes_previews


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("totem-video-thumbnailer", True),
        ("gdk-pixbuf-thumbnailer", True),
        ("evince-thumbnailer", True),
        ("ffmpegthumbnailer", True),
        ("blender-thumbnailer", True),
        ("tumblerd", True),
        ("tracker-extract-3", True),
        ("localsearch-extractor-3", True),
        ("baloo_file_extractor", True),
        ("thumbnail.so", True),  # KDE Frameworks 5, where kdeinit names its workers so
        ("blender", False),
        ("nautilus", False),
        ("cp", False),
        ("thunar", False),
    ],
)
def test_programs_that_make_previews_are_known_by_what_the_kernel_keeps_of_their_name(
    tmp_path: Path, name: str, is_one: bool
):
    """A thread counts as its program, whatever it is called itself."""
    for pid, about in ((7, ("status", "Name:\tpool-1\nTgid:\t5\n")), (5, ("comm", f"{name[:15]}\n"))):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / about[0]).write_text(about[1])
    assert makes_previews(7, tmp_path) is is_one


@pytest.mark.parametrize("program", ["kioslave", "kioslave5", "kioworker"])
@pytest.mark.parametrize(
    ("plugin", "is_one"), [("kf6/kio/thumbnail.so", True), ("kf6/kio/kio_file.so", False)]
)
def test_kdes_workers_are_known_by_their_plugin(tmp_path: Path, program: str, plugin: str, is_one: bool):
    """What copies a file for somebody runs as the same program, and is not held back."""
    folder = tmp_path / "5"
    folder.mkdir()
    words = [
        f"/usr/libexec/{program}",
        f"/usr/lib/qt6/plugins/{plugin}",
        "file",
        "",
        "local:/run/user/1000/x",
    ]
    (folder / "status").write_text("Tgid:\t5\n")
    (folder / "comm").write_text(f"{program}\n")
    (folder / "cmdline").write_bytes("".join(f"{word}\0" for word in words).encode())
    assert makes_previews(5, tmp_path) is is_one


def test_what_cannot_be_found_out_is_no_such_program():
    """A process that has ended, or is of another namespace, reads as any other; so does this one."""
    assert not makes_previews(0)
    assert not makes_previews(os.getpid())
