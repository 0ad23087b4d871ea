"""Writes `migrations/versions/0001_first.py` anew from the tables in `stores/schema.py`.

Run it after a change of the schema, as long as no release has been made:
`.venv/bin/python -m scripts.first_migration`. Later changes get a migration of their own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext

from yipyap_core.stores import migrations
from yipyap_core.stores.schema import Moment, metadata

TARGET = Path(migrations.__file__).parent / "versions" / "0001_first.py"

TEMPLATE = '''"""Every table of the first version; `python -m scripts.first_migration` writes it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''


def rendered() -> str:
    """The migration's source, unformatted, as the schema of this moment asks for."""
    with sa.create_engine("sqlite://").connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        operations = produce_migrations(context, metadata)
    assert operations.upgrade_ops is not None
    assert operations.downgrade_ops is not None
    return TEMPLATE.format(
        upgrade=render_python_code(operations.upgrade_ops, render_item=_render_item),
        downgrade=render_python_code(operations.downgrade_ops, render_item=_render_item),
    )


def _render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Name plain types only, so that an old migration needs no class of the product."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, Moment) else False


def main() -> None:
    """Write the file and format it."""
    lines = [line for line in rendered().splitlines() if not line.lstrip().startswith("#")]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--fix", "-q", str(TARGET)], check=False)
    subprocess.run([*ruff, "format", "-q", str(TARGET)], check=True)


if __name__ == "__main__":
    main()
