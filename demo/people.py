"""Who works on the production, and what is whose."""

from __future__ import annotations

from pathlib import Path

from demo.production import CHARACTERS, SHOTS
from mountfs.model import Asset, AssetId, Collection, CollectionId
from mountfs.storage.open import open_project
from mountfs.studio.outline import Outline
from mountfs.studio.service import StudioService

ARTISTS = ("bo", "cleo")

PEOPLE = (
    ("dora", "Dora Lindt", "supervisor"),
    ("bo", "Bo Ansari", "artist"),
    ("cleo", "Cleo Marsh", "artist"),
    ("seaside", "Seaside Effects", "vendor"),
)


def bring_in(project_file: Path) -> None:
    """Add the people, hand out the tasks, say what needs what, and share the library."""
    with open_project(project_file) as project:
        service = StudioService(project)
        owner = service.for_owner(service.author(""))
        ids = {}
        for username, name, role in PEOPLE:
            first, _, last = name.partition(" ")
            email = f"{username}@harbor.example"
            person = owner.add_user(
                email=email, username=username, first_name=first, last_name=last, role=role
            )
            ids[username] = person.id
        outline = Outline(owner.tree())

        def asset(path: str) -> AssetId:
            found = outline.at(path)
            assert isinstance(found, Asset)
            return found.id

        def folder(path: str) -> CollectionId:
            found = outline.at(path)
            assert isinstance(found, Collection)
            return found.id

        owner.share(folder("library"))
        for name in CHARACTERS:
            # Who gets a rig gets its look, and who gets the look its textures.
            owner.depend(
                asset(f"characters/{name}/{name}_rig.usda"),
                asset(f"characters/{name}/{name}_look.usda"),
                "working",
            )
            owner.depend(
                asset(f"characters/{name}/{name}_look.usda"), folder(f"characters/{name}/textures"), "linked"
            )
        for shot in SHOTS[:4]:
            scene = asset(f"shots/{shot}/{shot}_anim.usda")
            owner.assign(scene, ids["bo"])
            owner.set_status(scene, "wip")
            owner.depend(scene, asset("characters/fox/fox_rig.usda"), "working")
        for shot in SHOTS[:2]:
            lighting = asset(f"shots/{shot}/{shot}_light.usda")
            owner.assign(lighting, ids["cleo"])
            owner.depend(lighting, asset(f"shots/{shot}/{shot}_anim.usda"), "waiting on")
            owner.depend(lighting, folder(f"shots/{shot}/cache"), "linked")
        owner.assign(folder("editorial"), ids["cleo"])
        owner.assign(folder("shots/sh110"), ids["seaside"])
