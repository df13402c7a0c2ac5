# SPDX-License-Identifier: MIT
"""The command itself: which groups there are, and how an error becomes one line and an exit code."""

import os
import sys

import click

from imapd.configuration import EXIT_CONFIG, ConfigError
from imapd.errors import MailError
from imapd.operator.checking import check
from imapd.operator.doors import unblock_ip, unlock_user
from imapd.operator.groups import group
from imapd.operator.people import alias, mailbox, user
from imapd.operator.quotas import quota
from imapd.operator.server import check_config, commands, demo, migrate, serve
from imapd.operator.sharing import share
from imapd.operator.tenants import domain, org
from imapd.operator.transfer import export, import_
from imapd.operator.watching import audit_, gc, session
from imapd.storage.schema import SchemaError

EXIT_FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """IMAP server for organisations whose people have addresses in several domains."""


for command in (
    serve, demo, migrate, check_config, commands, org, domain, user, mailbox, alias, group, share, quota,
    session, audit_, import_, export, check, gc,
):  # fmt: skip
    cli.add_command(command)
user.add_command(unlock_user)
session.add_command(unblock_ip)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and exits: 0, 1 failed, 2 wrong usage, 78 wrong configuration."""
    _prepare_streams()
    try:
        code = cli.main(arguments, prog_name="imapd", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        code = _say_usage(error)
    except (click.Abort, KeyboardInterrupt):
        code = _say("stopped", 130)
    except ConfigError as error:
        code = _say(str(error), EXIT_CONFIG)
    except UnicodeDecodeError:  # not to be shown: it may be a password
        code = _say("What was typed is not UTF-8.", EXIT_FAILED)
    except UnicodeEncodeError as error:  # in an argument, before the database is asked
        code = _say(f"{error.object[error.start : error.end]!r} is not {error.encoding.upper()}", EXIT_FAILED)
    except (MailError, SchemaError, ValueError) as error:
        code = _say(str(error), EXIT_FAILED)
    except BrokenPipeError:  # `| head` has read enough
        code = 0
        _end_output()
    except OSError as error:
        what = error.strerror or str(error)
        code = _say(f"{error.filename}: {what}" if error.filename else what, EXIT_FAILED)
        _end_output()
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_streams() -> None:
    """What was closed when we were started leads nowhere, here and in what we start. What is typed is read whatever it
    is: who needs UTF-8 says so, without showing it."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            os.set_inheritable(nowhere.fileno(), True)
            setattr(sys, name, nowhere)
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]


def _end_output() -> None:
    """Where standard output takes no more, Python must not try once more when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say_usage(error: click.ClickException) -> int:
    """What is wrong with the command line in one line, and where it stands how it would be right."""
    if type(error).__name__ == "NoArgsIsHelpError":  # of click 8.2: whoever says nothing is told all
        error.show()
        return error.exit_code
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return _say(f"{text.removesuffix('.')}; see: {context.command_path} --help" if context else text, error.exit_code)


def _say(text: str, code: int) -> int:
    click.echo(f"imapd: {text}", err=True)
    return code
