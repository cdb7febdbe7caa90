"""Offering versions over HTTP: what a lost answer costs."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mountfs import wire
from mountfs.content.ingest import ingest
from mountfs.model import AssetId, CheckpointId, Proposal
from mountfs.storage.open import open_project
from mountfs.testing.online import OnlineStudio, online_studio
from mountfs.testing.projects import production


@pytest.fixture
def online(tmp_path: Path) -> Iterator[OnlineStudio]:
    """A studio with one production."""
    file = tmp_path / "harbor.clst"
    production(file).close()
    with online_studio(tmp_path / "studio") as running:
        with open_project(file, read_only=True) as project:
            id_ = project.id
        running.adopt(file, id_)
        yield running


def test_the_first_time_is_201_and_the_same_again_200(online: OnlineStudio):
    """Whoever offers a version again gets the same answer, and is told that it was there."""
    (project,) = online.house.hosting.ids()
    studio, chunks = online.project("ann", project)
    (asset,) = (each for each in studio.tree().assets.values() if each.name == "anim")
    assert asset.head is not None
    taken = ingest(io.BytesIO(b"take two"), chunks)
    offered = Proposal(
        CheckpointId(str(uuid.uuid4())),
        AssetId(asset.id),
        asset.head.id,
        taken.size,
        taken.xxh3,
        0,
        taken.chunks,
    )
    headers = {"Authorization": f"Bearer {online.login('ann').token}", "Content-Type": "application/json"}
    url = f"{online.url}{wire.API}/projects/{project}/checkpoints"
    with httpx.Client(headers=headers) as client:
        answers = [client.post(url, content=wire.encode([offered])) for _ in range(3)]
    assert [each.status_code for each in answers] == [201, 200, 200]
    assert len({each.content for each in answers}) == 1
