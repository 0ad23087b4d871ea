"""A listing is believed only where it can be meant: names, sizes, and JSON that ends."""

from __future__ import annotations

import pytest

from tests.standins.hub import Hub, Source, Status
from yipyap_core.clients.hub import HubClient
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import HubAnswerInvalid, UnsafePath

REPO = "org/model"
FILES: dict[str, Source] = {"config.json": b"{}"}


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/evil", "a/../../evil", r"a\\..\\evil", r"a\u0000b", r"\ud800"]
)
def test_a_listing_that_leaves_its_folder_is_refused(hub: Hub, name: str) -> None:
    commit = hub.add_repo(REPO, FILES)
    evil = f'[{{"type": "file", "path": "{name}", "size": 1, "oid": "{"0" * 40}"}}]'
    hub.inject(
        Status(200, body=evil, content_type="application/json"),
        path=f"/api/models/org/model/tree/{commit}",
    )

    with pytest.raises(UnsafePath):
        HubClient(hub.endpoint, lambda: None).resolve(RepoRef(REPO))


@pytest.mark.parametrize(
    "size", ["-5", "1e400", '"12"', "null", "1" + "0" * 30, "1.5", str((1 << 60) + 1)]
)
def test_a_size_that_is_none_is_refused(hub: Hub, size: str) -> None:
    commit = hub.add_repo(REPO, FILES)
    odd = f'[{{"type": "file", "path": "a", "size": {size}, "oid": "{"0" * 40}"}}]'
    hub.inject(
        Status(200, body=odd, content_type="application/json"),
        path=f"/api/models/org/model/tree/{commit}",
    )

    with pytest.raises(HubAnswerInvalid):
        HubClient(hub.endpoint, lambda: None).resolve(RepoRef(REPO))


def test_an_answer_of_brackets_alone_is_none(hub: Hub) -> None:
    hub.add_repo(REPO, FILES)
    deep = Status(200, body="[" * 200_000, content_type="application/json")
    hub.inject(deep, path="/api/models/org/model/*")

    with pytest.raises(HubAnswerInvalid):
        HubClient(hub.endpoint, lambda: None).resolve(RepoRef(REPO))
