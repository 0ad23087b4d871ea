"""Bytes as people read them, for sentences of every layer."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size_words(size_bytes: float, space: str = " ") -> str:
    """Three significant figures in decimal units: `1.80 GB`, `812 MB`, `14 B`."""
    value = max(0.0, float(size_bytes))
    for unit in UNITS:
        if round(value, _decimals(value)) < 1000 or unit == UNITS[-1]:
            digits = 0 if unit == "B" else _decimals(value)
            return f"{value:.{digits}f}{space}{unit}"
        value /= 1000
    raise AssertionError("unreachable: the last unit takes every value")


def _decimals(value: float) -> int:
    if value < 9.995:
        return 2
    return 1 if value < 99.95 else 0
