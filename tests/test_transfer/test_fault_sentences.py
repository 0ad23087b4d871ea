"""What people read of a fault is true and made of words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standins.hub import ExpiredSignature, Hub, Source, Status
from tests.test_transfer.support import REPO, Control, plan_of, transfer_of
from yipyap_core.errors import HubAnswerInvalid, HubBusy, TokenRejected

FILES: dict[str, Source] = {"config.json": b"{}" * 100, "model.bin": b"x" * 1000}


def test_a_part_that_does_not_say_which_one_it_is_is_called_that(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Status(206, body="x" * 200), path="config.json")

    with pytest.raises(HubAnswerInvalid) as caught:
        transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert "did not say which bytes it sent" in caught.value.message


@pytest.mark.parametrize("token", [None, "hf_mine"])
def test_a_token_is_called_wrong_only_where_one_was_sent(
    hub: Hub, cache_dir: Path, control: Control, token: str | None
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(Status(401), path="config.json")

    with pytest.raises(TokenRejected) as caught:
        transfer_of(hub.endpoint, cache_dir, token=token).run(plan, control=control)

    assert ("without a token" in caught.value.message) is (token is None)
    assert ("wrong or expired" in caught.value.hint) is (token is not None)


def test_a_storage_that_refuses_every_address_is_not_called_overloaded(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.inject(ExpiredSignature(), path="model.bin")

    with pytest.raises(HubBusy) as caught:
        transfer_of(hub.endpoint, cache_dir, attempts=2).run(plan, control=control)

    assert "overloaded" not in caught.value.hint
