"""The connections of a download in words, host by host."""

from __future__ import annotations

from collections.abc import Iterable

from yipyap_core.domain.connections import HostUse
from yipyap_core.ui import formats
from yipyap_core.ui.formats import plain

OWN = "yipyap"


def words(uses: Iterable[HostUse]) -> str:
    """Every host on a line of its own; empty for none."""
    return "  \n".join(_words(use) for use in uses)


def widest(uses: Iterable[HostUse]) -> str:
    """The most connections that one host was given at a time, such as `4 connections`."""
    most = max((use.at_once for use in uses), default=0)
    return formats.count(most, "connection") if most else ""


def _words(use: HostUse) -> str:
    parts = [f"{plain(use.origin)}: {_count(use)}"]
    parts += [
        formats.count(number, noun)
        for number, noun in ((use.streams, "whole file"), (use.ranges, "range"))
        if number
    ]
    parts.append(plain(f"{use.protocol} over {use.tls}" if use.tls else use.protocol))
    if use.proxied:
        parts.append("through a proxy")
    return ", ".join(parts)


def _count(use: HostUse) -> str:
    if use.client != OWN:
        return plain(f"by {use.client}")
    said = formats.count(use.at_once, "connection")
    more = f" at once, {use.opened:,} in all" if use.opened > use.at_once else ""
    return f"{said}{more}"
