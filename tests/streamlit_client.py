"""A browser without a browser: speaks Streamlit's websocket, to attack it and to measure polls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

TIMEOUT_SECONDS = 30.0


@dataclass
class Run:
    """Everything that one run of the script sent."""

    messages: list[ForwardMsg] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Every string in the run, one a line: whatever a visitor could read is among them."""
        return "\n".join(part for message in self.messages for part in _strings(message))

    @property
    def drawn(self) -> set[str]:
        """The lines of all elements and of the navigation: what a visitor could see.

        Not what frames the messages: the ids of runs and fragments, and the greeting of a run,
        which repeats the navigation that this tab was sent before.
        """
        contents = [content for message in self.messages for content in _contents(message)]
        return {line for one in contents for text in _strings(one) for line in text.splitlines()}

    @property
    def fragment_ids(self) -> list[str]:
        """Fragments that the server asked to be run again by a timer."""
        return [
            one.auto_rerun.fragment_id
            for one in self.messages
            if one.WhichOneof("type") == "auto_rerun"
        ]

    @property
    def frames(self) -> dict[str, str]:
        """Component -> the fragment that it belongs to; empty: its reports run the whole page."""
        deltas = [one.delta for one in self.messages if one.WhichOneof("type") == "delta"]
        return {
            delta.new_element.component_instance.component_name: delta.fragment_id
            for delta in deltas
            if delta.new_element.WhichOneof("type") == "component_instance"
        }

    @property
    def page_script_hash(self) -> str:
        """What the server calls the page that was drawn; a browser sends it back with each ask."""
        sessions = [one for one in self.messages if one.WhichOneof("type") == "new_session"]
        return str(sessions[-1].new_session.page_script_hash)

    @property
    def button_ids(self) -> list[str]:
        """Widget ids of all buttons, in the order in which they were drawn."""
        return [found for message in self.messages if (found := _button_id(message, ""))]

    @property
    def labelled_buttons(self) -> dict[str, str]:
        """Label -> widget id, one button of each kind."""
        deltas = [one.delta for one in self.messages if one.WhichOneof("type") == "delta"]
        buttons = [one.new_element.button for one in deltas]
        return {one.label: one.id for one in buttons if one.id}

    def button_id(self, key: str) -> str:
        """Widget id of the button with this key."""
        for message in self.messages:
            if found := _button_id(message, key):
                return found
        raise LookupError(f"no button {key!r} in this run")


class StreamlitClient:
    """One session of one visitor, for a `with` block."""

    def __init__(self, port: int, *, cookie: str | None = None, path: str = "") -> None:
        """Connect later; `cookie` is a whole header, such as `name=value`."""
        headers = {"Origin": f"http://127.0.0.1:{port}"}
        if cookie:
            headers["Cookie"] = cookie
        self._url = f"http://127.0.0.1:{port}/{path}"
        self._stack = ExitStack()
        self._connecting = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream",
            additional_headers=headers,
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            proxy=None,
        )

    def __enter__(self) -> Self:
        """Connect; nothing is sent yet."""
        self._socket: ClientConnection = self._stack.enter_context(self._connecting)
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._stack.close()

    def load(self, page_name: str = "", *, page_script_hash: str = "") -> Run:
        """Ask for a page as a browser does that has just been opened."""
        return self._rerun(page_name=page_name, page_script_hash=page_script_hash)

    def poll(self, fragment_id: str, *, page_script_hash: str = "") -> Run:
        """Run one fragment again, as its timer does."""
        return self._rerun(fragment_id=fragment_id, page_script_hash=page_script_hash)

    def press(self, widget_id: str, *, page_script_hash: str = "") -> Run:
        """Press a button of an earlier run."""
        return self._rerun(pressed=widget_id, page_script_hash=page_script_hash)

    def press_amid(self, widget_id: str, fragment_id: str, *, page_script_hash: str) -> None:
        """Press a button, and let a timer strike right after; nothing is waited for."""
        self._ask(pressed=widget_id, page_script_hash=page_script_hash)
        self._ask(fragment_id=fragment_id, page_script_hash=page_script_hash)

    def until_button(self, key: str) -> str:
        """Widget id of a button as soon as it is drawn, the run still under way."""
        while not (found := _button_id(self._receive(), key)):
            continue
        return found

    def _rerun(self, **wanted: str) -> Run:
        self._ask(**wanted)
        return Run(list(self._until_finished()))

    def _ask(
        self,
        *,
        page_name: str = "",
        page_script_hash: str = "",
        fragment_id: str = "",
        pressed: str = "",
    ) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.page_name, state.page_script_hash = page_name, page_script_hash
        state.fragment_id, state.is_auto_rerun = fragment_id, bool(fragment_id)
        state.context_info.url = self._url
        state.context_info.timezone = "Europe/Berlin"
        if pressed:
            widget = state.widget_states.widgets.add()
            widget.id, widget.trigger_value = pressed, True
        self._socket.send(message.SerializeToString())

    def _until_finished(self) -> Iterator[ForwardMsg]:
        while True:
            message = self._receive()
            yield message
            if message.WhichOneof("type") == "script_finished" and not _goes_on(message):
                return

    def _receive(self) -> ForwardMsg:
        data = self._socket.recv(timeout=TIMEOUT_SECONDS)
        assert isinstance(data, bytes)
        message: ForwardMsg = ForwardMsg.FromString(data)
        return message


def _button_id(message: ForwardMsg, key: str) -> str:
    """Widget id of the button with this key, if that is what the message brings; "": of any."""
    is_delta = message.WhichOneof("type") == "delta"
    found: str = message.delta.new_element.button.id if is_delta else ""
    return found if found.endswith(f"-{key}" if key else "") else ""


def _contents(message: ForwardMsg) -> list[Any]:
    """The parts of a message that end up on the screen."""
    match message.WhichOneof("type"):
        case "delta":
            return [message.delta.new_element, message.delta.add_block]
        case "navigation":
            return [message.navigation]
        case "page_config_changed":
            return [message.page_config_changed]
        case _:
            return []


def _goes_on(message: ForwardMsg) -> bool:
    """Whether the run ended early because the script asked for another one."""
    return message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN


def _strings(message: Any) -> Iterator[str]:
    for descriptor, value in message.ListFields():
        for one in value if descriptor.is_repeated else [value]:
            if isinstance(one, str):
                yield one
            elif hasattr(one, "ListFields"):
                yield from _strings(one)
