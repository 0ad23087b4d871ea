"""Which hosts are not of the public internet; both ways to the hub ask here before they follow."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

EMBEDDING = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
"""Networks whose last four bytes are an IPv4 address: that of NAT64, and a former one."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_private(text: str) -> bool:
    """Whether a literal address is loopback, private, link-local or otherwise not global."""
    try:
        address = _meant(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    return not address.is_global or address.is_multicast


def names_private_host(host: str) -> bool:
    """Whether a name alone says so; all one can know where a proxy does the look-up."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith((".localhost", ".local")):
        return True
    return is_private(_spelt_out(name))


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _spelt_out(name: str) -> str:
    """`127.1`, `0x7f000001` and `2130706433` as the system reads them."""
    with contextlib.suppress(OSError, UnicodeError, ValueError):
        return socket.inet_ntoa(socket.inet_aton(name))
    return name
