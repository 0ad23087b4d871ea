"""The hub's metadata through its own client: exact listings, and errors in our own words."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import pytest

from tests.standins.hub import (
    CaptivePortal,
    Fault,
    Hang,
    Hub,
    Pattern,
    ResetBeforeAnswer,
    Source,
    Status,
    Token,
    TooManyRequests,
)
from yipyap_core.clients.hub import HubClient
from yipyap_core.clients.hub_session import without_signatures
from yipyap_core.domain.models import RepoRef, RepoType
from yipyap_core.errors import (
    GatedRepository,
    HubAnswerInvalid,
    HubBusy,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
    TokenRejected,
    TransferError,
)

REPO = "org/model"
FILES: dict[str, Source] = {
    "config.json": b"{}",
    "model.safetensors": Pattern(3_000_000),
    "sub/copy.safetensors": Pattern(3_000_000),
}


def client_of(hub: Hub, token: str | None = None) -> HubClient:
    return HubClient(hub.endpoint, lambda: token)


def test_a_revision_is_resolved_to_its_commit_and_every_file(hub: Hub) -> None:
    commit = hub.add_repo(REPO, FILES)

    snapshot = client_of(hub).resolve(RepoRef(REPO))

    assert snapshot.commit == commit
    assert {file.path: file.size_bytes for file in snapshot.files} == {
        "config.json": 2,
        "model.safetensors": 3_000_000,
        "sub/copy.safetensors": 3_000_000,
    }
    by_path = {file.path: file for file in snapshot.files}
    assert by_path["config.json"].sha256 is None
    assert len(by_path["config.json"].etag) == 40
    assert len(by_path["model.safetensors"].etag) == 64
    assert by_path["model.safetensors"].etag == by_path["sub/copy.safetensors"].etag


@pytest.mark.parametrize("kind", [RepoType.DATASET, RepoType.SPACE])
def test_other_kinds_of_repository_are_resolved(hub: Hub, kind: RepoType) -> None:
    commit = hub.add_repo(REPO, FILES, repo_type=kind.value)

    assert client_of(hub).resolve(RepoRef(REPO, kind)).commit == commit


def test_ten_thousand_files_come_in_pages(hub: Hub) -> None:
    files: dict[str, Source] = {f"{number // 100:03}/{number:05}": b"x" for number in range(10_000)}
    hub.add_repo(REPO, files)

    snapshot = client_of(hub).resolve(RepoRef(REPO))

    assert {file.path for file in snapshot.files} == set(files)
    assert len(hub.find("/api/models/org/model/tree/*")) >= 10


def test_a_tag_and_a_commit_are_revisions_too(hub: Hub) -> None:
    first = hub.add_repo(REPO, FILES)
    hub.tag(REPO, "v1")
    second = hub.commit(REPO, {"config.json": b"{1}"})

    assert client_of(hub).resolve(RepoRef(REPO, revision="v1")).commit == first
    assert client_of(hub).resolve(RepoRef(REPO, revision=first)).commit == first
    assert client_of(hub).resolve(RepoRef(REPO)).commit == second


def test_what_does_not_exist_is_named(hub: Hub) -> None:
    hub.add_repo(REPO, FILES)

    with pytest.raises(RepositoryNotFound) as repository:
        client_of(hub).resolve(RepoRef("org/other"))
    with pytest.raises(RevisionNotFound) as revision:
        client_of(hub).resolve(RepoRef(REPO, revision="v9"))

    assert "org/other" in repository.value.message
    assert "v9" in revision.value.message


def test_a_private_repository_is_hidden_from_who_may_not_see_it(hub: Hub) -> None:
    hub.add_repo(REPO, FILES, private=True)
    hub.add_token(Token("hf_mine", repos=frozenset({REPO})))

    assert client_of(hub, "hf_mine").resolve(RepoRef(REPO)).files
    with pytest.raises(RepositoryNotFound):
        client_of(hub).resolve(RepoRef(REPO))


def test_a_token_that_nobody_issued_is_rejected(hub: Hub) -> None:
    hub.add_repo(REPO, FILES)

    with pytest.raises(TokenRejected) as caught:
        client_of(hub, "hf_wrong_secret").resolve(RepoRef(REPO))

    assert "hf_wrong_secret" not in caught.value.message


def test_a_missing_token_is_not_called_a_wrong_one(hub: Hub) -> None:
    hub.add_repo(REPO, FILES)
    hub.inject(Status(403), path="/api/models/org/model/*")

    with pytest.raises(TokenRejected) as caught:
        client_of(hub).resolve(RepoRef(REPO))

    assert "without a token" in caught.value.message
    assert "wrong" not in caught.value.hint


PASSING: list[tuple[Fault, type[TransferError]]] = [
    (Status(500), HubBusy),
    (Status(503), HubBusy),
    (TooManyRequests(31), HubBusy),
    (ResetBeforeAnswer(), HubUnreachable),
    (CaptivePortal(), HubAnswerInvalid),
    (Status(418), HubAnswerInvalid),
    (Status(403), TokenRejected),
    (Status(403, "GatedRepo"), GatedRepository),
]


@pytest.mark.parametrize(("fault", "kind"), PASSING)
def test_errors_of_the_client_are_said_in_our_words(
    hub: Hub, fault: Fault, kind: type[TransferError]
) -> None:
    hub.add_repo(REPO, FILES)
    hub.inject(fault, path="/api/models/org/model/revision/*")

    with pytest.raises(kind) as caught:
        client_of(hub).resolve(RepoRef(REPO))

    assert REPO in caught.value.message
    if isinstance(fault, TooManyRequests):
        assert isinstance(caught.value, HubBusy)
        assert caught.value.retry_after_seconds == 31


@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize("place", ["revision", "tree"])
def test_a_hub_that_asks_for_a_long_wait_is_told_of_at_once(
    hub: Hub, place: str, as_date: bool
) -> None:
    hub.add_repo(REPO, FILES)
    hub.inject(TooManyRequests(600, as_date=as_date), path=f"/api/models/org/model/{place}/*")

    with pytest.raises(HubBusy) as caught:
        client_of(hub).resolve(RepoRef(REPO))

    assert REPO in caught.value.message
    assert caught.value.retry_after_seconds is not None
    assert 590 <= caught.value.retry_after_seconds <= 600


def test_a_hub_that_is_away_is_unreachable(hub: Hub) -> None:
    hub.add_repo(REPO, FILES)
    hub.stop()

    with pytest.raises(HubUnreachable):
        client_of(hub).resolve(RepoRef(REPO))


def test_a_search_finds_models(hub: Hub) -> None:
    hub.add_repo("org/wd-tagger", FILES, tags=["onnx"], gated="auto")
    hub.add_repo("org/other", FILES)

    hits = client_of(hub).search("tagger")

    assert [hit.repo_id for hit in hits] == ["org/wd-tagger"]
    assert hits[0].gated
    assert "onnx" in hits[0].tags


def test_a_preflight_says_size_licence_and_access(hub: Hub) -> None:
    hub.add_repo(REPO, FILES, license="apache-2.0")

    preflight = client_of(hub).preflight(RepoRef(REPO))

    assert preflight.size_bytes == 3_000_002
    assert preflight.file_count == 3
    assert preflight.license == "apache-2.0"
    assert (preflight.gated, preflight.access, preflight.has_token) == (False, True, False)


@pytest.mark.parametrize(
    ("token", "access"),
    [
        (None, False),
        (Token("hf_in", repos=frozenset({REPO})), True),
        (Token("hf_out"), False),
        (Token("hf_fine", role="fineGrained", repos=frozenset({REPO}), gated_scope=False), False),
    ],
)
def test_a_preflight_says_whether_the_gate_opens(
    hub: Hub, token: Token | None, access: bool
) -> None:
    hub.add_repo(REPO, FILES, gated="manual")
    if token is not None:
        hub.add_token(token)

    preflight = client_of(hub, token.value if token else None).preflight(RepoRef(REPO))

    assert preflight.gated
    assert preflight.access is access
    assert (preflight.access_hint is None) is access


def test_signed_addresses_do_not_reach_the_log() -> None:
    record = logging.LogRecord(
        *("huggingface_hub.utils._http", logging.WARNING, __file__, 1),
        "'%s' thrown while requesting GET https://cdn/x/y?Signature=abc&Expires=1",
        ("ReadTimeout http://cdn/z?Policy=p",),
        None,
    )

    assert without_signatures(record)
    assert record.getMessage() == (
        "'ReadTimeout http://cdn/z' thrown while requesting GET https://cdn/x/y"
    )


def test_the_hubs_client_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys; from yipyap_core.clients.hub import HubClient; HubClient('http://x', str);"
        "import yipyap_core.transfer;"
        "print([name for name in ('huggingface_hub', 'httpx2') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_a_silent_hub_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from yipyap_core.clients import hub_session

    clients: list[object] = []
    monkeypatch.setattr("huggingface_hub.set_client_factory", clients.append)
    hub_session._prepare.__wrapped__(7.0)
    make = clients[0]
    assert callable(make)
    request = make().build_request("GET", hub.endpoint, timeout=None)

    assert request.extensions["timeout"]["read"] == 7.0


def test_a_person_does_not_wait_for_a_hub_that_is_away() -> None:
    began = time.monotonic()
    client = HubClient("http://127.0.0.1:1", lambda: None)
    with pytest.raises(HubUnreachable):
        client.search("x")
    with pytest.raises(HubUnreachable):
        client.preflight(RepoRef("a/b"))
    assert time.monotonic() - began < 5


def test_a_person_waits_a_few_seconds_for_a_silent_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yipyap_core.clients.hub_session.ANSWER_SECONDS", 0.6)
    hub.inject(Hang())
    with pytest.raises(HubUnreachable, match="in time"):
        client_of(hub).search("x")
    assert len(hub.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_person_is_told_at_once_that_the_hub_is_busy(hub: Hub, status: int) -> None:
    hub.inject(Status(status))
    with pytest.raises(HubBusy, match=str(status)):
        client_of(hub).search("x")
    assert len(hub.requests) == 1


def test_a_person_is_asked_for_once_more_where_a_kept_connection_was_dropped(hub: Hub) -> None:
    hub.add_repo("org/mine", {"a": b"a"})
    client = client_of(hub)
    client.search("mine")
    hub.inject(ResetBeforeAnswer(), count=1)
    assert [hit.repo_id for hit in client.search("mine")] == ["org/mine"]
