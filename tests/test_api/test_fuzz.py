"""Whatever comes in, the answer is never a 500."""

from __future__ import annotations

import json
import string
from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_api.test_access import ROWS

WRITES = sorted(key for key in ROWS if key[0] != "GET")
READS = sorted(key for key in ROWS if key[0] == "GET" and key[1] != "/events")

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "\0", "admin", "jtp2", "../..", "x" * 300, 10**400, -1, "\N{SNOWMAN}", "\ud800"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
segments = st.text(string.printable + "\0äé\N{SNOWMAN}", max_size=30)


def field_names(client: TestClient) -> list[str]:
    """Every name of a field that some body has."""
    schemas = client.get("/openapi.json").json()["components"]["schemas"].values()
    return sorted({name for schema in schemas for name in schema.get("properties", {})})


def filled(template: str, segment: str) -> str:
    path = template
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + (quote(segment, safe="") or "x") + path[end + 1 :]
    return path


def check(answer: Any) -> None:
    assert answer.status_code != 500, answer.request.url
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@settings(max_examples=20)
@given(st.data())
def test_bodies_of_any_shape(ada: TestClient, data: st.DataObject) -> None:
    names = st.sampled_from(field_names(ada)) | st.text(max_size=8)
    body = data.draw(st.dictionaries(names, values, max_size=8) | values)
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    for method, template in WRITES:
        path = ROWS[method, template].path or template
        check(ada.request(method, path, content=content, headers=headers))


@settings(max_examples=20)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            "application/json",
            "text/plain",
            "x",
            "",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
        ]
    ),
)
def test_bodies_of_any_bytes(ada: TestClient, content: bytes, media_type: str) -> None:
    for method, template in WRITES:
        path = ROWS[method, template].path or template
        check(ada.request(method, path, content=content, headers={"Content-Type": media_type}))


@settings(max_examples=20)
@given(segments, segments)
def test_paths_and_queries_of_any_text(ada: TestClient, segment: str, query: str) -> None:
    for method, template in READS:
        if template.startswith("/hub/"):
            continue  # would ask a real hub
        params = {"q": query, "limit": query, "keep": query, query: segment}
        check(ada.request(method, filled(template, segment), params=params))
    for method, template in WRITES:
        if "{" in template:
            check(ada.request(method, filled(template, segment), params={"keep": query}))


@settings(max_examples=20)
@given(st.text(string.printable.strip() + " ", max_size=60))
def test_headers_of_any_text(ada: TestClient, text: str) -> None:
    names = ["Authorization", "Cookie", "If-None-Match", "If-Match", "X-Request-ID", "Content-Type"]
    for name in names:
        check(ada.get("/model-registry", headers={name: text.strip()}))
        check(ada.post("/users", headers={name: text.strip()}, content=b"{}"))
