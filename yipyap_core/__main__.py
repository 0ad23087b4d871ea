"""Accounts from the machine itself: `python -m yipyap_core users ...`, also while the server runs.

Whoever may read the state folder may administer; the same rules hold as in the dashboard. Exit
status: 0 done, 1 refused with the reason on stderr, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Sequence

from yipyap_core.domain.users import SYSTEM, Role, User
from yipyap_core.errors import Invalid, YipyapError
from yipyap_core.services.accounts.service import AccountsService, open_accounts
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

ROLES = [role.value for role in Role]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    settings = Settings()
    engine = open_engine(settings.store_url)
    try:
        migrate(engine)
        options.run(open_accounts(settings, engine), options)
    except YipyapError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands; passwords are never arguments, since other users can read those."""
    top = argparse.ArgumentParser(
        prog="python -m yipyap_core", description="yipyap on this machine."
    )
    topics = top.add_subparsers(required=True, metavar="topic")
    users = topics.add_parser("users", help="accounts of the dashboard and the API")
    commands = users.add_subparsers(required=True, metavar="command")
    add = _command(commands, "add", _add, "make an account")
    add.add_argument("--name", default="", help="name to show; the default is the username")
    add.add_argument("--role", choices=ROLES, default=Role.USER.value)
    _password_option(add)
    role = _command(commands, "role", _role, "change what a user may do")
    role.add_argument("role", choices=ROLES)
    _command(commands, "disable", _disable, "lock an account; its sessions end at once")
    _command(commands, "enable", _enable, "unlock an account")
    _password_option(_command(commands, "reset-password", _reset, "set a new password"))
    _command(commands, "remove", _remove, "delete an account and its tokens")
    listing = commands.add_parser("list", help="every account")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_list)
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: object,
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
    command.add_argument("username")
    command.set_defaults(run=run)
    return command


def _password_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )


def _add(accounts: AccountsService, options: argparse.Namespace) -> None:
    password = _password(options)
    user = accounts.add_user(SYSTEM, options.username, options.name, Role(options.role), password)
    print(f"Added {_described(user)}.")


def _role(accounts: AccountsService, options: argparse.Namespace) -> None:
    user = accounts.update_user(SYSTEM, options.username, role=Role(options.role))
    print(f"Changed {_described(user)}.")


def _disable(accounts: AccountsService, options: argparse.Namespace) -> None:
    user = accounts.update_user(SYSTEM, options.username, disabled=True)
    print(f"Disabled {_described(user)}.")


def _enable(accounts: AccountsService, options: argparse.Namespace) -> None:
    user = accounts.update_user(SYSTEM, options.username, disabled=False)
    print(f"Enabled {_described(user)}.")


def _reset(accounts: AccountsService, options: argparse.Namespace) -> None:
    user = accounts.update_user(SYSTEM, options.username, password=_password(options))
    print(f"Set a new password for {_described(user)}; every session of theirs has ended.")


def _remove(accounts: AccountsService, options: argparse.Namespace) -> None:
    accounts.remove_user(SYSTEM, options.username)
    print(f"Removed {options.username}.")


def _list(accounts: AccountsService, options: argparse.Namespace) -> None:
    users = accounts.users(SYSTEM)
    if options.json:
        rows = [
            {"username": one.username, "name": one.name, "role": one.role, "disabled": one.disabled}
            for one in users
        ]
        print(json.dumps(rows))
        return
    width = max((len(one.username) for one in users), default=0)
    for one in users:
        state = "disabled" if one.disabled else "active"
        print(f"{one.username:<{width}}  {one.role.value:<5}  {state:<8}  {one.name}")


def _password(options: argparse.Namespace) -> str:
    """Read the password from standard input or ask twice; raises `Invalid`."""
    if options.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password.", hint="Add --password-stdin.")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise Invalid("The two passwords differ.", hint="Nothing was changed; try again.")
    return first


def _described(user: User) -> str:
    return f"{user.username} ({user.role.value}{', disabled' if user.disabled else ''})"


if __name__ == "__main__":
    sys.exit(main())
