"""Holds the size rules: files of at most 300 lines, functions of at most 40.

A larger one needs a reason: a line `# long: why` in the file's first ten lines or as the first
line of the function's body. Run with `python -m scripts.check_sizes`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
ROOMS = ("app.py", "pages", "yipyap_core", "bench", "scripts")
TEST_ROOMS = ("tests",)
MAX_TEST_FILE_LINES = 500
REASON = "# long: "


def python_files(root: Path, rooms: tuple[str, ...]) -> Iterator[Path]:
    """Every Python file of the rooms, migrations left out: they are written once."""
    for room in rooms:
        place = root / room
        files = [place] if place.is_file() else sorted(place.rglob("*.py"))
        yield from (file for file in files if "migrations/versions" not in file.as_posix())


def too_long(path: Path, max_file_lines: int) -> Iterator[str]:
    """Say what of one file is over its bound and gives no reason."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > max_file_lines and not any(REASON in line for line in lines[:10]):
        yield f"{path}: {len(lines)} lines, at most {max_file_lines}"
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = _code_lines(node)
            body = lines[node.lineno - 1 : node.body[0].lineno + 1]
            if length > MAX_FUNCTION_LINES and not any(REASON in line for line in body):
                yield f"{path}:{node.lineno}: {node.name} has {length} lines"


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if documented else node.lineno
    return (node.end_lineno or 0) - (start or 0) + 1


def main() -> int:
    """Print every offence; the exit status is 1 when there is one."""
    root = Path(__file__).resolve().parent.parent
    found = [
        line.replace(f"{root}/", "")
        for rooms, bound in ((ROOMS, MAX_FILE_LINES), (TEST_ROOMS, MAX_TEST_FILE_LINES))
        for path in python_files(root, rooms)
        for line in too_long(path, bound)
    ]
    print("\n".join(found) if found else "sizes: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
