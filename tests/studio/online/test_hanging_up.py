"""Whoever hangs up in the middle of a question is no fault of the studio's."""

from __future__ import annotations

import socket
import urllib.parse
from contextlib import closing
from pathlib import Path

from mountfs.testing.mounts import wait_until
from mountfs.testing.serving import studio_in_another_process
from tests.mounted.film import StudioFilm

HALF = (
    "POST /api/v1/projects/{project}/checkpoints HTTP/1.1\r\nHost: studio\r\n"
    "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n["
)


def test_a_question_that_is_broken_off_is_a_line_of_the_log(tmp_path: Path):
    """As from a mount that was killed: its operator is not warned of anything."""
    data = tmp_path / "studio"
    with studio_in_another_process(data) as online, closing(StudioFilm(online, tmp_path)) as film:
        film.folder("work")
        online.take_in(film.project.id, "ada", film.service.author(""))
        asked = HALF.format(project=film.project.id, token=online.login("ada").token)
        address = urllib.parse.urlsplit(online.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(asked.encode())
        log = data.with_name("studio.log")
        wait_until(lambda: '"status": 499' in log.read_text(), "the line")
