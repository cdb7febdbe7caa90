"""``mountfs access``: who sees a file or folder and may do what with it, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mountfs.cli import NOT_FOUND, NOT_LOGGED_IN, PROJECT_FILE, REFUSED, UNAVAILABLE, output
from mountfs.cli.options import as_option, exits, json_option, path_argument, storage_dir_option
from mountfs.cli.target import Target, open_target
from mountfs.errors import UserUnknown
from mountfs.studio.access import Access, Answer, Because, Reason
from mountfs.studio.permissions import Act

WORDS = {
    Act.READ_CONTENT: "read",
    Act.READ_HISTORY: "history",
    Act.PUBLISH: "save",
    Act.SET_STATUS: "mark",
    Act.RENAME_ASSET: "rename",
    Act.TRASH_ASSET: "trash",
    Act.ASSIGN: "assign",
    Act.DEPEND: "depend",
    Act.CREATE_ASSET: "add files",
    Act.CREATE_COLLECTION: "add folders",
    Act.RENAME_COLLECTION: "rename",
    Act.TRASH_COLLECTION: "trash",
    Act.SHARE: "share",
}
"""What may be done, in the words of commands."""


@click.command()
@path_argument
@click.argument("who", metavar="[USERNAME]", required=False)
@as_option
@storage_dir_option
@json_option
@exits(NOT_FOUND, REFUSED, PROJECT_FILE, UNAVAILABLE, NOT_LOGGED_IN)
def command(
    path: str, who: str | None, username: str | None, storage_dir: Path | None, as_json: bool
) -> None:
    """Tell who sees a file or folder, why, and what they may do with it; with USERNAME, all about one person.

    Somebody sees what is assigned to them, what that needs, and what is shared. What they may do with it is
    decided by their role. Who may not assign work is told about themselves only.

    \b
      mountfs access film.clst:/characters/fox.blend
      mountfs access film.clst:/characters/fox.blend bo
      mountfs access film.clst:/characters/fox.blend --as bo
    """
    with open_target(
        path,
        username=username,
        storage_dir=storage_dir,
        administers=Act.ASSIGN,
        if_permitted=who is None,
    ) as target:
        thing = target.thing
        if thing is None:
            raise click.UsageError("everybody sees the top of the project; name a file or folder in it")
        if target.administers is None:
            found = [target.studio.access(thing.id)]
        else:
            found = target.studio.accesses(thing.id)
        if who is not None:
            person = target.person(who)
            found = [each for each in found if each.person.id == person.id]
            if not found:  # they have just left
                raise UserUnknown(f"there is no user {who!r} in this project")
        told = [_about(target, each) for each in found]
        one = who is not None or target.administers is None
        is_file = not target.is_far
        helpers = [each.username for each in target.studio.who_may(Act.ASSIGN)]
    if as_json:
        output.as_json(told)
    elif one:
        _print_one(told[0], helpers)
    else:
        _print_all(target.path, told, is_file=is_file)


def _print_all(path: str, told: list[dict[str, Any]], *, is_file: bool) -> None:
    seen = [each for each in told if each["sees"]]
    rows = (
        (each["username"], each["role"], "; ".join(each["because"]), ", ".join(_allowed(each)))
        for each in seen
    )
    if seen:
        output.table(("USERNAME", "ROLE", "SEES IT", "MAY"), rows)
    blind = [each["username"] for each in told if not each["sees"]]
    if blind:
        output.remark(f"{path} is not seen by {', '.join(blind)}")
    if is_file:
        output.remark("who can read the project file can read and change all of it")


def _print_one(one: dict[str, Any], helpers: list[str]) -> None:
    pairs: list[tuple[str, object]] = [("user", one["username"]), ("role", one["role"])]
    if one["sees"]:
        pairs.append(("sees it", "; ".join(one["because"])))
    else:
        pairs.append(("sees it", "no: it is neither assigned, nor shared, nor needed by what is assigned"))
        pairs.append(("can help", ", ".join(helpers)))
    pairs += [(word, "yes" if why is None else f"no: {why}") for word, why in one["may"].items()]
    output.fields(pairs)


def _allowed(one: dict[str, Any]) -> list[str]:
    return [word for word, why in one["may"].items() if why is None] or ["nothing"]


def _about(target: Target, access: Access) -> dict[str, Any]:
    """``may``: each word with None, or with what keeps them from it."""
    return {
        "username": access.person.username,
        "role": access.role,
        "sees": bool(access.reasons),
        "because": [_because(target, reason) for reason in access.reasons],
        "may": {WORDS[act]: _why_not(target, answer) for act, answer in access.may.items()},
    }


def _because(target: Target, reason: Reason) -> str:
    via = [target.path_of(each) for each in reason.via]
    match reason.because:
        case Because.TASK:
            return "it is their task"
        case Because.FOLDER:
            return f"they work in {via[0]}"
        case Because.SHARED:
            return f"{via[0]} is shared"
        case Because.NEEDED:
            return "needed: " + " → ".join(via)
        case Because.ABOVE:
            return "something in it is visible to them, not all of it"


def _why_not(target: Target, answer: Answer) -> str | None:
    if answer.allowed:
        return None
    if answer.lacks is not None:
        return f"the role lacks {answer.lacks.value}"
    if not answer.assignee:
        return "it is nobody's task yet"
    return f"it is the task of {target.username(answer.assignee)}"
