from __future__ import annotations

import subprocess
import sys

from yipyap_core.jobs.owners import is_alive, own_name


def name_of_another_process() -> tuple[str, subprocess.Popen[str]]:
    code = "from yipyap_core.jobs.owners import own_name; print(own_name(), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process.stdout.readline().strip(), process


def test_a_process_is_alive_until_it_is_killed() -> None:
    name, process = name_of_another_process()
    assert is_alive(name) is True
    process.kill()
    process.wait()
    assert is_alive(name) is False
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.close()


def test_a_reused_process_id_is_another_process() -> None:
    name, process = name_of_another_process()
    machine, pid, start, unique = name.split("|")
    assert is_alive("|".join((machine, pid, str(int(start) - 1), unique))) is False
    process.communicate("")


def test_what_cannot_be_known_is_left_to_the_lease() -> None:
    for name in ("elsewhere/boot/ns|1|1|00", "nonsense", "", own_name()):
        assert is_alive(name) is None


def test_two_runners_of_one_process_have_two_names() -> None:
    assert own_name() != own_name()
