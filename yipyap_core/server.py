"""The life of the server process: what starts with it, what it says, and what ends with it."""

from __future__ import annotations

import gc
import importlib
import itertools
import logging
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from streamlit.config import get_option

from yipyap_core.bootstrap import build
from yipyap_core.errors import Invalid, YipyapError
from yipyap_core.listening import answer_at_once
from yipyap_core.services.accounts.service import AccountsService
from yipyap_core.services.cache.upkeep import CacheUpkeep
from yipyap_core.settings import Settings, read_settings
from yipyap_core.ui import theme_message

COLLECT_SECONDS = 180.0
"""Streamlit's collection after every run is off; this often we collect instead."""
UPKEEP_SECONDS = 600.0
"""How often the cache's trash is looked after."""
PRESSURE_SECONDS = 10.0
"""How long the trash may keep a volume full."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Hold the services for as long as the server runs."""
    answer_at_once()
    theme_message.keep()
    application = build(read_settings())
    application.start()
    settings, accounts = application.services.settings, application.services.accounts
    sys.stdout.write(f"\n{welcome(settings, accounts, _base_url(settings))}\n")
    sys.stdout.flush()
    stopping = threading.Event()
    upkeep = partial(keep_house, stopping, application.services.cache.upkeep)
    for target in (_warm_up, partial(_collect_garbage, stopping), upkeep):
        threading.Thread(target=target, daemon=True).start()
    try:
        yield
    finally:
        stopping.set()
        application.stop()


def welcome(settings: Settings, accounts: AccountsService, base_url: str) -> str:
    """Make the first administrator that the environment names, or the link to do it by hand.

    Returns the words for the terminal; the link works once, until the first user exists.
    """
    refused = _refused_administrator(settings, accounts)
    code = accounts.setup_code()
    if code is None:
        return f"yipyap Model Management: {base_url}"
    link = f"{base_url}/?setup={code}"
    sentence = "No user exists yet. Open this link once to make the first administrator:"
    return f"{refused}{sentence}\n  {link}"


def _refused_administrator(settings: Settings, accounts: AccountsService) -> str:
    """Make the administrator of the environment; returns why not, where it cannot be."""
    name, password = settings.admin_username, settings.admin_password
    if not name or not password:
        return ""
    try:
        accounts.create_first_administrator(name, password.get_secret_value())
    except Invalid as error:
        variables = "YIPYAP_ADMIN_USERNAME and YIPYAP_ADMIN_PASSWORD"
        return f"{variables} made no administrator: {error.message} {error.hint}\n"
    return ""


def _base_url(settings: Settings) -> str:
    """Where this very server listens, unless YIPYAP_PUBLIC_URL says how browsers reach it."""
    address = get_option("server.address") or settings.host
    listening = settings.model_copy(update={"host": address, "port": get_option("server.port")})
    return listening.base_url


def _warm_up() -> None:
    """Import what the first visitor would otherwise wait for.

    Not streamlit_authenticator itself: its component registers only when imported in a session.
    """
    for name in ("pandas", "captcha.image", "cryptography", "huggingface_hub"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def keep_house(stopping: threading.Event, upkeep: CacheUpkeep) -> None:
    """Look after the trash now and then, and at a volume that others fill up in between."""
    looks = int(UPKEEP_SECONDS / PRESSURE_SECONDS) - 1
    for due in itertools.cycle([upkeep.run, *itertools.repeat(upkeep.make_room, looks)]):
        try:
            due()
        except (YipyapError, OSError):
            log.exception("the trash of the cache could not be looked after; tried again later")
        if stopping.wait(PRESSURE_SECONDS):
            return


def _collect_garbage(stopping: threading.Event) -> None:
    while not stopping.wait(COLLECT_SECONDS):
        gc.collect()
