"""Gauges of the services at the moment of a scrape, for `GET /api/metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.host import HostReport
from yipyap_core.services.container import Services


class Figures(Collector):
    """Reads the services once a scrape."""

    def __init__(self, services: Services) -> None:
        """Read `services` when asked."""
        self._services = services

    def collect(self) -> Iterable[Metric]:
        """Downloads, their speed, and the machine."""
        yield from self._downloads()
        yield from _host(self._services.host.resources())

    def _downloads(self) -> Iterable[Metric]:
        statuses = self._services.downloads.statuses().values()
        counts = Counter(one.status for one in statuses)
        models = GaugeMetricFamily("yipyap_models", "Models by download state.", labels=["status"])
        for state in DownloadState:
            models.add_metric([state.value], counts[state])
        yield models
        queue = self._services.downloads.queue()
        jobs = GaugeMetricFamily("yipyap_downloads", "Live downloads.", labels=["state"])
        for name in ("running", "queued", "paused"):
            jobs.add_metric([name], len(getattr(queue, name)))
        yield jobs
        speed = "Bytes a second that all downloads take together."
        yield GaugeMetricFamily("yipyap_download_speed_bps", speed, queue.total_speed_bps)


def _host(report: HostReport) -> Iterable[Metric]:
    yield GaugeMetricFamily("yipyap_cpu_percent", "Load over all cores.", report.cpu.percent)
    memory = GaugeMetricFamily("yipyap_memory_bytes", "Main memory.", labels=["kind"])
    for name in ("total", "available", "server"):
        memory.add_metric([name], getattr(report.memory, f"{name}_bytes"))
    yield memory
    volumes = GaugeMetricFamily(
        "yipyap_volume_bytes", "Volumes of stores.", labels=["store", "kind"]
    )
    for volume in report.volumes:
        for store in volume.stores:
            volumes.add_metric([store, "total"], volume.total_bytes)
            volumes.add_metric([store, "free"], volume.free_bytes)
    yield volumes
    yield from _gpus(report)


def _gpus(report: HostReport) -> Iterable[Metric]:
    memory = GaugeMetricFamily(
        "yipyap_gpu_memory_bytes", "Memory of an accelerator.", labels=["gpu", "kind"]
    )
    load = GaugeMetricFamily("yipyap_gpu_percent", "Load of an accelerator.", labels=["gpu"])
    for gpu in report.gpus:
        if gpu.memory_total_bytes is not None:
            memory.add_metric([str(gpu.index), "total"], gpu.memory_total_bytes)
        if gpu.memory_used_bytes is not None:
            memory.add_metric([str(gpu.index), "used"], gpu.memory_used_bytes)
        if gpu.utilization_percent is not None:
            load.add_metric([str(gpu.index)], gpu.utilization_percent)
    yield memory
    yield load
