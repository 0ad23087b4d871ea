from __future__ import annotations

import threading

from yipyap_core.services.events import EventBus


def test_a_listener_goes_on_after_the_last_event_it_saw() -> None:
    bus = EventBus()
    first, second = bus.publish("download", "a"), bus.publish("download", "b", {"x": 1})
    assert bus.position_of(first.event_id) == first.number
    assert bus.after(first.number) == (second,)
    assert bus.position_of(None) == bus.last_number
    assert bus.after(bus.last_number) == ()


def test_a_listener_that_missed_too_much_is_told_so() -> None:
    bus = EventBus(length=3)
    events = [bus.publish("download", str(number)) for number in range(6)]
    assert bus.position_of(events[1].event_id) is None
    assert bus.position_of(events[2].event_id) == 3
    assert [event.id for event in bus.after(3)] == ["3", "4", "5"]


def test_an_id_of_another_run_or_none_at_all_is_unknown() -> None:
    bus, earlier = EventBus(), EventBus()
    for wrong in (earlier.publish("download", "a").event_id, "nonsense", "-", "1-²", "x-9"):
        assert bus.position_of(wrong) is None


def test_a_waiter_is_woken_by_the_next_event() -> None:
    bus, heard = EventBus(), list[str]()
    waiting = threading.Thread(target=lambda: heard.extend(event.id for event in bus.wait(0, 30)))
    waiting.start()
    bus.publish("download", "a")
    waiting.join(30)
    assert heard == ["a"]
    assert bus.wait(bus.last_number, 0) == ()


def test_a_withdrawn_callback_is_not_called() -> None:
    bus, calls = EventBus(), list[int]()
    withdraw = bus.on_publish(lambda: calls.append(1))
    bus.publish("download", "a")
    withdraw()
    bus.publish("download", "b")
    assert calls == [1]
