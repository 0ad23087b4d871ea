"""Which addresses may be connected to, and through which proxy."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.test_transfer.support import Control
from yipyap_core.errors import HubAnswerInvalid, HubUnreachable, InvalidSettings, RedirectRefused
from yipyap_core.transfer import Proxies, TransferOptions, dialing
from yipyap_core.transfer.addresses import Address, Origin, look_up
from yipyap_core.transfer.dialing import Dialer, Trust
from yipyap_core.transfer.proxies import Proxy, ProxyUnsupported
from yipyap_core.transfer.stopping import Stopper

PUBLIC, LOOPBACK = "93.184.215.14", "127.0.0.1"


def nothing() -> None:
    """Go on."""


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://HuggingFace.co/x?y", ("https", "huggingface.co", 443)),
        ("http://127.0.0.1:8080/", ("http", "127.0.0.1", 8080)),
        ("https://[::1]:9/", ("https", "::1", 9)),
    ],
)
def test_origins_are_scheme_host_and_port(url: str, origin: tuple[str, str, int]) -> None:
    assert Origin.of(url) == Origin(*origin)
    assert Origin.of(str(Origin.of(url))) == Origin(*origin)


@pytest.mark.parametrize(
    "url", ["ftp://x/", "file:///etc/passwd", "//x", "http:///x", "http://x:99999/", "http://[::"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(HubAnswerInvalid):
        Origin.of(url)


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(HubUnreachable, match="cannot be resolved"):
        look_up("no-such-name.invalid", 80, nothing)


def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        let_go.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)

    with pytest.raises(HubUnreachable, match="not resolved within"):
        look_up("hub.example", 80, nothing, timeout_seconds=0.05)

    let_go.set()


def test_loopback_is_found() -> None:
    assert all(address.is_private for address in look_up("localhost", 80, nothing))


class Names:
    """Stands in for the resolver: tests have no names of the internet."""

    def __init__(self, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): found for name, found in names.items()}

    def __call__(self, host: str, port: int, check: object) -> list[Address]:  # noqa: ARG002
        return [Address(socket.AF_INET, (text, port)) for text in self.names[host]]


def dialer(monkeypatch: pytest.MonkeyPatch, endpoint: str, names: Names) -> Dialer:
    monkeypatch.setattr(dialing, "look_up", names)
    options = TransferOptions(endpoint=endpoint, cache_dir=Path("/nowhere"))
    return Dialer(options, Trust(None), Stopper(Control()))


@pytest.mark.parametrize(
    "found", [[LOOPBACK], ["10.1.2.3"], [PUBLIC, LOOPBACK], [LOOPBACK, PUBLIC]]
)
def test_a_public_hub_may_not_point_into_a_private_network(
    monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    names = Names(hub_example=[PUBLIC], evil_example=found)

    with pytest.raises(RedirectRefused) as caught:
        dialer(monkeypatch, "https://hub.example", names).dial(Origin("http", "evil.example", 80))

    assert "evil.example" in caught.value.message


def test_a_private_hub_may_point_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        names = Names(hub_example=["10.0.0.5"], store_example=[LOOPBACK])
        found = dialer(monkeypatch, "http://hub.example", names)

        sock = found.dial(Origin("http", "store.example", port)).sock

        assert sock.getpeername() == (LOOPBACK, port)
        found.close(sock)


def test_the_endpoint_itself_may_be_private() -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        endpoint = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        options = TransferOptions(endpoint=endpoint, cache_dir=Path("/nowhere"))
        found = Dialer(options, Trust(None), Stopper(Control()))
        found.close(found.dial(Origin.of(endpoint)).sock)


def test_proxies_are_taken_from_variables_of_either_case() -> None:
    proxies = Proxies.from_environ(
        {
            "HTTP_PROXY": "http://proxy:3128",
            "https_proxy": "user:p%40ss@secure:8443",
            "NO_PROXY": "localhost, .internal,10.0.0.0/8, exact.example:8080",
        }
    )

    assert proxies.proxy_for("http", "hub.example", 80) == Proxy("proxy", 3128)
    secure = proxies.proxy_for("https", "hub.example", 443)
    assert secure is not None
    assert (secure.host, secure.port) == ("secure", 8443)
    assert secure.authorization == "Basic dXNlcjpwQHNz"
    assert "dXNl" not in repr(secure)
    for host, port in [
        ("localhost", 80),
        ("a.internal", 1),
        ("10.2.3.4", 5),
        ("exact.example", 8080),
    ]:
        assert proxies.proxy_for("http", host, port) is None
    assert proxies.proxy_for("http", "exact.example", 80) is not None
    assert proxies.proxy_for("http", "notlocalhost", 80) is not None


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_PROXY": ""},
        {"HTTP_PROXY": "http://p:1", "no_proxy": "*"},
        {"http_proxy": "socks5://p:1", "no_proxy": ".example"},
    ],
)
def test_no_proxy_where_none_is_meant(environ: dict[str, str]) -> None:
    assert Proxies.from_environ(environ).proxy_for("http", "hub.example", 80) is None


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "https"])
def test_a_proxy_that_we_cannot_use_is_not_gone_past(scheme: str) -> None:
    proxies = Proxies.from_environ({"ALL_PROXY": f"{scheme}://me:secret@p:1080"})

    with pytest.raises(ProxyUnsupported, match=f"{scheme}://p:1080") as caught:
        proxies.proxy_for("https", "hub.example", 443)

    assert "secret" not in caught.value.message
    assert not caught.value.retryable


@pytest.mark.parametrize("text", ["http://me:secret@p:port", "http://p:99999", "http://[::1"])
def test_a_proxy_that_is_no_address_is_named_without_its_password(text: str) -> None:
    with pytest.raises(InvalidSettings, match="HTTPS_PROXY") as caught:
        Proxies.from_environ({"https_proxy": text})

    assert "secret" not in caught.value.message


def test_one_variable_for_all_schemes() -> None:
    proxies = Proxies.from_environ({"ALL_PROXY": "http://p:1"})

    assert (
        proxies.proxy_for("https", "h", 443) == proxies.proxy_for("http", "h", 80) == Proxy("p", 1)
    )
