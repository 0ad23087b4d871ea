"""Which hosts are not of the public internet, however they are written."""

from __future__ import annotations

import pytest

from yipyap_core.private_hosts import is_private, names_private_host


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254"),
        *("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:a00:1::", "::127.0.0.1"),
    ],
)
def test_addresses_that_are_not_of_the_public_internet(text: str) -> None:
    assert is_private(text)


@pytest.mark.parametrize(
    "text", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "huggingface.co"]
)
def test_addresses_that_are(text: str) -> None:
    assert not is_private(text)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost.", "a.localhost", "printer.local", "127.0.0.1", "127.0.0.1."),
        *("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "::1", "fe80::1%eth0"),
    ],
)
def test_names_that_say_so_themselves(host: str) -> None:
    assert names_private_host(host)


@pytest.mark.parametrize(
    "host", ["huggingface.co", "local", "localhost.example", "1.1.1.1", "16843009", ""]
)
def test_names_that_do_not(host: str) -> None:
    assert not names_private_host(host)
