"""The pages of the manual: mountfs(1), mountfs-COMMAND(1) and mount.mountfs(8), made from what commands say.

    python -m mountfs.cli.manual ~/.local/share/man

There is one text for each command, its help; this is the same as man(1) shows it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import click

from mountfs import cli
from mountfs.cli import mount_helper


def pages() -> dict[str, str]:
    """The text of each page, by its name."""
    found = {}
    with click.Context(cli.mountfs, info_name="mountfs") as context:
        found["mountfs.1"] = _page("mountfs", 1, cli.mountfs, context, "assets as ordinary files")
        for name, (_, about) in cli.COMMANDS.items():
            command = cli.mountfs.get_command(context, name)
            assert command is not None
            with click.Context(command, info_name=name, parent=context) as inside:
                found[f"mountfs-{name}.1"] = _page(f"mountfs-{name}", 1, command, inside, about)
                if name == "mount":
                    found["mount.mountfs.8"] = _helper(command)
    return found


def write(folder: Path) -> list[Path]:
    """Write all pages below a folder, as man(1) looks for them."""
    written = []
    for name, text in pages().items():
        path = folder / f"man{name[-1]}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _page(name: str, part: int, command: click.Command, context: click.Context, about: str) -> str:
    lines = [*_head(name, part, about), *_about(command, context, ".SH")]
    if command is cli.mountfs:
        lines.append(".SH COMMANDS")
        for each, (_, text) in cli.COMMANDS.items():
            lines += [".TP", f"\\fBmountfs\\-{_plain(each)}\\fR(1)", _plain(text)]
    elif isinstance(command, click.Group):
        lines += _below(command, context)
    others = "" if command is cli.mountfs else ".BR mountfs (1)"
    lines += [".SH SEE ALSO", others or ".BR mount.mountfs (8)"]
    return "\n".join(lines) + "\n"


def _below(group: click.Group, context: click.Context) -> Iterator[str]:
    """The commands of a group, and of the groups in it."""
    for each, command in group.commands.items():
        with click.Context(command, info_name=each, parent=context) as inside:
            yield f'.SH "{_plain(inside.command_path)}"'
            yield from _about(command, inside, ".SS")
            if isinstance(command, click.Group):
                yield from _below(command, inside)


def _head(name: str, part: int, about: str) -> list[str]:
    return [
        f'.TH "{_plain(name.upper())}" {part} "" "mountfs {version("mountfs")}" "mountfs"',
        ".SH NAME",
        f"{_plain(name)} \\- {_plain(about.rstrip('.'))}",
    ]


def _about(command: click.Command, context: click.Context, heading: str) -> Iterator[str]:
    """Synopsis, description, options and exit codes."""
    yield f"{heading} SYNOPSIS"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"\\fB{_plain(context.command_path)}\\fR {_plain(pieces)}"
    text, _, exits = inspect.cleandoc(command.help or "").partition("\b\nExit codes:\n")
    yield f"{heading} DESCRIPTION"
    yield from _text(text)
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    records = [record for each in options if (record := each.get_help_record(context))]
    yield f"{heading} OPTIONS"
    for option, meaning in records:
        yield from (".TP", f"\\fB{_plain(option)}\\fR", _plain(meaning))
    if exits:
        yield f'{heading} "EXIT STATUS"'
        for line in exits.splitlines():
            code, _, meaning = line.strip().partition("  ")
            if code:
                yield from (".TP", f"\\fB{code}\\fR", _plain(meaning))


def _text(text: str) -> Iterator[str]:
    """Paragraphs; those after a line with a backspace stay as they are."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith("\b\n"):
            yield from (".PP", ".nf", *map(_plain, paragraph[2:].splitlines()), ".fi")
        else:
            yield from (".PP", _plain(" ".join(paragraph.split())))


def _helper(mount: click.Command) -> str:
    """The page of the program that mount(8) runs."""
    text = inspect.cleandoc(mount_helper.__doc__ or "").partition("\n\n")[2]
    options = inspect.cleandoc(mount.help or "").partition("Options for -o:\n")[2].partition("\n\n")[0]
    lines = [
        *_head("mount.mountfs", 8, "mount a project by mount(8), /etc/fstab, systemd or autofs"),
        ".SH SYNOPSIS",
        "\\fBmount \\-t mountfs\\fR [\\-o \\fIOPTIONS\\fR] \\fIPROJECT.clst DIR\\fR",
        ".SH DESCRIPTION",
        *_text(text),
        ".SH OPTIONS",
    ]
    for name, meaning in mount_helper.OWN_OPTIONS.items():
        value, _, about = meaning.partition(": ")
        lines += [".TP", f"\\fB{_plain(name)}\\fR=\\fI{_plain(value)}\\fR", _plain(about)]
    lines += [".PP", "Those of \\fBmountfs\\-mount\\fR(1):", ".PP", ".nf", *map(_plain, options.splitlines())]
    lines += [".fi", ".SH SEE ALSO", ".BR mountfs\\-mount (1), mount (8), fstab (5)"]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text as troff prints it: no line of it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", "\\\\&", text, flags=re.MULTILINE)


def main(words: Sequence[str]) -> None:
    """Write the pages below the folder that is given."""
    if len(words) != 1:
        sys.exit("usage: python -m mountfs.cli.manual DIR")
    print(f"{len(write(Path(words[0])))} pages below {words[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
