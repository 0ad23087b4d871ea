"""Which names an account may have; the same rule for form, API, command line and environment."""

from __future__ import annotations

import re

from yipyap_core.errors import InvalidName

USERNAME = re.compile(r"^[a-z0-9][a-z0-9._@+-]{0,63}$")
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
    folded = stored_form(username)
    if folded == NOBODY or folded in RESERVED:
        raise InvalidName(
            "A username has 1 to 64 characters: letters a-z, digits, and after the first also"
            " . _ @ + - ; the name system is taken.",
            fields={"username": "This cannot be a username."},
        )
    return folded


def checked_name(name: str) -> str:
    """Trim a display name; raises `InvalidName`."""
    trimmed = name.strip()
    if not (0 < len(trimmed) <= 128 and trimmed.isprintable()):
        raise InvalidName(
            "A name has 1 to 128 printable characters.", fields={"name": "This cannot be a name."}
        )
    return trimmed
