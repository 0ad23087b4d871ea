"""Which names an account may have; the same rule for form, API, command line and environment."""

from __future__ import annotations

import re

from yipyap_core.errors import InvalidName

MAX_USERNAME = 64
MAX_NAME = 128
USERNAME = re.compile(rf"^[a-z0-9][a-z0-9._@+-]{{0,{MAX_USERNAME - 1}}}$")
POSSIBLE = "letters a-z, digits and . _ @ + -"
RESERVED = frozenset({"system"})
"""Names under which the server itself acts."""

NOBODY = "?"
"""What a name becomes that no account can have."""


def stored_form(username: str) -> str:
    """Fold what a person typed to the form in which accounts are stored, or to `NOBODY`."""
    folded = username.strip().lower()
    return folded if USERNAME.fullmatch(folded) else NOBODY


def checked_username(username: str) -> str:
    """Fold the name of a new account; raises `InvalidName`."""
    typed = username.strip().lower()
    if refused := _username_problem(typed):
        raise _invalid("username", *refused)
    return typed


def checked_name(name: str) -> str:
    """Trim a display name; raises `InvalidName`."""
    trimmed = name.strip()
    if refused := _name_problem(trimmed):
        raise _invalid("name", *refused)
    return trimmed


def _username_problem(typed: str) -> tuple[str, str] | None:
    """What is wrong with a folded username, and what to do about it."""
    if not typed:
        return "The username is missing.", f"Choose 1 to {MAX_USERNAME} of {POSSIBLE}"
    if len(typed) > MAX_USERNAME:
        return f"A username has at most {MAX_USERNAME} characters.", _shorten(typed, MAX_USERNAME)
    if wrong := [sign for sign in dict.fromkeys(typed) if not USERNAME.fullmatch(f"a{sign}")]:
        listed = " ".join(map(repr, wrong))
        return f"A username is made of {POSSIBLE}", f"Leave out or replace {listed}"
    if not USERNAME.fullmatch(typed):
        return "A username begins with a letter or a digit.", "Put one in front."
    if typed in RESERVED:
        return f"The server itself acts under the name {typed}.", "Choose another name."
    return None


def _name_problem(trimmed: str) -> tuple[str, str] | None:
    """What is wrong with a display name, and what to do about it."""
    if not trimmed:
        return "The display name is missing.", f"Choose 1 to {MAX_NAME} characters."
    if len(trimmed) > MAX_NAME:
        return f"A display name has at most {MAX_NAME} characters.", _shorten(trimmed, MAX_NAME)
    if not trimmed.isprintable():
        return (
            "A display name is one line without control characters.",
            "Type it instead of pasting it.",
        )
    return None


def _shorten(text: str, limit: int) -> str:
    return f"Make it shorter by {len(text) - limit}."


def _invalid(field: str, reason: str, hint: str) -> InvalidName:
    return InvalidName(reason, fields={field: reason}, hint=hint)
