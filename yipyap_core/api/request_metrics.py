"""Counts the answers of the API, in a registry of its own, for `GET /api/metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)


class RequestMetrics:
    """How many answers of which kind, and how long they took."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        self._answers = Counter(
            "yipyap_api_requests",
            "Answers of the API.",
            ["method", "path", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "yipyap_api_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["path"],
            buckets=BUCKETS,
            registry=self.registry,
        )

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answer; `path` is the declared one, so that labels stay few."""
        self._answers.labels(method, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
