"""The command line. A command parses, calls one function and prints; everything else lies below.

Modules are imported when their command runs, so that ``mountfs --help`` is quick and works on a machine that
has only one half of mountfs installed.

`EXITS` is the one table that turns what happened into an exit code and into what to do next. Scripts rely on
the codes; docs/reference.md lists them.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import click
from click.shell_completion import CompletionItem

from mountfs import errors
from mountfs.names import printable

OK = 0
UNEXPECTED = 1
USAGE = 2
NOT_FOUND = 3
REFUSED = 4
INCOMPLETE = 5
DAMAGED = 6
PROJECT_FILE = 7
MOUNT = 8
SETTINGS = 9
UNAVAILABLE = 10
TIME_IS_UP = 11
NOT_LOGGED_IN = 12
STOPPED = 130
NOBODY_READS = 141

MEANINGS: dict[int, str] = {
    OK: "done",
    UNEXPECTED: "something nobody foresaw; --debug shows where",
    USAGE: "the command line is wrong",
    NOT_FOUND: "no such file, folder, project or user (or not for these eyes)",
    REFUSED: "not permitted, or the name is not available",
    INCOMPLETE: "finished, but what is listed needs attention",
    DAMAGED: "content is damaged or missing; what is listed is affected, nothing else",
    PROJECT_FILE: "the project file, or the studio's folder, cannot be used, or not in this way",
    MOUNT: "mounting or unmounting did not work, or the mount cannot do this",
    SETTINGS: "the configuration or the installation is at fault",
    UNAVAILABLE: "a disk, the chunk storage, the studio or the mount's daemon did not answer",
    TIME_IS_UP: "the time given has passed before it was finished; it goes on in the mount",
    NOT_LOGGED_IN: "nobody is logged in at the studio, or the session has ended",
    STOPPED: "stopped by Ctrl-C; everything is consistent, run it again to go on",
    NOBODY_READS: "whatever read the output went away",
}
"""Every exit code of every command."""


class Missing(errors.NotFound):
    """It is not there, and the text says itself where to look."""


class Exit(NamedTuple):
    """How a command ends because of an error: its exit code, and what the person can do."""

    code: int
    advice: str


EXITS: dict[type[BaseException], Exit] = {
    errors.NotFound: Exit(NOT_FOUND, "Look with mountfs ls what is there."),
    Missing: Exit(NOT_FOUND, ""),
    errors.UserUnknown: Exit(NOT_FOUND, "mountfs user list PROJECT.clst lists who there is."),
    errors.Refused: Exit(REFUSED, ""),
    errors.NotPermitted: Exit(REFUSED, "An admin of the project can change your role."),
    errors.NotAssigned: Exit(REFUSED, "Its assignee, or whoever may assign it, can help."),
    errors.LostRace: Exit(REFUSED, "Look at the newest version, then try again."),
    errors.ContentError: Exit(DAMAGED, "mountfs verify PROJECT.clst lists everything that is affected."),
    errors.QuotaExceeded: Exit(REFUSED, "mountfs status MOUNT shows what takes the room."),
    errors.LocalStateError: Exit(UNAVAILABLE, "mountfs doctor looks at disks and folders."),
    errors.ProjectFileError: Exit(PROJECT_FILE, ""),
    errors.ProjectBusy: Exit(PROJECT_FILE, "Try again when the other program has finished."),
    errors.StudioDataError: Exit(PROJECT_FILE, ""),
    errors.StorageUnavailable: Exit(UNAVAILABLE, "mountfs doctor PROJECT.clst looks at disks and folders."),
    errors.StudioUnavailable: Exit(UNAVAILABLE, "Is the address right, and the network there? Try again."),
    errors.TooMany: Exit(UNAVAILABLE, ""),
    errors.WireError: Exit(UNAVAILABLE, "Is this the address of a studio, of about this version?"),
    errors.Unauthenticated: Exit(NOT_LOGGED_IN, ""),
    errors.KeyringUnavailable: Exit(SETTINGS, ""),
    errors.LimitExceeded: Exit(REFUSED, ""),
    errors.AddressInvalid: Exit(UNAVAILABLE, "Try again."),
    errors.DeadlineExceeded: Exit(UNAVAILABLE, "Try again; mountfs doctor looks for the cause."),
    errors.MountError: Exit(MOUNT, ""),
    errors.ConfigError: Exit(SETTINGS, ""),
    errors.MountfsError: Exit(UNEXPECTED, ""),
    FileNotFoundError: Exit(NOT_FOUND, "Is the name spelled right?"),
    UnicodeEncodeError: Exit(USAGE, "Type it where the terminal and the locale are set to UTF-8."),
    NotADirectoryError: Exit(NOT_FOUND, "It should be a folder."),
    FileExistsError: Exit(REFUSED, "Choose another name, or move away what is there."),
    PermissionError: Exit(REFUSED, "You may not read or write this; ls -l shows who may."),
    OSError: Exit(UNAVAILABLE, ""),
    KeyboardInterrupt: Exit(STOPPED, "Everything is consistent; run it again to go on."),
    Exception: Exit(UNEXPECTED, "This is a fault in mountfs: please report it with what --debug shows."),
}
"""What happened → how the command ends. The nearest class of an error counts."""

# Packages of the extras → the extra that brings them.
EXTRAS = {
    "sqlalchemy": "project",
    "pyfuse3": "mount",
    **dict.fromkeys(("argon2", "fastapi", "starlette", "uvicorn"), "studio"),
}

COMMANDS = {
    "init": ("mountfs.cli.init", "Make a new, empty project file."),
    "import": ("mountfs.cli.import_", "Take a folder's files into a project."),
    "login": ("mountfs.cli.login", "Log in at a studio."),
    "logout": ("mountfs.cli.logout", "Log out at a studio."),
    "whoami": ("mountfs.cli.whoami", "List your accounts at studios."),
    "sessions": ("mountfs.cli.sessions", "List where you are logged in, and end sessions."),
    "mount": ("mountfs.cli.mount", "Show a project as a folder."),
    "umount": ("mountfs.cli.umount", "End a mount."),
    "ls": ("mountfs.cli.ls", "List a folder of a project."),
    "log": ("mountfs.cli.log", "List the versions of a file, newest first."),
    "show": ("mountfs.cli.show", "Tell everything about a file or folder."),
    "user": ("mountfs.cli.user", "List, add and remove the people of a project; give them roles."),
    "role": ("mountfs.cli.role", "Say what the roles of a project allow."),
    "template": ("mountfs.cli.template", "Say what new files can begin with."),
    "new": ("mountfs.cli.new", "Make a planned file, or a table of them, perhaps from a template."),
    "assign": ("mountfs.cli.assign", "Give somebody tasks, or folders to work in."),
    "unassign": ("mountfs.cli.unassign", "Take tasks or folders back."),
    "library": ("mountfs.cli.library", "Share folders with everybody in the project."),
    "depend": ("mountfs.cli.depend", "Say what a file needs, so that it is seen, too."),
    "mark": ("mountfs.cli.mark", "Say how far a file is: wip, done and so on."),
    "comment": ("mountfs.cli.comment", "Say something of a version."),
    "tag": ("mountfs.cli.tag", "Put words on files, and find files by them."),
    "mine": ("mountfs.cli.mine", "List what is assigned to you."),
    "access": ("mountfs.cli.access", "Tell who sees a file, what they may do, and why."),
    "status": ("mountfs.cli.status", "Show what a mount has not sent yet, and why."),
    "wait": ("mountfs.cli.wait", "Wait until what was saved is a version."),
    "checkpoint": ("mountfs.cli.checkpoint", "Make a version of a file now, with a comment."),
    "retry": ("mountfs.cli.retry", "Send again what was refused."),
    "discard": ("mountfs.cli.discard", "Give up local changes of a file; they are kept for 7 days."),
    "track": ("mountfs.cli.track", "Let a local file become part of the project."),
    "untrack": ("mountfs.cli.untrack", "Keep a new file on this machine."),
    "pin": ("mountfs.cli.pin", "Keep content of a studio on this machine."),
    "unpin": ("mountfs.cli.unpin", "Let what was pinned go again."),
    "evict": ("mountfs.cli.evict", "Remove content of a studio from this machine."),
    "revert": ("mountfs.cli.revert", "Make an old version of a file the newest again."),
    "diff": ("mountfs.cli.diff", "Say what is different between two versions of a file."),
    "trash": ("mountfs.cli.trash", "Put a file or folder into the trash, or list what is there."),
    "restore": ("mountfs.cli.restore", "Bring a file or folder back from the trash."),
    "undo": ("mountfs.cli.undo", "Take back what somebody did since a moment."),
    "export": ("mountfs.cli.export", "Write a project's files into an ordinary folder, verified."),
    "backup": ("mountfs.cli.backup", "Copy a project as it is now to another file, verified."),
    "clone": ("mountfs.cli.clone", "Make a project of one's own, with all that is visible in another."),
    "convert": ("mountfs.cli.convert", "Keep a project's content in its file, or as files in a folder."),
    "du": ("mountfs.cli.du", "Show where the room of a project goes."),
    "thin": ("mountfs.cli.thin", "Put old versions into the trash, so that fewer are kept."),
    "gc": ("mountfs.cli.gc", "Remove content that nothing names any more."),
    "purge": ("mountfs.cli.purge", "Remove what is in the trash, for good."),
    "verify": ("mountfs.cli.verify", "Check every byte that a project has recorded."),
    "doctor": ("mountfs.cli.doctor", "Look for what is wrong on this machine, and say what mends it."),
    "studio": ("mountfs.cli.studio", "Serve projects to many people, and manage who they are."),
    "completion": ("mountfs.cli.completion", "Let the shell complete commands with the Tab key."),
}
"""Name → module with a click command ``command``, and the line that ``mountfs --help`` shows."""


class NobodyReads(Exception):
    """The reader of the output has gone: BrokenPipeError under a name that click does not catch."""


_A_PATH = re.compile(r"PATH|MOUNT|FILE|DIR|\.clst|\bON\b")
"""What stands for a path in the form of a command."""


class PathText(click.types.StringParamType):
    """Text that names a file in one of our ways; the shell knows how to complete most of them."""

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        param: click.Parameter,  # noqa: ARG002  # click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Have the shell complete a file's name."""
        return [CompletionItem(incomplete, type="file")]


