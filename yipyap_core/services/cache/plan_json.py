"""Deletion plans as JSON values and back, for the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from yipyap_core.domain.deletion import DeletionPlan, KeptItem, PlanItem, PlanKind, PlanRequest


def plan_to_json(plan: DeletionPlan) -> dict[str, Any]:
    """Write a plan as values that JSON knows."""
    return {**asdict(plan), "created_at": plan.created_at.isoformat()}


def plan_from_json(kept: Mapping[str, Any]) -> DeletionPlan:
    """Read what `plan_to_json` wrote."""
    request = kept["request"]
    return DeletionPlan(
        plan_id=kept["plan_id"],
        request=PlanRequest(
            PlanKind(request["kind"]),
            request["folder"],
            request["commit"],
            tuple(request["choices"]),
        ),
        created_at=dt.datetime.fromisoformat(kept["created_at"]),
        purge=kept["purge"],
        items=tuple(_item(values) for values in kept["items"]),
        kept=tuple(KeptItem(**values) for values in kept["kept"]),
    )


def _item(values: Mapping[str, Any]) -> PlanItem:
    lists = ("revisions", "used_by", "shared_with", "moves")
    return PlanItem(**{**values, **{name: tuple(values[name]) for name in lists}})
