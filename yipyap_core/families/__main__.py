"""`python -m yipyap_core.families [file]` writes the page about the families."""

from __future__ import annotations

import sys
from pathlib import Path

from yipyap_core.families import find_configs
from yipyap_core.families.docs import render

if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/families.md")
    target.write_text(render(find_configs()), encoding="utf-8")