def leave_paths_to_the_shell(command: click.Command) -> None:
    """Let the Tab key complete arguments that are paths, of a command and of those that it groups."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        leave_paths_to_the_shell(below)
    for parameter in command.params:
        if parameter.type is click.STRING and _A_PATH.search(str(parameter.metavar)):
            parameter.type = PathText()


class Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """The command of this name. ImportError names a missing extra."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        leave_paths_to_the_shell(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What the Tab key offers, without importing a command."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        names = (name for name in COMMANDS if name.startswith(incomplete))
        return [*(CompletionItem(name, help=COMMANDS[name][1]) for name in names), *options]

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """As click does, which prints help from here."""
        try:
            return super().make_context(*args, **more)
        except BrokenPipeError as exc:
            raise NobodyReads from exc

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as exc:
            raise NobodyReads from exc

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mountfs", message="%(package)s %(version)s")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def mountfs(debug: bool) -> None:
    """Mount a creative studio's versioned assets as ordinary files.

    A project is one file, NAME.clst. Begin with these three:

    \b
      mountfs init film.clst
      mountfs import ~/film film.clst
      mountfs mount film.clst ~/mnt

    PATH is a path inside a mount, or PROJECT.clst:/path/in/the/project.

    Every command ends with 0 when it is done; mountfs COMMAND --help lists its other exit codes.
    """


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code. Nothing a person does ends in a traceback."""
    given = list(sys.argv[1:] if args is None else args)
    _open_what_is_closed()
    # Text that this terminal's encoding lacks is spelled out instead of ending the command.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = mountfs.main(given, prog_name="mountfs", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        code = exc.exit_code
    except click.ClickException as exc:
        code = wrong_line(exc)
    except (BrokenPipeError, NobodyReads):
        # As with any other program in a pipe: quiet. Python must not try to flush again on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        code = NOBODY_READS
    except (Exception, KeyboardInterrupt, click.Abort) as exc:  # noqa: BLE001  # the last boundary: EXITS
        code = report(exc, debug="--debug" in given)
    sys.exit(code if isinstance(code, int) else OK)


def _open_what_is_closed() -> None:
    """Let ``>&-`` mean what ``>/dev/null`` does: Python has no stream then, and a file of the project would
    get the descriptor, to be written what is meant for a terminal."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            # It stays open for the life of the process.
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def wrong_line(exc: click.ClickException) -> int:
    """Tell in one line of stderr what is wrong with a command line, and where to look; the exit code."""
    if isinstance(exc, click.exceptions.NoArgsIsHelpError):
        exc.show()  # nothing is wrong: somebody wants to know what there is
        return exc.exit_code
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    said = sentence(errors.MountfsError(exc.format_message()))
    click.echo(f"mountfs: {said} See {context.command_path if context else 'mountfs'} --help", err=True)
    return exc.exit_code


