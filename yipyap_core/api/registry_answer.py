"""The registry as bytes, made again only when something in it has changed."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from yipyap_core.api import views
from yipyap_core.api.sharing import SharedLook
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.models import ModelSpec
from yipyap_core.errors import UnknownModel
from yipyap_core.services.container import Services


@dataclass(frozen=True, slots=True)
class Answer:
    """The registry as it is sent, plain and compressed, with a name for its content."""

    services: Services
    generations: tuple[int, int]
    body: bytes
    compressed: bytes
    etag: str


class RegistryAnswer:
    """Keeps the last answer of one application for as long as it holds.

    Whether it still holds is seen sooner than a thread is woken; but several who ask at once are
    served better by one look in a thread, which they share.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._look = SharedLook[Answer]()
        self._last: Answer | None = None
        self._asking = 0

    async def get(self, services: Services) -> Answer:
        """The registry at this moment."""
        self._asking += 1
        try:
            await asyncio.sleep(0)  # by then all are counted who ask at the same moment
            if self._asking == 1 and _is_seen_at_once(services):
                kept = self._kept(services, _generations(services))
                if kept is not None:
                    return kept
            return await self._look.get(lambda: self._present(services))
        finally:
            self._asking -= 1

    def _present(self, services: Services) -> Answer:
        # generations first: what changes while the body is made makes the next one new
        generations = _generations(services)
        answer = self._kept(services, generations)
        if answer is None:
            answer = self._last = _made(services, generations)
        return answer

    def _kept(self, services: Services, generations: tuple[int, int]) -> Answer | None:
        last = self._last
        holds = last and last.services is services and last.generations == generations
        return last if holds else None


def _is_seen_at_once(services: Services) -> bool:
    return services.registry.answers_at_once and not services.downloads.look_is_due


def _generations(services: Services) -> tuple[int, int]:
    return services.registry.generation, services.downloads.generation


def _made(services: Services, generations: tuple[int, int]) -> Answer:
    body = _body(services)
    return Answer(
        services=services,
        generations=generations,
        body=body,
        compressed=gzip.compress(body, compresslevel=3, mtime=0),
        etag=f'W/"{hashlib.sha256(body).hexdigest()[:32]}"',
    )


def _body(services: Services) -> bytes:
    statuses = services.downloads.statuses()
    models = [views.model(spec, status) for spec, status in _with_statuses(services, statuses)]
    return json.dumps({"total": len(models), "models": models}, separators=(",", ":")).encode()


def _with_statuses(
    services: Services, statuses: Mapping[str, DownloadStatus]
) -> Iterator[tuple[ModelSpec, DownloadStatus]]:
    for spec in services.registry.models():
        if status := statuses.get(spec.id):
            yield spec, status
            continue
        with contextlib.suppress(UnknownModel):  # registered, or forgotten, between the two looks
            yield spec, services.downloads.status(spec.id)
