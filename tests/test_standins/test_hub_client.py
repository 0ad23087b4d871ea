"""The real client of the hub is content with the stand-in."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.hub import Hub, Pattern, Source, Stage, Status, Token, write_pattern
from tests.test_standins.conftest import ClientError, RealClient

WEIGHTS = Pattern(3_000_001, seed=7)
FILES: dict[str, Source] = {
    "model.safetensors": WEIGHTS,
    "config.json": b'{"a": 1}',
    "sub/deep/a.txt": b"abc",
}


def test_information_names_sizes_and_hashes(hub: Hub, client: RealClient, tmp_path: Path) -> None:
    commit = hub.add_repo("org/info", FILES, license="apache-2.0", library="timm")
    write_pattern(tmp_path / "weights", WEIGHTS)
    sha256 = hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()

    result = client.run(
        """
info = HfApi().model_info("org/info", files_metadata=True)
result = [info.sha, info.card_data.license, info.library_name, info.gated,
          [[s.rfilename, s.size, s.lfs and s.lfs.sha256] for s in info.siblings]]
"""
    )

    assert result == [
        commit,
        "apache-2.0",
        "timm",
        False,
        [
            ["config.json", 8, None],
            ["model.safetensors", 3_000_001, sha256],
            ["sub/deep/a.txt", 3, None],
        ],
    ]


def test_tree_comes_in_pages(hub: Hub, client: RealClient) -> None:
    hub.add_repo("org/many", {f"d{n % 10}/{n}.txt": b"%d" % n for n in range(2500)})

    code = """
items = list(HfApi().list_repo_tree("org/many", recursive=True))
kinds = [type(item).__name__ for item in items]
result = [kinds.count("RepoFile"), kinds.count("RepoFolder")]
"""
    assert client.run(code) == [2500, 10]
    assert len(hub.find("/api/models/org/many/tree/main")) == 3


def test_tree_of_one_folder_lists_its_children_only(hub: Hub, client: RealClient) -> None:
    hub.add_repo("org/info", FILES)
    code = "result = [i.path for i in HfApi().list_repo_tree('org/info', path)]"
    listed = [client.run(code, path=path) for path in (None, "sub")]
    assert listed == [["config.json", "model.safetensors", "sub"], ["sub/deep"]]


def test_path_information_leaves_unknown_paths_out(hub: Hub, client: RealClient) -> None:
    hub.add_repo("org/info", FILES)
    code = """
found = HfApi().get_paths_info("org/info", ["config.json", "nothing", "sub"])
result = [i.path for i in found]
"""
    assert client.run(code) == ["config.json", "sub"]


def test_search_finds_by_name_and_pages(hub: Hub, client: RealClient) -> None:
    for number in range(5):
        hub.add_repo(f"search/Needle-{number}", {"a": b"a"})
    code = "result = [m.id for m in HfApi().list_models(search='needle')]"
    assert client.run(code) == [f"search/Needle-{number}" for number in range(5)]
    assert client.run(code.replace("'needle'", "'needle', limit=2")) == [
        "search/Needle-0",
        "search/Needle-1",
    ]


def test_whoami_knows_the_token_and_refuses_others(hub: Hub, client: RealClient) -> None:
    hub.add_token(Token("hf_good", user="alice", role="fineGrained"))
    code = "result = HfApi().whoami(token)"
    told = client.run(code, token="hf_good")
    assert (told["name"], told["auth"]["accessToken"]["role"]) == ("alice", "fineGrained")
    with pytest.raises(ClientError) as caught:
        client.run(code, token="hf_unknown")
    assert "Invalid user token" in caught.value.message


def test_download_redirects_large_files_and_keeps_the_token_at_home(
    hub: Hub, client: RealClient, tmp_path: Path
) -> None:
    hub.add_token(Token("hf_good"))
    hub.add_repo("org/info", FILES)
    code = """
paths = [hf_hub_download("org/info", name, cache_dir=cache, token="hf_good")
         for name in ("model.safetensors", "config.json")]
result = [open(path, "rb").read().hex()[:32] for path in paths]
"""
    write_pattern(tmp_path / "weights", WEIGHTS)
    expected = (tmp_path / "weights").read_bytes().hex()[:32]
    assert client.run(code, cache=str(tmp_path)) == [expected, b'{"a": 1}'.hex()]

    blobs = hub.find(port="cdn")
    assert [record.method for record in blobs] == ["GET"]
    assert not blobs[0].authorization
    assert all(record.authorization for record in hub.find(port="api"))
    assert hub.bytes_sent("model.safetensors") == WEIGHTS.size_bytes


@pytest.mark.parametrize("repo_type", ["model", "dataset", "space"])
def test_snapshot_is_complete_and_verifies(
    hub: Hub, client: RealClient, tmp_path: Path, repo_type: str
) -> None:
    hub.configure(resolve_cache=True)
    hub.add_repo("org/kinds", FILES, repo_type=repo_type)  # type: ignore[arg-type]  # parametrised
    code = """
snapshot_download("org/kinds", repo_type=kind, cache_dir=cache)
found = HfApi().verify_repo_checksums("org/kinds", repo_type=kind, cache_dir=cache)
result = [found.checked_count, found.mismatches, sorted(found.missing_paths)]
"""
    assert client.run(code, kind=repo_type, cache=str(tmp_path)) == [3, [], []]
    assert hub.find(f"/api/resolve-cache/{repo_type}s/*", method="GET")


def test_revisions_are_branches_tags_and_commits(hub: Hub, client: RealClient) -> None:
    first = hub.add_repo("org/history", {"a.txt": b"one"})
    hub.tag("org/history", "v1")
    second = hub.commit("org/history", {"a.txt": b"two", "b.txt": b"new"})
    side = hub.commit("org/history", {"b.txt": None}, revision="side/branch")
    code = """
