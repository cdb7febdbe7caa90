"""What a viewer can ask about people and about what hangs together: who is there, who sees what and why, what
depends on what.

``administration=True`` is for administration commands, as in `administration`: the right that the command is
for is needed and the one to assign work, and then the answer reaches what the viewer does not see.
"""

from __future__ import annotations

from mountfs.model import AssetId, CollectionId, Person, Role, UserId
from mountfs.studio import access, crew, sharing
from mountfs.studio.access import Access
from mountfs.studio.catalogue import Catalogue
from mountfs.studio.change import nothing
from mountfs.studio.crew import Colleague
from mountfs.studio.permissions import NEEDS, Act, require
from mountfs.studio.sharing import Dependency
from mountfs.studio.view import View
from mountfs.studio.visibility import Sight
from mountfs.studio.written import asset_types


class Overview(View):
    """A view that tells about a project's people and connections, too."""

    def may(self, act: Act) -> bool:
        """Whether the viewer's role allows an act."""
        viewer = self.viewer()
        return viewer.owner or viewer.may.issuperset(NEEDS[act])

    def crew(self) -> list[Colleague]:
        """The people whom the viewer may know of, by username, and their roles as far as they are told."""
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            known = self._people(catalogue, viewer, sight.assets)
            return crew.crew(catalogue, self._reader.reach(), viewer, sight, known)

    def roles(self) -> list[Role]:
        """What each role allows, by name. Everybody may know the rules."""
        with self._reader.current() as catalogue:
            return sorted(catalogue.roles.values(), key=lambda role: role.name.casefold())

    def who_may(self, act: Act) -> list[Person]:
        """Those whose role allows an act, by username: everybody may know whom to ask."""
        with self._reader.current() as catalogue:
            return crew.who_may(catalogue, act)

    def statuses(self) -> list[str]:
        """The short names of the statuses there are."""
        with self._reader.current() as catalogue:
            return sorted(catalogue.statuses.values())

    def folders_of(self, user: UserId, *, administration: bool = False) -> list[CollectionId]:
        """The visible collections that are assigned to somebody: to the viewer, for administration to
        anybody, and then all of them."""
        if administration:
            require(self.viewer(), Act.ASSIGN)
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            if administration:
                sight = self._reader.reach().everything()
            elif user != viewer.person.id and not viewer.owner:
                raise nothing()
            return sorted(catalogue.assigned_folders.get(user, set()) & sight.collections)

    def folder_work(self) -> list[tuple[UserId, CollectionId]]:
        """Who works in which collection: the viewer's own; for whoever may take work back, of all they see;
        for whoever may assign it, all."""
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            if self.may(Act.ASSIGN):
                sight = self._reader.reach().everything()
            everybody = self.may(Act.ASSIGN) or self.may(Act.UNASSIGN)
            return sorted(
                (user, folder)
                for user, folders in catalogue.assigned_folders.items()
                if everybody or user == viewer.person.id
                for folder in folders & sight.collections
            )

    def works_in(self, collection: CollectionId) -> list[Person]:
        """Those to whom a collection is assigned, by username: a visible one, for whoever may take it back;
        any, for whoever may assign it, too. NotFound."""
        require(self.viewer(), Act.UNASSIGN)
        with self._reader.current() as catalogue:
            reach, sight = self._reader.reach(), self._look(catalogue)[1]
            _require_seen(catalogue, reach.everything() if self.may(Act.ASSIGN) else sight, collection)
            found = [
                catalogue.members[user].person
                for user, folders in catalogue.assigned_folders.items()
                if collection in folders and user in catalogue.members
            ]
        return sorted(found, key=lambda person: person.username.casefold())

    def access(self, what: AssetId | CollectionId) -> Access:
        """What the viewer themself may do with a visible thing, and why they see it. NotFound.

        For the owner, who sees and may do everything, it is that of the person in whose name they act.
        """
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            _require_seen(catalogue, sight, what)
            return access.access(catalogue, self._reader.reach(), what, viewer.person.id)

    def accesses(self, what: AssetId | CollectionId) -> list[Access]:
        """The same for everybody in the project, by username. For administration: whoever may assign."""
        require(self.viewer(), Act.ASSIGN)
        with self._reader.current() as catalogue:
            reach = self._reader.reach()
            _require_seen(catalogue, reach.everything(), what)
            found = [access.access(catalogue, reach, what, user) for user in catalogue.members]
        return sorted(found, key=lambda each: each.person.username.casefold())

    def dependencies(self, asset: AssetId, *, administration: bool = False) -> list[Dependency]:
        """What an asset depends on, and what depends on it, on a collection that it is in too. Only what the
        viewer sees at both ends; for administration, everything. NotFound."""
        if administration:
            require(self.viewer(), Act.DEPEND)
            require(self.viewer(), Act.ASSIGN)
        with self.looking() as (connection, catalogue, sight):
            if administration:
                sight = self._reader.reach().everything()
            if asset not in sight.assets:
                raise nothing()
            around = {asset, *_above(catalogue, catalogue.assets[asset].asset.collection)}
            return [
                each
                for each in sharing.dependencies(connection)
                if (each.asset == asset or each.on in around)
                and each.asset in sight.assets
                and (each.on in sight.assets or each.on in sight.collections)
            ]

    def needs(self, asset: AssetId) -> set[AssetId | CollectionId]:
        """What an asset depends on directly: for who may change that all of it, else what they see."""
        with self._reader.current() as catalogue:
            viewer, sight = self._look(catalogue)
            if viewer.owner or viewer.may.issuperset(NEEDS[Act.DEPEND]):
                sight = self._reader.reach().everything()
            if asset not in sight.assets:
                raise nothing()
            assets = catalogue.asset_needs.get(asset, set()) & sight.assets
            return {*assets, *(catalogue.folder_needs.get(asset, set()) & sight.collections)}

    def needed_for(self, what: AssetId | CollectionId) -> list[AssetId]:
        """What a visible thing and all below it depends on, transitively, without that itself; of a
        collection that something depends on, all that is in it. Only what the viewer sees, and nothing is
        found through what they do not see. NotFound."""
        with self._reader.current() as catalogue:
            _, sight = self._look(catalogue)
            _require_seen(catalogue, sight, what)
            reach = self._reader.reach()
            own = {what} if what in catalogue.assets else reach.assets_below(CollectionId(what))
            mine = {AssetId(each) for each in own} & sight.assets
            return sorted(reach.with_needs(mine, sight) - mine)

    def asset_types(self) -> list[str]:
        """The names of the types that an asset can have."""
        with self._project.database.reading() as connection:
            return asset_types(connection)

    def dependency_types(self) -> list[str]:
        """The names of the types that a dependency can have."""
        with self._project.database.reading() as connection:
            return sharing.dependency_types(connection)


def _require_seen(catalogue: Catalogue, sight: Sight, what: AssetId | CollectionId) -> None:
    seen = sight.assets if what in catalogue.assets else sight.collections
    if what not in seen:
        raise nothing()


def _above(catalogue: Catalogue, folder: CollectionId) -> set[CollectionId]:
    """A live collection and all above it."""
    found = set()
    while folder:
        found.add(folder)
        folder = catalogue.collections[folder].collection.parent
    return found
