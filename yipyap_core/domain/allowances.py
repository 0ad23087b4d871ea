"""How much memory loaded models may take: so many bytes, or a share of what a machine has. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

UNITS = {"": 1, "B": 1}
UNITS |= {name: 1000**at for at, name in enumerate(("KB", "MB", "GB", "TB"), start=1)}
UNITS |= {name: 1024**at for at, name in enumerate(("KIB", "MIB", "GIB", "TIB"), start=1)}
HOW = "Write a share such as 75%, or an amount such as 24GB or 16GiB."
HOW_CARDS = (
    "Write one amount for every card, such as 90%, and others by the card's number or id,"
    " such as 90%, 1=40GB."
)
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(%|[KMGT]?I?B|)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Allowance:
    """A part of some memory."""

    size_bytes: int | None = None
    """None where it is a share."""
    share: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Allowance:
        """Read `75%`, `24GB`, `16GiB` or plain bytes; raises `ValueError` with how to write it."""
        found = _AMOUNT.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text[:60]!r} is no amount of memory. {HOW}")
        number, unit = float(found[1]), found[2].upper()
        if unit == "%":
            if number > 100:
                raise ValueError(f"{text[:60]!r} is more than all of it. {HOW}")
            return cls(share=number / 100)
        return cls(size_bytes=round(number * UNITS[unit]))

    def of(self, total_bytes: int) -> int:
        """In bytes, of a memory of this size; never more than all of it."""
        if self.size_bytes is None:
            return int(total_bytes * self.share)
        return min(self.size_bytes, total_bytes)


@dataclass(frozen=True, slots=True)
class CardAllowances:
    """One amount for every card, and others for single ones."""

    every: Allowance = field(default_factory=Allowance)
    single: Mapping[str, Allowance] = field(default_factory=dict)
    """By the driver's number (`0`) or id (`GPU-...`)."""

    @classmethod
    def parse(cls, text: str) -> CardAllowances:
        """Read `90%` or `90%, 1=40GB`; raises `ValueError` with how to write it."""
        every, single = Allowance(), {}
        plain = 0
        for part in text.split(","):
            name, equals, amount = part.partition("=")
            if equals:
                if not name.strip() or name.strip() in single:
                    raise ValueError(f"{text[:60]!r} does not name each card once. {HOW_CARDS}")
                single[name.strip()] = Allowance.parse(amount)
            else:
                every, plain = Allowance.parse(part), plain + 1
        if plain > 1:
            raise ValueError(f"{text[:60]!r} has {plain} amounts for every card. {HOW_CARDS}")
        return cls(every, single)

    def of_card(self, number: int, card_id: str) -> Allowance:
        """The card's own amount, by its id or number, else everyone's."""
        return self.single.get(card_id) or self.single.get(str(number)) or self.every
