"""What a member looks at before they do something about a project: the rules, the trash, who works where, who
sees a thing and why, what needs what, tags, templates."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from mountfs.model import AssetId, Tree
from mountfs.studio.access import Access
from mountfs.studio.joining import settle_all
from mountfs.studio.permissions import Act
from mountfs.studio.routes.acts import ACTS, of_template
from mountfs.studio.routes.asking import AskedHouse, InPerson, InProject, answer, answers
from mountfs.wire import acts

router = APIRouter(prefix="/projects/{project}", tags=["overview"])

Administration = Annotated[bool, Query()]


@router.get("/rules", **answers(acts.Rules))
def rules(_: InPerson, member: InProject) -> Response:
    """What the roles allow, which words there are, and who can give out work."""
    studio = member.studio
    return answer(
        acts.Rules(
            studio.roles(),
            studio.statuses(),
            studio.asset_types(),
            studio.dependency_types(),
            studio.who_may(Act.ASSIGN),
        )
    )


@router.get("/names", **answers(Tree))
def names(house: AskedHouse, _: InPerson, member: InProject, act: acts.Administering) -> Response:
    """The names of everything that is not in the trash, without versions, for whoever may assign work and do
    this; without the first, of what they see."""
    if member.studio.may(Act.ASSIGN):
        settle_all(member.hosted, house.accounts.memberships)
    return answer(member.studio.administered(ACTS[act][0]))


@router.get("/trash", **answers(acts.Trash))
def trash(_: InPerson, member: InProject) -> Response:
    """What the member would see if it were restored."""
    found = member.studio.trash_listing()
    paths = {str(id_): path for id_, path in found.paths.items()}
    return answer(acts.Trash(list(found.assets), list(found.collections), paths))


@router.get("/works-in", **answers(list[acts.FolderWork]))
def works_in(_: InPerson, member: InProject) -> Response:
    """Who works in which folder, as far as it is the member's business: their own; of those that they see,
    for whoever may take work back; all, for whoever may assign it."""
    return answer([acts.FolderWork(user, folder) for user, folder in member.studio.folder_work()])


@router.get("/things/{thing}/access", **answers(list[acts.AccessFacts]))
def access(_: InPerson, member: InProject, thing: str, administration: Administration = False) -> Response:
    """What the member may do with a thing, and why they see it; for whoever may assign work, the same of
    everybody."""
    studio, what = member.studio, AssetId(thing)
    found = studio.accesses(what) if administration else [studio.access(what)]
    return answer([_of_access(each) for each in found])


@router.get("/assets/{asset}/dependencies", **answers(list[acts.Dependency]))
def dependencies(
    _: InPerson, member: InProject, asset: str, administration: Administration = False
) -> Response:
    """What an asset needs, and what needs it, as far as the member sees it."""
    found = member.studio.dependencies(AssetId(asset), administration=administration)
    return answer([acts.Dependency(each.asset, each.on, each.type) for each in found])


@router.get("/tags", **answers(list[acts.Tag]))
def tags(_: InPerson, member: InProject) -> Response:
    """The tags that visible assets have, and which have them."""
    return answer([acts.Tag(word, sorted(assets)) for word, assets in member.studio.tagged().items()])


@router.get("/templates", **answers(list[acts.TemplateFacts]))
def templates(_: InPerson, member: InProject, trashed: bool = False) -> Response:
    """What new files can begin with; or what was that, and is in the trash."""
    return answer([of_template(each) for each in member.studio.templates(trashed=trashed)])


def _of_access(access: Access) -> acts.AccessFacts:
    return acts.AccessFacts(
        access.person,
        access.role,
        [acts.ReasonFacts(each.because.value, list(each.via)) for each in access.reasons],
        [
            acts.MayFacts(act.value, each.allowed, each.lacks, each.assignee)
            for act, each in access.may.items()
        ],
    )
