"""The settings of every family: read with their origin, changed in whole versions, never lost.

What is saved is only what somebody set, so that a new version's defaults reach the other fields.
Every change is one new version, made from the newest one inside the store's own lock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from yipyap_core.domain.configs import (
    ConfigAction,
    ConfigVersion,
    ConfigView,
    HistoryEntry,
    ImportReport,
    changes_between,
)
from yipyap_core.domain.users import Principal
from yipyap_core.errors import NotFound, PreconditionFailed, SetByEnvironment
from yipyap_core.families.base import Declaration, FamilyConfig
from yipyap_core.families.fields import parse
from yipyap_core.services.configuration.documents import (
    Wanted,
    different,
    document_of,
    read_document,
    refuse_new_paths,
    wanted_of,
)
from yipyap_core.services.configuration.history import entries
from yipyap_core.services.configuration.layers import EnvironmentReader, Layered, read_environment
from yipyap_core.services.configuration.paths import PathRules
from yipyap_core.services.configuration.reader import ConfigReader
from yipyap_core.stores.configs import ConfigStore, Heads

HISTORY_LIMIT = 500

Listener = Callable[[str, FamilyConfig, FamilyConfig], None]
"""Called with name, old and new settings after a change was saved here; must not raise."""

Publish = Callable[[str, str, Mapping[str, Any]], object]
"""Takes type, id and data of an event of `GET /api/events`; must not raise."""


def utc_now() -> dt.datetime:
    """The present moment, aware."""
    return dt.datetime.now(dt.UTC)


def _to_nobody(_type: str, _id: str, _data: Mapping[str, Any]) -> None:
    """Drop an event: nobody listens."""


class ConfigurationService:
    """Reads and changes settings; reading needs an administrator too, but for `current`."""

    def __init__(
        self,
        *,
        declarations: Sequence[Declaration],
        store: ConfigStore,
        paths: PathRules,
        environment: EnvironmentReader = read_environment,
        publish: Publish = _to_nobody,
        clock: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        """Take what discovery found, the store, and where model files may lie."""
        self._reader = ConfigReader(declarations, environment, paths)
        self._store = store
        self._publish = publish
        self._clock = clock
        self._listeners: list[Listener] = []

    # ---- reading

    def names(self) -> tuple[str, ...]:
        """List the configurations in the order people see."""
        return self._reader.names()

    def declaration(self, name: str) -> Declaration:
        """Look up what declares a configuration; raises `NotFound`."""
        return self._reader.declaration(name)

    def versions(self) -> dict[str, int]:
        """Read the version of everything that was ever saved: one cheap look for those who poll."""
        return self._store.versions()

    def current(self, name: str) -> FamilyConfig:
        """Read the settings that count now, for an engine; changes elsewhere show at once."""
        return self._reader.at(name, self._store.head(name)).config

    def get(self, principal: Principal, name: str) -> ConfigView:
        """Read one configuration with the origin of every value."""
        principal.require_admin()
        self.declaration(name)
        return self._reader.view(name, self._store.head(name))

    def all(self, principal: Principal) -> tuple[ConfigView, ...]:
        """Read every configuration."""
        principal.require_admin()
        heads = self._store.heads()
        return tuple(self._reader.view(name, heads.get(name)) for name in self.names())

    def history(self, principal: Principal, name: str) -> tuple[HistoryEntry, ...]:
        """Read what changed, newest first, at most `HISTORY_LIMIT` versions."""
        principal.require_admin()
        declared = self.declaration(name)
        versions = self._store.history(name, HISTORY_LIMIT + 1)
        return entries(declared, versions)[:HISTORY_LIMIT]

    # ---- changing

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Hear of every change saved by this process; the answer ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def update(
        self,
        principal: Principal,
        name: str,
        values: Mapping[str, Any],
        *,
        expected_version: int | None = None,
    ) -> ConfigView:
        """Set some fields; raises `ConfigInvalid`, `SetByEnvironment` or `PreconditionFailed`."""
        principal.require_admin()
        declared = self.declaration(name)
        parsed = parse(declared.config, values)
        fresh = {field: getattr(parsed, field) for field in values}
        self._reader.refuse_paths(name, fresh)

        def merged(now: Layered) -> Mapping[str, Any]:
            _refuse_locked(declared, now, fresh)
            return {**now.stored, **fresh}

        return self._change(principal, name, ConfigAction.UPDATE, merged, expected_version)

    def reset(
        self, principal: Principal, name: str, *, expected_version: int | None = None
    ) -> ConfigView:
        """Return to the defaults, as a new version; fields held by the environment stay."""
        principal.require_admin()
        self.declaration(name)
        return self._change(principal, name, ConfigAction.RESET, _locked, expected_version)

    def rollback(
        self,
        principal: Principal,
        name: str,
        version: int,
        *,
        expected_version: int | None = None,
    ) -> ConfigView:
        """Return to what an older version saved, as a new version; raises `NotFound`."""
        principal.require_admin()
        declared = self.declaration(name)
        old = self._store.version(name, version) if 0 < version < 2**31 else None
        if old is None:
            raise NotFound(
                f"{declared.name} has no version {version}.",
                code="unknown_version",
                hint="The history lists the versions that exist.",
            )
        present = self._reader.at(name, self._store.head(name)).stored
        self._reader.refuse_paths(name, different(old.saved, present))

        def restored(now: Layered) -> Mapping[str, Any]:
            free = {k: v for k, v in old.saved.items() if k not in now.variables}
            return {**free, **_locked(now)}

        return self._change(principal, name, ConfigAction.ROLLBACK, restored, expected_version)

    # ---- everything at once

    def export(self, principal: Principal) -> dict[str, Any]:
        """Write every saved value into one document."""
        principal.require_admin()
        heads = self._store.heads()
        saved = {name: self._reader.at(name, heads.get(name)).saved for name in self.names()}
        return document_of(saved, at=self._clock())

    def import_document(
        self, principal: Principal, document: object, *, dry_run: bool = False
    ) -> ImportReport:
        """Take over an exported document wholly or, raising `ConfigInvalid`, not at all."""
        principal.require_admin()
        configs = read_document(document)
        before = self._store.heads()
        refuse_new_paths(configs, before, self._reader)
        found: list[Wanted] = []
        seen: dict[str, ConfigVersion] = {}

        def decide(heads: Heads) -> list[ConfigVersion]:
            seen.update(heads)
            found[:] = wanted_of(configs, heads, self._reader)
            return [
                self._next(heads.get(one.name), one.name, ConfigAction.IMPORT, one.saved, principal)
                for one in found
                if one.applied
            ]

        versions = tuple(decide(before)) if dry_run else self._store.change(decide)
        if not dry_run:
            for version in versions:
                self._tell(version, seen.get(version.name))
        return ImportReport(
            applied=tuple(change for one in found for change in one.applied),
            skipped=tuple(skip for one in found for skip in one.skipped),
            versions={version.name: version.version for version in versions},
            dry_run=dry_run,
        )

    # ---- one change

    def _change(
        self,
        principal: Principal,
        name: str,
        action: ConfigAction,
        make: Callable[[Layered], Mapping[str, Any]],
        expected_version: int | None,
    ) -> ConfigView:
        seen: list[ConfigVersion | None] = []

        def decide(heads: Heads) -> list[ConfigVersion]:
            head = heads.get(name)
            seen[:] = [head]
            _refuse_stale(head, expected_version)
            now = self._reader.at(name, head)
            saved = make(now)
            self._reader.refuse_conflicts(name, now, saved)
            return [self._next(head, name, action, saved, principal)]

        (version,) = self._store.change(decide)
        self._tell(version, seen[0])
        return self._reader.view(name, version)

    def _next(
        self,
        head: ConfigVersion | None,
        name: str,
        action: ConfigAction,
        saved: Mapping[str, Any],
        principal: Principal,
    ) -> ConfigVersion:
        number = head.version + 1 if head else 1
        return ConfigVersion(name, number, self._clock(), principal.username, action, dict(saved))

    def _tell(self, version: ConfigVersion, before: ConfigVersion | None) -> None:
        old = self._reader.at(version.name, before)
        new = self._reader.at(version.name, version)
        for listener in tuple(self._listeners):
            listener(version.name, old.config, new.config)
        changed = list(changes_between(old.values, new.values))
        data = {"version": version.version, "actor": version.actor, "fields": changed}
        self._publish("config", version.name, data)


def _locked(now: Layered) -> dict[str, Any]:
    """Pick the saved values that lie under a variable: nobody changes them meanwhile."""
    return {field: value for field, value in now.stored.items() if field in now.variables}


def _refuse_locked(declared: Declaration, now: Layered, values: Mapping[str, Any]) -> None:
    held = [now.variables[field] for field in values if field in now.variables]
    if held:
        raise SetByEnvironment(
            f"{declared.name} is held by the environment variable {' and '.join(held)};"
            " nothing was saved."
        )


def _refuse_stale(head: ConfigVersion | None, expected_version: int | None) -> None:
    version = head.version if head else 0
    if expected_version is not None and expected_version != version:
        who = f" by {head.actor}" if head else ""
        raise PreconditionFailed(
            f"It is at version {version} now, saved{who}; yours was version {expected_version}."
            " Nothing was saved."
        )