def report(exc: BaseException, *, debug: bool = False) -> int:
    """Tell what happened and what to do, on one line of stderr; the exit code for it."""
    if debug:
        traceback.print_exception(exc)
    if isinstance(exc, click.Abort):
        exc = KeyboardInterrupt()
    if isinstance(exc, OSError) and exc.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        exc = FileNotFoundError(*exc.args)  # no file can be there
    code, advice = next(EXITS[kind] for kind in type(exc).__mro__ if kind in EXITS)
    if isinstance(exc, ImportError) and (extra := EXTRAS.get((exc.name or "").partition(".")[0])):
        code, advice = SETTINGS, f"Install it: pip install 'mountfs[{extra}]'"
    click.echo(f"mountfs: {sentence(exc)} {advice}".rstrip(), err=True)
    return code


def sentence(exc: BaseException) -> str:
    """An error's text as one sentence that a terminal can show."""
    if isinstance(exc, KeyboardInterrupt):
        text = "stopped"
    elif isinstance(exc, OSError) and exc.strerror:
        text = f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
    elif isinstance(exc, UnicodeEncodeError):
        text = "a name on the command line is no text in UTF-8"
    elif isinstance(exc, ImportError) and exc.name:
        text = f"the Python package {exc.name} is not installed"
    elif isinstance(exc, errors.MountfsError):
        text = str(exc) or type(exc).__name__
    else:
        text = f"{type(exc).__name__}: {exc}"
    text = " ".join(printable(line) for line in text.splitlines() if line.strip())
    return text if text.endswith((".", "!", "?")) else text + "."
