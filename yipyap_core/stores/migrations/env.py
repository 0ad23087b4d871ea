"""What Alembic runs for each command: the caller's connection and transaction, nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from yipyap_core.stores.schema import metadata


def run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        compare_type=True,
        compare_server_default=True,
    )
    context.run_migrations()


run(context.config.attributes["connection"])
