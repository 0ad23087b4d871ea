"""Answers leave at once, whoever opened the server's socket."""

from __future__ import annotations

import socket

from yipyap_core.listening import answer_at_once


def test_connections_of_every_listening_socket_send_at_once() -> None:
    with socket.socket(socket.AF_INET) as listener:  # as Streamlit opens it: no protocol named
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert answer_at_once() >= 1
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert listener.fileno() >= 0  # still ours
        assert answer_at_once() >= 1


def test_sockets_that_do_not_listen_and_other_files_are_left_alone() -> None:
    with socket.socket(socket.AF_INET) as idle, socket.socket(socket.AF_UNIX) as other:
        answer_at_once()
        assert not idle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert other.fileno() >= 0
