from __future__ import annotations

import threading

import pytest

from yipyap_core.jobs.tokens import CancelToken, JobStopped, StopReason


def test_a_token_is_cancelled_once_and_keeps_the_first_reason() -> None:
    token = CancelToken()
    token.raise_if_cancelled()
    assert token.cancel(StopReason.PAUSE)
    assert not token.cancel(StopReason.CANCEL)
    with pytest.raises(JobStopped) as stopped:
        token.raise_if_cancelled()
    assert stopped.value.reason is token.reason is StopReason.PAUSE


def test_callbacks_run_once_and_late_ones_at_once() -> None:
    token, calls = CancelToken(), list[str]()
    token.on_cancel(lambda: calls.append("first"))
    withdraw = token.on_cancel(lambda: calls.append("withdrawn"))
    withdraw()
    token.cancel(StopReason.CANCEL)
    token.cancel(StopReason.CANCEL)
    token.on_cancel(lambda: calls.append("late"))()
    assert calls == ["first", "late"]


def test_a_waiter_is_woken_at_once() -> None:
    token, woken = CancelToken(), threading.Event()

    def wait() -> None:
        if token.wait(60):
            woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    token.cancel(StopReason.SHUTDOWN)
    assert woken.wait(10)
    thread.join()


def test_a_broad_handler_cannot_swallow_the_stop() -> None:
    token = CancelToken()
    token.cancel(StopReason.CANCEL)
    with pytest.raises(JobStopped):
        try:
            token.raise_if_cancelled()
        except Exception:  # noqa: BLE001 - what a careless library does
            pytest.fail("swallowed")
