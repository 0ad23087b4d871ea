"""Every table, in one place; `migrations/` brings a store from nothing to this.

Moments are stored in UTC without an offset (SQLite has none) and leave the stores aware.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[dt.datetime]):
    """An aware UTC `datetime` with microseconds, whatever the database knows of zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:  # noqa: ARG002
        """Store UTC without an offset; refuse naive values."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:  # noqa: ARG002
        """Give back an aware value."""
        return None if value is None else value.replace(tzinfo=dt.UTC)


users = sa.Table(
    "users",
    metadata,
    sa.Column("username", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password_hash", sa.String(128), nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("last_sign_in", Moment),
    sa.Column("valid_after", Moment, nullable=False),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("username", sa.String(64), nullable=False, index=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("last_used_at", Moment),
)

sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("subject", sa.String(200), primary_key=True),  # user:<name> or address:<ip>
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_failure", Moment, nullable=False),
    sa.Column("blocked_until", Moment),
)

registered_models = sa.Table(
    "registered_models",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(300), nullable=False),
    sa.Column("live_key", sa.String(340), unique=True),  # kind:subject while live, else null
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("phase", sa.String(32), nullable=False),
    sa.Column("bytes_done", sa.BigInteger, nullable=False),
    sa.Column("bytes_total", sa.BigInteger, nullable=False),
    sa.Column("files_done", sa.Integer, nullable=False),
    sa.Column("files_total", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("finished_at", Moment),
    sa.Column("not_before", Moment),
    sa.Column("failure", sa.JSON),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("current_file", sa.Text),
    sa.Column("speed_bps", sa.Float, nullable=False, server_default="0"),
    sa.Column("fetched_bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("active_seconds", sa.Float, nullable=False, server_default="0"),
    sa.Column("owner", sa.String(200)),  # the process that runs it, while it runs
    sa.Column("lease_until", Moment),  # past: the owner is dead
    sa.Column("wanted", sa.String(16)),  # what another process asks of the owner
    sa.Index("ix_jobs_kind_subject", "kind", "subject"),
)

job_documents = sa.Table(
    "job_documents",
    metadata,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("document", sa.JSON, nullable=False),  # large values, read only when asked for
)

job_events = sa.Table(
    "job_events",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("job_id", sa.String(32), nullable=False, index=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)

verified_blobs = sa.Table(
    "verified_blobs",
    metadata,
    sa.Column("etag", sa.String(64), primary_key=True),
    sa.Column("repo_folder", sa.String(300), primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("verified_at", Moment, nullable=False),
)

config_versions = sa.Table(
    "config_versions",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("saved", sa.JSON, nullable=False),
)

cache_plans = sa.Table(
    "cache_plans",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
)

cache_scans = sa.Table(
    "cache_scans",
    metadata,
    sa.Column("cache_dir", sa.String(1000), primary_key=True),
    sa.Column("scanned_at", Moment, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
)

model_uses = sa.Table(
    "model_uses",
    metadata,
    sa.Column("repo_folder", sa.String(300), primary_key=True),
    sa.Column("last_used_at", Moment, nullable=False),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
)
