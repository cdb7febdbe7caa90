"""What members do to a project over the network, act by act: who may, and what the others are told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from mountfs import wire
from mountfs.model import AssetId, CheckpointId, Toggle, UserId
from mountfs.studio.routes.acts import ACTS
from mountfs.testing.projects import new_id
from mountfs.wire import acts, plans
from mountfs.wire.acts import Act
from tests.studio.online.test_access import PAGE, seen_of
from tests.studio.online.town import ALLOWED, BLIND, LACKING, Secret, Town

CALLERS = (BLIND, LACKING, ALLOWED, "machine")

Make = Callable[[Town, Secret], Act]


def role(town: Town) -> str:
    """A role that nobody has."""
    return town.owner.create_role(new_id(), frozenset()).id


def template(town: Town, secret: Secret, *, trashed: bool = False) -> str:
    made = town.owner.add_template_from(secret.asset, f"{new_id()}.txt")
    if trashed:
        town.owner.remove_template(made.id)
    return made.id


def trashed(town: Town, secret: Secret) -> Secret:
    town.owner.trash(secret.asset)
    return secret


def old(town: Town, secret: Secret, *, trashed: bool = False) -> CheckpointId:
    """A version that is not the newest."""
    town.owner.revert(secret.checkpoint)
    if trashed:
        town.owner.trash_checkpoint(secret.checkpoint)
    return secret.checkpoint


def task(town: Town, secret: Secret) -> AssetId:
    town.owner.set_kind(secret.asset, is_resource=False)
    return secret.asset


MADE: dict[str, Make] = {
    "revert": lambda town, it: Act("revert", old(town, it), new=new_id()),
    "trash": lambda _, it: Act("trash", it.asset),
    "restore": lambda town, it: Act("restore", trashed(town, it).asset),
    "trash_checkpoint": lambda town, it: Act("trash_checkpoint", old(town, it)),
    "restore_checkpoint": lambda town, it: Act("restore_checkpoint", old(town, it, trashed=True)),
    "assign": lambda town, it: Act("assign", task(town, it), user=town.user(ALLOWED)),
    "unassign": lambda town, it: Act("unassign", task(town, it), user=town.user(ALLOWED)),
    "set_kind": lambda _, it: Act("set_kind", it.asset),
    "share": lambda town, _: Act("share", town.new_folder()),
    "unshare": lambda _, it: Act("unshare", it.folder),
    "depend": lambda town, it: Act("depend", it.asset, on=town.asset("library/props/boat.obj").id),
    "undepend": lambda town, it: Act("undepend", it.asset, on=town.asset("library/props/boat.obj").id),
    "set_status": lambda _, it: Act("set_status", it.asset, text="wip"),
    "edit_comment": lambda _, it: Act("edit_comment", it.checkpoint, text="better"),
    "tag": lambda _, it: Act("tag", it.asset, text="wet"),
    "untag": lambda _, it: Act("untag", it.asset, text="wet"),
    "set_role": lambda town, _: Act("set_role", "nothing", user=town.user(LACKING)),
    "edit_role": lambda town, _: Act("edit_role", role(town), rights=[Toggle.PULL_CHUNK]),
    "create_role": lambda *_: Act("create_role", text=new_id(), new=new_id()),
    "remove_role": lambda town, _: Act("remove_role", role(town)),
    "add_template": lambda _, it: Act("add_template", it.asset, text=f"{new_id()}.txt", new=new_id()),
    "remove_template": lambda town, it: Act("remove_template", template(town, it)),
    "restore_template": lambda town, it: Act("restore_template", template(town, it, trashed=True)),
}
"""How each act is asked for, about what some do not see."""

OF_NO_FILE = {"set_role", "edit_role", "create_role", "remove_role", "remove_template", "restore_template"}
"""Acts about what every member may know of."""

BEYOND = {"assign", "unassign", "set_kind", "share", "unshare", "depend", "undepend", "set_status"}
"""Acts that whoever may assign work can do to what they do not see."""


def documented() -> dict[str, tuple[str, ...]]:
    rows = re.findall(r"^\| `(\w+)` \|((?: \d+ \|){4})$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {act: tuple(re.findall(r"\d+", cells)) for act, cells in rows}


def token(town: Town, who: str) -> str:
    return town.node_token() if who == "machine" else town.token(who)


def ask(town: Town, who: str, *asked: Act, rehearse: bool = False) -> tuple[int, bytes, object]:
    """Ask for acts, in an attacker's own words."""
    with town.client(token(town, who)) as client:
        body = wire.encode(acts.ActsAsked(list(asked), rehearse))
        return seen_of(client.post(town.path("/acts"), content=body))


