"""`python -m tests.standins.ollama`: a server in a process of its own, with a few models.

Prints one line of JSON with its addresses, then serves until a signal.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from tests.standins.ollama.models import OllamaModel
from tests.standins.ollama.server import Ollama


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="tests.standins.ollama", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pull-bps", type=float, default=None)
    arguments = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with Ollama(port=arguments.port) as ollama:
        seed(ollama)
        ollama.configure(pull_bps=arguments.pull_bps)
        addresses = {"base_url": ollama.base_url, "registry_url": ollama.registry_url}
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        done.wait()


def seed(ollama: Ollama, *, scale: float = 1.0) -> None:
    """Publish a few well-known models and install two of them, one out of date."""
    big, small = int(60_000_000 * scale), int(20_000_000 * scale)
    ollama.publish(
        OllamaModel("qwen3:8b", big, "qwen3", "8.2B", capabilities=("completion", "tools")),
        OllamaModel("llama2:7b", big, "llama", "7B", "Q4_0"),
        OllamaModel("llava:7b", big, "llama", "7B", "Q4_0", ("completion", "vision"), 2),
        OllamaModel("gemma3:1b", small, "gemma3", "999.89M"),
    )
    ollama.install(
        OllamaModel("qwen3:8b", big, "qwen3", "8.2B", capabilities=("completion", "tools")),
        OllamaModel("gemma3:1b", small, "gemma3", "999.89M", edition=0),
    )


if __name__ == "__main__":
    main()
