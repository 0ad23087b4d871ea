"""The steps from an empty store to the present schema, run by Alembic.

Found by package, not by folder, so that it works from wherever the code lies.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError

from yipyap_core.stores.engine import StoreTooNew


def configuration(connection: sa.Connection | None = None) -> Config:
    """Alembic's settings without a file of their own; `connection` is what `env.py` uses."""
    config = Config()
    config.set_main_option("script_location", "yipyap_core.stores:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: sa.Connection, revision: str) -> None:
    """Run the missing steps inside the caller's transaction; raises `StoreTooNew`."""
    try:
        command.upgrade(configuration(connection), revision)
    except CommandError as error:
        raise StoreTooNew("The store was made by a later version of this server.") from error