def test_every_act_has_a_line():
    """Here and in the table for people: a new act fails until somebody said who may do it."""
    assert set(MADE) == set(ACTS) == set(documented())


@pytest.mark.parametrize("rehearse", [False, True], ids=["done", "rehearsed"])
@pytest.mark.parametrize("name", MADE)
def test_the_answer_is_the_documented_one(town: Town, name: str, rehearse: bool):
    """For good and on trial, to everybody."""
    found = [ask(town, who, MADE[name](town, town.new_secret()), rehearse=rehearse)[0] for who in CALLERS]
    assert tuple(map(str, found)) == documented()[name]


@pytest.mark.parametrize("name", sorted(set(MADE) - OF_NO_FILE))
def test_what_is_hidden_is_as_what_never_was(town: Town, name: str):
    """Byte for byte, for good and on trial, alone and after another act."""
    secret = town.new_secret()
    act = MADE[name](town, secret)
    boat = Act("untag", town.asset("library/props/boat.obj").id, text="no")
    for rehearse in (False, True):
        answers = {
            str(ask(town, BLIND, *before, replace(act, what=what), rehearse=rehearse))
            for before in ([], [boat])
            for what in (act.what, new_id(), "x", "0" * 500, "\0", "%", "🦊")
        }
        assert len(answers) == 1
        assert answers.pop().startswith("(404, ")


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_beyond_sight_reaches_who_may_assign(town: Town, name: str):
    """Whoever may not is told the same of what is hidden and of what never was."""
    secret = town.new_secret()
    act = replace(MADE[name](town, secret), administration=True)
    never = replace(act, what=new_id())
    with town.owner.together():
        half = town.owner.create_role(new_id(), set(Toggle) - {Toggle.ASSIGN_ASSET})
    town.owner.set_role(town.user(BLIND), half.id)
    try:
        assert ask(town, BLIND, act) == ask(town, BLIND, never)
        assert ask(town, BLIND, act)[0] == 403
    finally:
        town.owner.set_role(town.user(BLIND), "everything")
    assert ask(town, BLIND, act, rehearse=True)[0] == 200


@pytest.mark.parametrize("path", ["/things/{asset}/access", "/assets/{asset}/dependencies"])
def test_looking_beyond_sight(town: Town, path: str):
    """As in process: whoever may assign is told about everything, everybody else nothing."""
    secret = town.new_secret()
    paths = [path.format(asset=id_) + "?administration=true" for id_ in (secret.asset, new_id())]
    with town.client(town.token(LACKING)) as client:
        assert [client.get(town.path(each)).status_code for each in paths] == [403, 403]
    with town.client(town.token(BLIND)) as client:
        assert [client.get(town.path(each)).status_code for each in paths] == [200, 404]
    with town.client(town.node_token()) as client:
        assert [client.get(town.path(each)).status_code for each in paths] == [403, 403]


def test_what_is_planned_reaches_as_far(town: Town):
    """Whoever may not assign names only what they see: the rest is told of as what never was."""
    secret, half = town.new_secret(), town.owner.create_role(new_id(), set(Toggle) - {Toggle.ASSIGN_ASSET})
    name = next(each.name for each in town.owner.tree().assets.values() if each.id == secret.asset)
    town.owner.set_role(town.user(BLIND), half.id)

    def told(path: str) -> bytes:
        """What is said of a file that needs this one."""
        row = plans.Row(1, "/library/new.txt", depends=(path,))
        with town.client(town.token(BLIND)) as client:
            body = wire.encode(plans.PlanAsked([row], rehearse=True))
            return client.post(town.path("/plans"), content=body).content

    try:
        never = new_id()
        hidden, absent = (told(f"/secret/{each}.txt") for each in (name, never))
        assert hidden.replace(name.encode(), b"X") == absent.replace(never.encode(), b"X")
        assert b"there is no" in hidden
        assert told("/library/props/boat.obj") == wire.encode(plans.Planned(files=["/library/new.txt"]))
    finally:
        town.owner.set_role(town.user(BLIND), "everything")
    assert told(f"/secret/{name}.txt") == wire.encode(plans.Planned(files=["/library/new.txt"]))


def test_work_is_given_to_who_has_not_come_yet(town: Town):
    """Whoever was taken in can be given work at once, by whoever may assign it, in a plan too."""
    secret = town.new_secret()
    task(town, secret)
    for path, body in (("/names?act=assign", None), ("/plans", plans.PlanAsked([], rehearse=True))):
        user = UserId(town.joined())
        for who, expected in ((LACKING, False), (BLIND, True)):
            with town.client(town.token(who)) as client:
                client.request(
                    "POST" if body else "GET", town.path(path), content=wire.encode(body) if body else None
                )
            assert (user in {each.id for each in town.hosted.service.people()}) == expected
        assert ask(town, ALLOWED, Act("assign", secret.asset, user=user))[0] == 200


