"""Which connections a run used, as its history tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.standins.hub import Hub, Injected, Pattern, Reset, Source, Stage, Status
from tests.test_transfer.relay import CERTIFICATE, relay
from tests.test_transfer.support import REPO, Control, plan_of, transfer_of
from yipyap_core.domain.connections import HostUse, together, uses_of_json, uses_to_json
from yipyap_core.transfer import Proxies
from yipyap_core.transfer.options import MIB

LARGE = "model.safetensors"
FILES: dict[str, Source] = {LARGE: Pattern(12 * MIB), "config.json": b"{}", "b.json": b"[]"}

counts = st.integers(0, 1000)
uses = st.lists(
    st.builds(
        HostUse,
        origin=st.sampled_from(["https://a", "http://b:8080"]),
        tls=st.sampled_from([None, "TLSv1.3"]),
        opened=counts,
        at_once=counts,
        requests=counts,
        streams=counts,
        ranges=counts,
    ),
    max_size=6,
)


def test_each_host_is_counted_with_what_it_gave(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.forget_requests()

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    asked = {use.origin: use for use in control.uses()}
    first = asked[hub.endpoint]
    (storage,) = (use for use in asked.values() if use is not first)
    assert (first.client, first.protocol, first.tls, first.proxied) == (
        "yipyap",
        "HTTP/1.1",
        None,
        False,
    )
    assert first.streams == 2  # the small files
    assert first.requests == len(hub.find(port="api", method="GET"))
    assert storage.requests == storage.streams + storage.ranges == len(hub.find(port="cdn"))
    assert storage.ranges > 0  # the large file comes in parts
    for use in asked.values():
        assert 1 <= use.at_once <= use.opened <= use.requests


def test_a_connection_that_broke_is_counted_and_not_open_any_more(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, {LARGE: Pattern(2 * MIB)}))
    hub.inject(Reset(MIB), path=LARGE, count=1)

    transfer_of(hub.endpoint, cache_dir, max_connections=1).run(plan, control=control)

    (storage,) = (use for use in control.uses() if use.origin != hub.endpoint)
    assert (storage.opened, storage.at_once) == (2, 1)


def test_encryption_and_proxies_are_told(hub: Hub, cache_dir: Path, control: Control) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=("*.none",)))
    with relay(hub.endpoint, tls=True) as front, relay(front.url, proxy=True) as proxy:
        proxies = Proxies.from_environ({"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        transfer = transfer_of(
            "https://hub.example", cache_dir, proxies=proxies, ca_file=CERTIFICATE
        )
        transfer.run(plan, control=control)

    (use,) = control.uses()
    assert (use.origin, use.tls, use.proxied) == ("https://hub.example", "TLSv1.3", True)


def test_what_the_hubs_own_client_fetched_is_told(
    hub: Hub, cache_dir: Path, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    plan = plan_of(hub, hub.add_repo(REPO, {LARGE: Pattern(2 * MIB)}))
    monkeypatch.setattr("yipyap_core.transfer.file_transfer.may_help", lambda file: bool(file))
    refuse_plain(hub)

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    (theirs,) = (use for use in control.uses() if use.client == "huggingface_hub")
    assert (theirs.origin, theirs.protocol, theirs.streams) == (hub.endpoint, "HTTP/1.1", 1)


def refuse_plain(hub: Hub) -> Injected:
    return hub.inject(Status(418), path=LARGE, method="GET", on=Stage.RESOLVE, count=1)


@given(uses)
def test_uses_survive_the_store(found: list[HostUse]) -> None:
    assert uses_of_json(uses_to_json(found)) == tuple(found)


@given(uses, uses)
def test_uses_of_two_runs_add_up_host_by_host(first: list[HostUse], second: list[HostUse]) -> None:
    both = together(first, second)
    assert len({use.kind for use in both}) == len(both)
    assert sum(use.opened for use in both) == sum(use.opened for use in first + second)
    assert {use.kind: use.at_once for use in both} == {
        use.kind: max(one.at_once for one in first + second if one.kind == use.kind) for use in both
    }


@pytest.mark.parametrize("kept", [None, 7, "x", [{"what": 1}], [{}], [3]])
def test_what_makes_no_sense_is_read_as_nothing(kept: object) -> None:
    assert uses_of_json(kept) == ()
