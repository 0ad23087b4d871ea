"""`python -m tests.standins.hub`: a hub in a process of its own.

Prints one line of JSON with its addresses, then serves until it is told to end by a signal or,
if asked, by the end of its standard input.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from tests.standins import repositories
from tests.standins.hub.control import ControlServer
from tests.standins.hub.server import Hub
from tests.standins.hub.spec import seed_hub


def main() -> None:
    """Serve as the command line says."""
    arguments = _arguments()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with Hub(host=arguments.host, port=arguments.port, folder=arguments.folder) as hub:
        if arguments.seed_file is not None:
            seed_hub(hub, json.loads(arguments.seed_file.read_text()))
        if arguments.models is not None:
            repositories.seed(hub, scale=arguments.models)
        control = ControlServer(hub, port=arguments.control_port)
        control.start()
        addresses = {
            "endpoint": hub.endpoint,
            "cdn_url": hub.cdn_url,
            "control_url": control.url,
        }
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        if arguments.until_stdin_closes:
            threading.Thread(target=_set_at_end_of_input, args=(done,), daemon=True).start()
        done.wait()
        control.stop()


def _set_at_end_of_input(done: threading.Event) -> None:
    while sys.stdin.readline():
        pass
    done.set()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.standins.hub", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="of the interface; 0 chooses one")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where generated files are kept")
    parser.add_argument("--seed-file", type=Path, help="JSON with repos, tokens, faults")
    parser.add_argument(
        "--models",
        type=float,
        metavar="SCALE",
        help="declare a small repository for every model; 1 is a thousandth of the real sizes",
    )
    parser.add_argument("--until-stdin-closes", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
