"""What each version of a configuration changed against the one before."""

from __future__ import annotations

from collections.abc import Sequence

from yipyap_core.domain.configs import ConfigVersion, HistoryEntry, changes_between
from yipyap_core.families.base import Declaration
from yipyap_core.services.configuration.layers import defaults_of, layered


def entries(declared: Declaration, versions: Sequence[ConfigVersion]) -> tuple[HistoryEntry, ...]:
    """Compare neighbours of a history that is newest first; the first ever is against defaults.

    When the history was cut, the last of `versions` serves only for comparison with its successor;
    the caller leaves it out.
    """
    configs = [layered(declared, version.saved, {}).values for version in versions]
    before = [*configs[1:], defaults_of(declared)]
    return tuple(
        HistoryEntry(
            version=version.version,
            at=version.at,
            actor=version.actor,
            action=version.action,
            changes=changes_between(old, new),
            config=new,
        )
        for version, new, old in zip(versions, configs, before, strict=False)
    )
