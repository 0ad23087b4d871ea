"""Words for who somebody is."""

from __future__ import annotations

from typing import Final

from yipyap_core.domain.users import Role

ROLE_NAMES: Final = {Role.ADMIN: "Administrator", Role.USER: "User", Role.GUEST: "Guest"}
ROLE_PURPOSES: Final = {
    Role.ADMIN: "manages models, downloads, the cache and users",
    Role.USER: "may run models once administrators have opened that",
    Role.GUEST: "may only sign in and look at the home page",
}
