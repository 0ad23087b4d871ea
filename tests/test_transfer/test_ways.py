"""The ways to the hub: TLS, proxies, redirects, and those that are not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standins.hub import Hub, Pattern, Redirect, Source, Stage, Stall, Token, Truncate
from tests.test_transfer.relay import CERTIFICATE, relay
from tests.test_transfer.support import (
    REPO,
    Control,
    Running,
    assert_cache_is_right,
    plan_of,
    transfer_of,
    wait_until,
)
from yipyap_core.domain.downloads import DownloadPlan
from yipyap_core.errors import HubUnreachable, RedirectRefused, TransferError
from yipyap_core.transfer import Proxies

LARGE = "model.bin"
FILES: dict[str, Source] = {LARGE: Pattern(9_000_000), "config.json": b"{}"}
NO_LFS: tuple[str, ...] = ("*.none",)


def test_files_arrive_over_tls(hub: Hub, cache_dir: Path, control: Control) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    with relay(hub.endpoint, tls=True) as front:
        transfer_of(front.url, cache_dir, ca_file=CERTIFICATE).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)


def test_a_line_that_is_cut_under_tls_goes_on_where_it_was_cut(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    hub.inject(Truncate(4_000_000), path=LARGE, count=1)
    with relay(hub.endpoint, tls=True) as front:
        transfer_of(front.url, cache_dir, ca_file=CERTIFICATE).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.restarts == []
    assert control.fetched == plan.total_bytes


def test_a_certificate_that_nobody_vouches_for_is_refused(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    hub.forget_requests()
    with relay(hub.endpoint, tls=True) as front, pytest.raises(HubUnreachable) as caught:
        transfer_of(front.url, cache_dir, attempts=2).run(plan, control=control)

    assert "not trusted" in caught.value.message
    assert hub.requests == ()


def test_a_stalled_line_under_tls_is_left_at_once(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    hub.inject(Stall(3_000_000), path=LARGE)
    with relay(hub.endpoint, tls=True) as front:
        transfer = transfer_of(front.url, cache_dir, ca_file=CERTIFICATE, stall_seconds=60.0)
        running = Running(transfer, plan, control)
        wait_until(lambda: control.fetched >= 1_000_000)

        assert running.cancel() < 0.5


def test_a_redirect_from_tls_to_none_is_refused(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=0))
    with relay(hub.endpoint, tls=True) as front, pytest.raises(RedirectRefused) as caught:
        transfer_of(front.url, cache_dir, ca_file=CERTIFICATE).run(plan, control=control)

    assert "without TLS" in caught.value.message
    assert not hub.find(port="cdn")


def test_a_proxy_is_used_where_the_variables_say_so(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    with relay(hub.endpoint, proxy=True) as proxy:
        proxies = Proxies.from_environ({"http_proxy": f"http://me:secret@127.0.0.1:{proxy.port}"})
        transfer_of("http://hub.example", cache_dir, proxies=proxies).run(plan, control=control)
        asked = proxy.asked

    assert_cache_is_right(cache_dir, plan)
    assert all(head.startswith("GET http://hub.example/") for head in asked)
    assert all("Proxy-Authorization: Basic bWU6c2VjcmV0" in head for head in asked)
    assert all("Host: hub.example\r\n" in head for head in asked)


def test_a_proxy_is_asked_for_a_tunnel_where_there_is_tls(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    with relay(hub.endpoint, tls=True) as front, relay(front.url, proxy=True) as proxy:
        proxies = Proxies.from_environ({"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        transfer_of(
            "https://hub.example",
            cache_dir,
            proxies=proxies,
            ca_file=CERTIFICATE,
            token="hf_secret_of_mine",
        ).run(plan_with_token(hub, plan), control=control)
        asked = proxy.asked

    assert_cache_is_right(cache_dir, plan)
    assert all(head.startswith("CONNECT hub.example:443 HTTP/1.1") for head in asked)
    assert not any("hf_secret_of_mine" in head for head in asked)


def plan_with_token(hub: Hub, plan: DownloadPlan) -> DownloadPlan:
    hub.add_token(Token("hf_secret_of_mine", repos=frozenset({REPO})))
    return plan


def test_a_proxy_that_is_away_is_named(hub: Hub, cache_dir: Path, control: Control) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    proxies = Proxies.from_environ({"http_proxy": "http://127.0.0.1:1"})

    with pytest.raises(HubUnreachable) as caught:
        transfer_of("http://hub.example", cache_dir, proxies=proxies).run(plan, control=control)

    assert "127.0.0.1:1" in caught.value.message


@pytest.mark.parametrize("place", ["127.0.0.1:1", "localhost:1", "10.0.0.7", "169.254.169.254"])
def test_a_public_hub_may_not_redirect_into_a_private_network(
    hub: Hub, cache_dir: Path, control: Control, place: str
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    hub.inject(Redirect(f"http://{place}/latest/meta-data"), path=LARGE, on=Stage.RESOLVE)
    with relay(hub.endpoint, proxy=True) as proxy:
        proxies = Proxies.from_environ({"http_proxy": f"http://127.0.0.1:{proxy.port}"})
        with pytest.raises(RedirectRefused) as caught:
            transfer_of("http://hub.example", cache_dir, proxies=proxies).run(plan, control=control)
        asked = proxy.asked

    assert place.partition(":")[0] in caught.value.message
    assert not any("meta-data" in head for head in asked)


def test_the_token_does_not_follow_a_redirect_to_another_port_of_the_same_host(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    hub.add_token(Token("hf_secret", repos=frozenset({REPO})))
    plan = plan_of(hub, hub.add_repo(REPO, FILES, lfs=NO_LFS))
    hub.inject(Redirect(hub.cdn_url + "{path}"), path=LARGE, on=Stage.RESOLVE, count=1)

    with pytest.raises(Exception, match="storage behind the hub"):
        transfer_of(hub.endpoint, cache_dir, token="hf_secret").run(plan, control=control)

    elsewhere = hub.find("/*", port="cdn")
    assert elsewhere
    assert not any(record.authorization for record in elsewhere)


def test_the_token_does_not_come_back_with_a_redirect_from_elsewhere(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    hub.add_token(Token("hf_secret", repos=frozenset({REPO})))
    plan = plan_of(hub, hub.add_repo(REPO, {"model.bin": Pattern(5_000)}))
    hub.inject(Redirect(hub.endpoint + "/api/whoami-v2"), path="model.bin", on=Stage.CDN, count=1)

    with pytest.raises(TransferError):
        transfer_of(hub.endpoint, cache_dir, token="hf_secret").run(plan, control=control)

    asked = hub.find("/api/whoami-v2")
    assert [record.authorization for record in asked] == [False]
