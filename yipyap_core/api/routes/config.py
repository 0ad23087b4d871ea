"""Settings of every family: read, change, undo, and all of them as one document."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from yipyap_core.api.access import Caller, Current
from yipyap_core.domain.configs import ConfigView, HistoryEntry, ImportReport, ValueSource
from yipyap_core.errors import PreconditionFailed

router = APIRouter(tags=["configuration"])

_VERSION = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')


class ConfigAnswer(BaseModel):
    """One configuration with the origin of every value."""

    name: str
    title: str
    version: int = Field(description="0 until something is saved; each save is one higher.")
    config: dict[str, Any] = Field(description="What counts now.")
    defaults: dict[str, Any]
    saved: dict[str, Any] = Field(description="What somebody set; the rest follows the defaults.")
    sources: dict[str, ValueSource]
    variables: dict[str, str] = Field(description="Field -> environment variable that holds it.")
    problems: dict[str, str] = Field(description="Field -> why its value is not used or fails.")
    json_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema of the fields.")
    updated_at: dt.datetime | None
    updated_by: str | None

    @classmethod
    def of(cls, view: ConfigView) -> ConfigAnswer:
        """Copy the fields of the contract."""
        return cls.model_validate(view, from_attributes=True)


class AllConfigs(BaseModel):
    """Every configuration, in the order of the pages."""

    total: int
    configs: list[ConfigAnswer]


class VersionAnswer(BaseModel):
    """One version of a configuration and what it changed."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    at: dt.datetime
    actor: str
    action: str
    changes: dict[str, tuple[Any, Any]] = Field(description="Field -> [from, to].")
    config: dict[str, Any] = Field(description="Every field as this version left it.")

    @classmethod
    def of(cls, entry: HistoryEntry) -> VersionAnswer:
        """Copy the fields of the contract."""
        return cls.model_validate(entry)


class HistoryAnswer(BaseModel):
    """What changed, newest first."""

    versions: list[VersionAnswer]


class Applied(BaseModel):
    """One field that an import changes."""

    name: str
    field: str
    before: Any = Field(alias="from")
    after: Any = Field(alias="to")


class Skipped(BaseModel):
    """One field that an import leaves alone."""

    name: str
    field: str
    reason: str


class ImportAnswer(BaseModel):
    """What an import did or, with `dry_run`, would do."""

    applied: list[Applied]
    skipped: list[Skipped]
    versions: dict[str, int] = Field(description="Configuration -> its version afterwards.")
    dry_run: bool

    @classmethod
    def of(cls, report: ImportReport) -> ImportAnswer:
        """Copy the fields of the contract."""
        return cls(
            applied=[
                Applied.model_validate(
                    {"name": one.name, "field": one.field, "from": one.before, "to": one.after}
                )
                for one in report.applied
            ],
            skipped=[
                Skipped(name=one.name, field=one.field, reason=one.reason) for one in report.skipped
            ],
            versions=dict(report.versions),
            dry_run=report.dry_run,
        )


def _expected_version(
    if_match: Annotated[
        str | None, Header(description="Version that must still be the newest, bare or quoted.")
    ] = None,
) -> int | None:
    """Read `If-Match`: a version as our ETags name it, or `*` for any."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _VERSION.fullmatch(if_match.strip())
    if found is None:
        raise PreconditionFailed(
            f"If-Match names no version of this configuration: {if_match[:80]!r}.",
            hint="Send the version of the last answer, bare or in quotes.",
        )
    return int(found[1])


ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
Values = Annotated[dict[str, Any], Body(description="Any subset of the fields.")]


def _answer(view: ConfigView, response: Response) -> ConfigAnswer:
    response.headers["ETag"] = f'"{view.version}"'
    return ConfigAnswer.of(view)


@router.get("/captioner-config")
def read_all(services: Current, caller: Caller) -> AllConfigs:
    """Read every configuration."""
    views = services.configuration.all(caller)
    return AllConfigs(total=len(views), configs=[ConfigAnswer.of(view) for view in views])


@router.get("/captioner-config/{name}")
def read_one(name: str, services: Current, caller: Caller, response: Response) -> ConfigAnswer:
    """Read one configuration."""
    return _answer(services.configuration.get(caller, name), response)


@router.put("/captioner-config/{name}")
def update(
    name: str,
    values: Values,
    services: Current,
    caller: Caller,
    expected: ExpectedVersion,
    response: Response,
) -> ConfigAnswer:
    """Set some fields; loaded engines take them in their next request."""
    view = services.configuration.update(caller, name, values, expected_version=expected)
    return _answer(view, response)


@router.post("/captioner-config/{name}/reset")
def reset(
    name: str, services: Current, caller: Caller, expected: ExpectedVersion, response: Response
) -> ConfigAnswer:
    """Return to the defaults, as a new version."""
    view = services.configuration.reset(caller, name, expected_version=expected)
    return _answer(view, response)


@router.get("/captioner-config/{name}/history")
def history(name: str, services: Current, caller: Caller, response: Response) -> HistoryAnswer:
    """Read who changed what, newest first."""
    versions = services.configuration.history(caller, name)
    response.headers["ETag"] = f'"{versions[0].version if versions else 0}"'
    return HistoryAnswer(versions=[VersionAnswer.of(entry) for entry in versions])


@router.post("/captioner-config/{name}/rollback/{version}")
def rollback(
    name: str,
    version: int,
    services: Current,
    caller: Caller,
    expected: ExpectedVersion,
    response: Response,
) -> ConfigAnswer:
    """Return to what an older version saved, as a new version."""
    view = services.configuration.rollback(caller, name, version, expected_version=expected)
    return _answer(view, response)


@router.post("/config/export")
def export(services: Current, caller: Caller, response: Response) -> dict[str, Any]:
    """Write everything that was saved into one document."""
    response.headers["Content-Disposition"] = 'attachment; filename="yipyap-config.json"'
    return services.configuration.export(caller)


@router.post("/config/import")
def import_(
    document: Annotated[Any, Body(description="A document as the export makes it.")],
    services: Current,
    caller: Caller,
    dry_run: Annotated[bool, Query(description="Only say what would change.")] = False,
) -> ImportAnswer:
    """Take over a document wholly or not at all."""
    return ImportAnswer.of(
        services.configuration.import_document(caller, document, dry_run=dry_run)
    )