def test_a_rehearsal_leaves_nothing(town: Town):
    """Neither the act nor its refusal."""
    secret = town.new_secret()
    before = town.audit()
    made = Act("trash", secret.asset), Act("create_role", text="a new one")
    assert ask(town, ALLOWED, *made, rehearse=True)[0] == 200
    assert ask(town, LACKING, *made, rehearse=True)[0] == 403
    assert ask(town, BLIND, *made, rehearse=True)[0] == 404
    assert secret.asset in town.owner.tree().assets
    assert "a new one" not in {each.name for each in town.owner.roles()}
    assert town.audit() == before


def test_all_or_none(town: Town):
    """One act that is refused, and nothing of the others is left but the refusal in the audit."""
    secret = town.new_secret()
    before = town.audit()
    assert ask(town, ALLOWED, Act("tag", secret.asset, text="wet"), Act("trash", "never"))[0] == 404
    assert secret.asset not in town.owner.tagged().get("wet", set())
    assert [row[0] for row in town.audit()[len(before) :]] == ["refused: trash collection"]


def test_many_go_into_the_trash(town: Town):
    """In one question, or none of them."""
    some = [town.new_secret() for _ in range(3)]
    ids = [each.asset for each in some]
    with town.client(town.token(ALLOWED)) as client:
        for asked, status in (([*ids, AssetId("never")], 404), (ids * 2000, 413), (ids, 204), (ids, 204)):
            content = wire.encode(acts.TrashAsked(asked))
            assert client.post(town.path("/trash"), content=content).status_code == status
            left = [each for each in ids if each in town.owner.tree().assets]
            assert left == ([] if status == 204 else ids)


@pytest.mark.parametrize(
    "asked",
    [
        acts.ActsAsked([Act("untag", "x", text="x")] * (acts.MAX_ACTS + 1)),
        acts.ActsAsked([Act("tag", "x", text="x" * (acts.MAX_TEXT + 1))]),
    ],
    ids=["many", "long"],
)
def test_no_question_is_endless(town: Town, asked: acts.ActsAsked):
    """More than a transaction may have is refused before anything is done."""
    with town.client(town.token(ALLOWED)) as client:
        assert client.post(town.path("/acts"), content=wire.encode(asked)).status_code == 413


def test_an_id_that_is_none_makes_nothing(town: Town):
    """Nor one that is something else's."""
    secret, other = town.new_secret(), town.new_secret()
    for new, status in (
        ("a/b", 422),
        ("..", 422),
        ("", 200),
        (other.checkpoint, 403),
        (secret.checkpoint, 403),
    ):
        assert ask(town, ALLOWED, Act("revert", secret.checkpoint, new=new))[0] == status, new
    assert ask(town, ALLOWED, Act("create_role", text="x", new="a b"))[0] == 422
    (there, *_) = town.owner.roles()
    assert ask(town, ALLOWED, Act("create_role", text="x", new=there.id))[0] == 409


def test_what_somebody_did_is_taken_back(town: Town):
    """On trial and for good, as far as whoever asks may; of what they do not see nothing is told."""
    secret, other = town.new_secret(), town.new_secret()
    town.owner.revert(other.checkpoint)
    with town.client(town.token(ALLOWED)) as client:
        client.delete(town.path(f"/things/{secret.asset}"))
        body = wire.encode(acts.ActsAsked([Act("trash_checkpoint", other.checkpoint)]))
        client.post(town.path("/acts"), content=body)
    asked = acts.UndoAsked(town.user(ALLOWED), 0)
    expected = {LACKING: 403, BLIND: 200, ALLOWED: 200}
    for rehearse in (True, False):
        for who, status in expected.items():
            with town.client(town.token(who)) as client:
                answer = client.post(
                    town.path("/undo"), content=wire.encode(replace(asked, rehearse=rehearse))
                )
            assert answer.status_code == status
            assert (b"secret" in answer.content) == (who == ALLOWED)
    assert secret.asset in town.owner.tree().assets
    assert len(town.owner.history(other.asset)) == 2


def test_the_same_again_makes_nothing(town: Town):
    """Whoever got no answer asks again, and is answered as the first time."""
    secret = town.new_secret()
    for act in (
        Act("revert", secret.checkpoint, new=new_id()),
        Act("create_role", text=new_id(), rights=[Toggle.PULL_CHUNK], new=new_id()),
        Act("add_template", secret.asset, text=f"{new_id()}.txt", new=new_id()),
    ):
        first = ask(town, ALLOWED, act)
        assert first[0] == 200
        assert ask(town, ALLOWED, act) == first