api = HfApi()
result = [[api.model_info("org/history", revision=r).sha for r in revisions],
          [s.rfilename for s in api.model_info("org/history", revision="side/branch").siblings],
          [b.name for b in api.list_repo_refs("org/history").branches],
          [c.commit_id for c in api.list_repo_commits("org/history")]]
"""
    revisions = ["main", "v1", "side/branch", first]
    assert client.run(code, revisions=revisions) == [
        [second, first, side, first],
        ["a.txt"],
        ["main", "side/branch"],
        [side, second, first],
    ]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "log in"),
        (Token("hf_stranger"), "not in the authorized list"),
        (
            Token("hf_fine", role="fineGrained", repos=frozenset({"org/gate"}), gated_scope=False),
            "fine-grained token settings",
        ),
    ],
)
def test_gated_repositories_refuse_each_in_their_words(
    hub: Hub, client: RealClient, tmp_path: Path, token: Token | None, words: str
) -> None:
    hub.add_repo("org/gate", FILES, gated="manual")
    if token is not None:
        hub.add_token(token)
    code = """
assert HfApi().model_info("org/gate").gated == "manual"
hf_hub_download("org/gate", "config.json", cache_dir=cache, token=token)
"""
    with pytest.raises(ClientError) as caught:
        client.run(code, cache=str(tmp_path), token=token.value if token else False)
    assert caught.value.kinds[0] == "GatedRepoError"
    assert words in caught.value.message


def test_gated_repositories_let_the_authorized_in(
    hub: Hub, client: RealClient, tmp_path: Path
) -> None:
    hub.add_repo("org/gate", FILES, gated="auto")
    hub.add_token(Token("hf_in", repos=frozenset({"org/gate"})))
    code = """
HfApi().auth_check("org/gate", token="hf_in")
path = hf_hub_download("org/gate", "config.json", cache_dir=cache, token="hf_in")
result = len(open(path).read())
"""
    assert client.run(code, cache=str(tmp_path)) == 8


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("HfApi().model_info('org/private', token=False)", "RepositoryNotFoundError"),
        ("HfApi().model_info('org/none', token='hf_other')", "RepositoryNotFoundError"),
        ("HfApi().model_info('org/info', revision='none')", "RevisionNotFoundError"),
        ("hf_hub_download('org/info', 'none.txt', cache_dir=cache)", "RemoteEntryNotFoundError"),
        ("HfApi().model_info('org/info', token='hf_invalid')", "HfHubHTTPError"),
    ],
)
def test_errors_arrive_as_the_clients_own(
    hub: Hub, client: RealClient, tmp_path: Path, code: str, kind: str
) -> None:
    hub.add_token(Token("hf_other"))
    hub.add_repo("org/private", FILES, private=True)
    hub.add_repo("org/info", FILES)
    with pytest.raises(ClientError) as caught:
        client.run(code, cache=str(tmp_path))
    assert caught.value.kinds[0] == kind


def test_expired_addresses_are_refused(hub: Hub, client: RealClient, tmp_path: Path) -> None:
    hub.configure(signature_seconds=-1)
    hub.add_repo("org/info", FILES)
    with pytest.raises(ClientError) as caught:
        client.run(
            "hf_hub_download('org/info', 'model.safetensors', cache_dir=cache)",
            cache=str(tmp_path),
        )
    assert caught.value.kinds[0] == "HfHubHTTPError"
    assert [record.status for record in hub.find(port="cdn")] == [403]


def test_status_fault_carries_the_error_code(hub: Hub, client: RealClient) -> None:
    hub.add_repo("org/info", FILES)
    hub.inject(Status(404, "RevisionNotFound"), path="/api/models/org/info*", count=1)
    with pytest.raises(ClientError) as caught:
        client.run("HfApi().model_info('org/info')")
    assert caught.value.kinds[0] == "RevisionNotFoundError"
    assert client.run("result = HfApi().model_info('org/info').id") == "org/info"


def test_files_of_a_chunk_store_are_marked_and_come_by_http_too(
    hub: Hub, client: RealClient, tmp_path: Path
) -> None:
    hub.add_repo("org/chunks", FILES, xet=True)
    code = """
path = hf_hub_download("org/chunks", "model.safetensors", cache_dir=cache)
found = {i.path: i.xet_hash for i in HfApi().list_repo_tree("org/chunks") if hasattr(i, "xet_hash")}
result = [len(open(path, "rb").read()), found]
"""
    size_bytes, hashes = client.run(code, cache=str(tmp_path))
    assert size_bytes == WEIGHTS.size_bytes
    assert len(hashes["model.safetensors"]) == 64
    assert hashes["config.json"] is None


def test_a_chunk_store_that_knows_nothing_ends_the_clients_download(
    hub: Hub, client: RealClient, tmp_path: Path
) -> None:
    hub.add_repo("org/chunks", FILES, xet=True)
    hub.inject(Status(404), on=Stage.CAS)
    code = (
        "from huggingface_hub import hf_hub_download as get; get('org/chunks', 'model.safetensors')"
    )
    environment = {**client.environment, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "RuntimeError" in done.stderr
    assert hub.find("/api/models/org/chunks/xet-read-token/*")
    assert 404 in [record.status for record in hub.find(port="cdn")]


def test_command_line_downloads_and_verifies(hub: Hub, client: RealClient, tmp_path: Path) -> None:
    hub.add_repo("org/info", FILES)
    environment = {**client.environment, "HF_HOME": str(tmp_path)}
    command = [str(Path(sys.executable).with_name("hf"))]
    for arguments in (["download", "org/info"], ["cache", "verify", "org/info"]):
        done = subprocess.run(
            command + arguments, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "3" in done.stdout
