"""The lines that repair a cache folder: each runs in a shell as it stands, whatever the names."""

from __future__ import annotations

import shlex
from pathlib import Path

from yipyap_core.clients import cache_probe

OWN_FOLDER = "huggingface-hub"
LOCAL_FOLDERS = ("~/.cache/huggingface/hub", "/var/tmp/huggingface/hub")


def make(path: Path) -> str:
    """Make a folder and what is above it."""
    return f"mkdir -p {_q(path)}"


def move_aside(obstacle: Path, path: Path) -> str:
    """Take what is no folder out of the way of one."""
    return f"mv {_q(obstacle)} {_q(f'{obstacle}.old')} && {make(path)}"


def open_for_us(path: Path) -> str:
    """Make a folder where only the machine's administrator may, for the server's user."""
    if line := _remount(path):
        return line
    return f"sudo install -d -o {_q(cache_probe.own_name())} {_q(path)}"


def own(path: Path) -> str:
    """Let the server's user write what is there, or where that is not all the cache's, below."""
    if line := _remount(path):
        return line
    if cache_probe.holds_other_things(path):
        below = path / OWN_FOLDER
        return f"{open_for_us(below)} && {use(below)}"
    return f"sudo chown -R {_q(cache_probe.own_name())}: {_q(path)}"


def tell_the_largest(path: Path) -> str:
    """Show what takes the room, the largest last."""
    return f"du -xh -d 1 {_q(cache_probe.nearest(path))} | sort -h"


def tell_the_volume(path: Path) -> str:
    """Show what the system knows of the volume."""
    return f"df -h {_q(cache_probe.nearest(path))}"


def use(path: Path) -> str:
    """Choose another folder; the variable goes before all others."""
    return f"export HF_HUB_CACHE={_q(path)}"


def use_a_local_disk(path: Path) -> str:
    """Choose a folder on another volume that lies in this machine, if there is one."""
    here = cache_probe.volume_of(path)
    places = [Path(one).expanduser() for one in LOCAL_FOLDERS]
    for place in places:
        volume = cache_probe.volume_of(place)
        if volume is not None and volume != here and not volume.is_network:
            return use(place)
    return use(places[-1])


def _remount(path: Path) -> str | None:
    """What a read-only volume needs before anything else."""
    volume = cache_probe.volume_of(path)
    if volume is None or not cache_probe.is_read_only(path):
        return None
    return f"sudo mount -o remount,rw {_q(volume.mount_point)}"


def _q(text: object) -> str:
    return shlex.quote(str(text))
