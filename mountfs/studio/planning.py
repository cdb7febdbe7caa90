"""Work that is planned as a table: files and folders that are to be there, whose they are, what they need.

The same table again changes nothing: what is there already stays as it is, also where the table says
something else (work has gone on since), unless it is to be brought in line (``update``). Dependencies that
the table does not name are left alone.

What is wrong is found for all lines before the first is refused, so that somebody corrects their table once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from mountfs.errors import NameInvalid, NameTaken, NotFound, Refused, told
from mountfs.model import NOBODY, ROOT, Asset, AssetId, Collection, CollectionId, UserId
from mountfs.names import split
from mountfs.studio.change import MAX_DEPTH
from mountfs.studio.making import FIRST_STATUS, Plan
from mountfs.studio.outline import Outline, Thing
from mountfs.studio.permissions import Act
from mountfs.studio.service import BoundStudio
from mountfs.studio.templates import Template, TemplateId
from mountfs.wire import Refusal
from mountfs.wire.plans import FOLDER, Differing, FileMade, Planned, Row, Wrong

TASK, RESOURCE = "task", "resource"


class _WrongError(Exception):
    """Ends a transaction of which some rows cannot be."""


def planning_of(studio: BoundStudio, *, update: bool = False) -> Planning:
    """A planning of all that somebody reaches: for whoever may assign work, everything by its name."""
    administration = not studio.is_owner and studio.may(Act.ASSIGN)
    tree = studio.administered(Act.ASSIGN) if administration else studio.tree()
    people = {
        name.casefold(): id_
        for id_, person in tree.people.items()
        for name in (person.username, person.email)
    }
    return Planning(studio, Outline(tree), people, update=update, administration=administration)


def make_rows(
    studio: BoundStudio,
    planning: Planning,
    rows: Sequence[Row],
    beside: Sequence[Row] = (),
    *,
    rehearse: bool,
    refusals_count: bool = False,
) -> Planned:
    """Have what rows name, in one transaction, of which nothing stays if a row of it cannot be."""
    made = Planned()
    try:
        with studio.together(rehearse=rehearse, refusals_count=refusals_count):
            made = planning.run(rows, beside)
            if made.wrong:
                raise _WrongError
    except _WrongError:
        pass
    return made


def make_file(studio: BoundStudio, row: Row, *, parents: bool, rehearse: bool) -> Planned:
    """Make one new file. NotFound without its folder, unless ``parents`` may be made, and for whatever it
    names; NameTaken."""
    with studio.together(rehearse=rehearse):
        planning = planning_of(studio)
        planning.have(row, parents=parents)
    return planning.done


def make_file_or_tell(studio: BoundStudio, row: Row, *, parents: bool, rehearse: bool) -> FileMade:
    """The same, with what is wrong with it as the answer: it is about what the asker has named."""
    try:
        return FileMade(make_file(studio, row, parents=parents, rehearse=rehearse))
    except (Refused, NotFound) as exc:
        return FileMade(refused=Refusal(**told(exc)))


class Planning:
    """One table, applied to a project.

    ``outline`` is what the command reaches, ``people`` the ids of those who may be named, by case-folded
    username or e-mail address; ``administration`` as in every act of administration.
    """

    def __init__(
        self,
        studio: BoundStudio,
        outline: Outline,
        people: Mapping[str, UserId],
        *,
        update: bool = False,
        administration: bool = False,
    ) -> None:
        self._studio = studio
        self._outline = outline
        self._people = people
        self._update = update
        self._administration = administration
        self._made: dict[str, AssetId | CollectionId] = {}
        self._differing: dict[str, list[str]] = {}
        self._templates: list[Template] | None = None
        self._statuses = {each.casefold(): each for each in studio.statuses()}
        self._types = {each.casefold(): each for each in studio.asset_types()}
        self.done = Planned()

    def run(self, rows: Sequence[Row], beside: Sequence[Row] = ()) -> Planned:
        """Have what these rows name, in a transaction of the studio's that is open. With ``wrong`` rows in
        the answer, what was done is not to be kept.

        ``beside`` are rows that these need, for a transaction that is taken back: the answer is not about
        them.
        """
        self.done = Planned()
        wrong: dict[int, str] = {}
        for step in (self._have, self._connect):
            for row in (*beside, *rows) if step == self._have else rows:
                if row.number in wrong:
                    continue
                try:
                    step(row)
                except (Refused, NotFound) as exc:
                    wrong[row.number] = f"{row.path}: {exc}"
        asked = {row.path: row.number for row in rows}
        self.done.wrong = sorted(
            Wrong(number, why) for number, why in wrong.items() if number in asked.values()
        )
        self.done.files = [path for path in self.done.files if path in asked]
        for path, differing in self._differing.items():
            if path not in asked:
                continue
            if not differing:
                self.done.unchanged += 1
            elif self._update:
                self.done.changed.append(path)
            else:
                self.done.differing += [Differing(path, what) for what in differing]
        self._differing.clear()
        return self.done

    def have(self, row: Row, *, parents: bool) -> AssetId:
        """Make one new file. NotFound without its folder, unless ``parents`` may be made."""
        folder = row.path.rpartition("/")[0]
        if not parents and folder and not isinstance(self._at(folder), Collection):
            raise NotFound(f"there is no folder {folder}")
        there = self._at(row.path)
        if there is not None:
            raise NameTaken(f"{row.path} is there already")
        self._file(row)
        return AssetId(self._made[row.path])

    # Things

    def _have(self, row: Row) -> None:
        """Have what a row names, but for what it needs."""
        if row.path == "/":
            raise Refused("the path is missing")
        there = self._at(row.path)
        if row.is_folder:
            self._folder(row, there)
        elif isinstance(there, Collection):
            raise Refused("the project has a folder of this name")
        elif there is None:
            self._file(row)
        else:
            self._compare(row, there)

    def _file(self, row: Row) -> None:
        folder, _, name = row.path.rpartition("/")
        kind = row.type or TASK
        if kind not in (TASK, RESOURCE) and kind not in self._types:
            known = ", ".join([TASK, RESOURCE, FOLDER, *self._types.values()])
            raise NotFound(f"there is no type {row.type!r}; there are: {known}")
        plan = Plan(
            file_name=name,
            collection=self._parents(folder),
            is_resource=kind == RESOURCE,
            type=self._types.get(kind, ""),
            template=self._template(row.template, name) if row.template else None,
            assignee=self._person(row.assignee),
            status=self._status(row.status) or FIRST_STATUS,
        )
        self._made[row.path] = self._studio.make_asset(plan, administration=self._administration).id
        self.done.files.append(row.path)

    def _folder(self, row: Row, there: Thing | None) -> None:
        for column in ("template", "status", "depends"):
            if getattr(row, column):
                raise Refused(f"a folder has no {column}")
        if isinstance(there, Asset):
            raise Refused("the project has a file of this name")
        user = self._person(row.assignee)
        folder = self._parents(row.path)
        differing = self._differing.setdefault(row.path, []) if there is not None else []
        if user == NOBODY or (there is not None and self._works_in(user, folder)):
            return
        if there is None or self._update:
            self._studio.assign(folder, user, administration=self._administration)
        differing.append(f"{row.assignee} does not work in it")

    def _compare(self, row: Row, there: Asset) -> None:
        """A file that is there already: note where the table differs, and bring it in line if wanted."""
        differing = self._differing.setdefault(row.path, [])
        user, status = self._person(row.assignee), self._status(row.status)
        if user not in (NOBODY, there.assignee):
            differing.append(f"it is not assigned to {row.assignee}")
            if self._update:
                self._studio.assign(there.id, user, administration=self._administration)
        if status not in ("", there.status):
            differing.append(f"it is {there.status or 'without status'}, not {status}")
            if self._update:
                self._studio.set_status(there.id, status, administration=self._administration)

    def _connect(self, row: Row) -> None:
        """Have a file need what its row says."""
        if not row.depends:
            return
        asset = AssetId(self._id(row.path))
        differing = self._differing.get(row.path)  # None for a new file
        needed = set() if differing is None else self._studio.needs(asset)
        for path in row.depends:
            on = self._id(path)
            if on in needed:
                continue
            if differing is None or self._update:
                self._studio.depend(asset, on, administration=self._administration)
            if differing is not None:
                differing.append(f"it does not need {path}")

    # From words to things

    def _at(self, path: str) -> Thing | None:
        """What the project had at a path before the table."""
        try:
            return self._outline.at(path)
        except NotFound:
            return None

    def _id(self, path: str) -> AssetId | CollectionId:
        made = self._made.get(path)
        if made is not None:
            return made
        there = self._at(path)
        if there is None:
            raise NotFound(f"there is no {path} that it could need")
        return there.id

    def _parents(self, path: str) -> CollectionId:
        """The folder at a path, made with all above it where it is missing."""
        if path in ("", "/"):
            return ROOT
        if path in self._made:
            return CollectionId(self._made[path])
        there = self._at(path)
        if isinstance(there, Asset):
            raise Refused(f"{path} is a file")
        if there is not None:
            return there.id
        if path.count("/") > MAX_DEPTH:
            raise NameInvalid(f"folders go {MAX_DEPTH} deep at most")
        above, _, name = path.rpartition("/")
        made = self._studio.make_collection(
            CollectionId(str(uuid4())), name, self._parents(above), administration=self._administration
        )
        self._made[path] = made.id
        self.done.folders.append(path)
        return made.id

    def _person(self, name: str) -> UserId:
        if not name:
            return NOBODY
        try:
            return self._people[name.casefold()]
        except KeyError:
            raise NotFound(f"there is no user {name!r} in this project") from None

    def _works_in(self, user: UserId, folder: CollectionId) -> bool:
        viewer = self._studio.viewer()
        if not (self._administration or viewer.owner or user == viewer.person.id):
            return False  # assigning it will be refused
        return folder in self._studio.folders_of(user, administration=self._administration)

    def _status(self, name: str) -> str:
        if name and name.casefold() not in self._statuses:
            raise NotFound(f"there is no status {name!r}; there are: {', '.join(self._statuses.values())}")
        return self._statuses.get(name.casefold(), "")

    def _template(self, name: str, file_name: str) -> TemplateId:
        """A template by its name, with or without its extension; of several, the one that fits."""
        if self._templates is None:
            self._templates = self._studio.templates()
        wanted = name.casefold()
        found = [each for each in self._templates if each.file_name.casefold() == wanted]
        found = found or [each for each in self._templates if each.name.casefold() == wanted]
        if not found:
            known = ", ".join(each.file_name for each in self._templates) or "none yet"
            raise NotFound(f"there is no template {name!r}; there are: {known}")
        extension = split(file_name)[1].casefold()
        return next((each for each in found if each.extension.casefold() == extension), found[0]).id
