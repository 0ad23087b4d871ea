"""Which Ollama servers a test runs against.

Without a mark the fixture `ollama` is the stand-in. `@EITHER` runs a test against the stand-in,
and against the program itself where `ollama` is on the PATH.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.standins.real_ollama import program

STAND_IN: Final = "stand-in"
_SERVERS: Final = [path for path in (STAND_IN, program()) if path]
_IDS: Final = [STAND_IN, "real"][: len(_SERVERS)]

EITHER = pytest.mark.parametrize("ollama", _SERVERS, ids=_IDS, indirect=True)
