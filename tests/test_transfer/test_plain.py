"""The plain way: files arrive whole, checked, and in the layout that other tools accept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from tests.standins.hub import Hub, Pattern, Source, Token
from tests.test_transfer.support import (
    REPO,
    Control,
    assert_cache_is_right,
    blob_of,
    plan_of,
    snapshot_of,
    transfer_of,
)
from yipyap_core.domain.downloads import make_plan
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import RepoRef, RepoType
from yipyap_core.transfer import (
    discard_partials,
    present,
    store_listing,
    stored_commit,
    stored_listing,
)

FILES: dict[str, Source] = {
    "config.json": b'{"a": 1}',
    "empty.txt": b"",
    "model.safetensors": Pattern(20_000_000),
    "sub/ä name & more.bin": Pattern(300_000, 1),
    "sub/same.bin": Pattern(300_000, 1),
}
TOTAL_BYTES = 8 + 20_000_000 + 300_000


def test_a_snapshot_arrives_in_the_layout_of_the_hub_client(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
    assert control.done == dict.fromkeys(FILES, True)
    assert (control.fetched, control.kept, control.lost) == (TOTAL_BYTES, 0, 0)
    assert control.phases[0] is Phase.TRANSFERRING
    assert control.phases[-1] is Phase.COMMITTING


def test_the_real_client_takes_the_cache_for_its_own(
    hub: Hub, cache_dir: Path, control: Control, tmp_path: Path
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    hub.forget_requests()

    program = """
import json, sys
from huggingface_hub import HfApi, scan_cache_dir, snapshot_download
cache, repo, commit = sys.argv[1:]
scan = scan_cache_dir(cache)
found = next(iter(scan.repos))
verified = HfApi().verify_repo_checksums(repo, revision=commit, cache_dir=cache)
path = snapshot_download(repo, cache_dir=cache, local_files_only=True)
again = snapshot_download(repo, cache_dir=cache)
print(json.dumps([
    [str(one) for one in scan.warnings], found.repo_id, found.size_on_disk, sorted(found.refs),
    verified.checked_count, len(verified.mismatches), len(verified.missing_paths),
    path.endswith(commit), again == path,
]))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, str(cache_dir), REPO, plan.commit],
        env={**os.environ, **hub.environment(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    expected = [[], REPO, TOTAL_BYTES, ["main"], len(FILES), 0, 0, True, True]
    assert json.loads(result.stdout) == expected
    assert not hub.find(method="HEAD")
    assert not hub.find(port="cdn")


def test_a_second_run_fetches_nothing(hub: Hub, cache_dir: Path) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    transfer = transfer_of(hub.endpoint, cache_dir)
    transfer.run(plan, control=Control())
    hub.forget_requests()

    again = Control()
    transfer.run(plan, control=again)

    assert hub.requests == ()
    assert again.done == dict.fromkeys(FILES, False)
    assert (again.fetched, again.kept) == (0, TOTAL_BYTES)


def test_only_what_another_commit_changed_is_fetched(hub: Hub, cache_dir: Path) -> None:
    first = plan_of(hub, hub.add_repo(REPO, FILES))
    transfer = transfer_of(hub.endpoint, cache_dir)
    transfer.run(first, control=Control())
    second = plan_of(hub, hub.commit(REPO, {"config.json": b'{"a": 2}'}))
    hub.forget_requests()

    transfer.run(second, control=Control())

    assert [record.file for record in hub.requests] == ["config.json"]
    assert_cache_is_right(cache_dir, second)


def test_each_file_costs_one_request_to_the_hub_and_connections_are_kept(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    files: dict[str, Source] = {f"f{number}.txt": b"x" * number for number in range(1, 101)}
    plan = plan_of(hub, hub.add_repo(REPO, files))
    hub.forget_requests()
    before = hub.accepted_connections

    transfer_of(hub.endpoint, cache_dir, small_lanes=4).run(plan, control=control)

    assert len(hub.requests) == len(files)
    assert not hub.find(method="HEAD")
    assert hub.accepted_connections - before <= 4
    assert_cache_is_right(cache_dir, plan)


def test_the_token_goes_to_the_hub_and_nowhere_else(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    hub.add_token(Token("hf_secret", repos=frozenset({REPO})))
    commit = hub.add_repo(REPO, FILES)
    plan = plan_of(hub, commit)
    hub.forget_requests()

    transfer_of(hub.endpoint, cache_dir, token="hf_secret").run(plan, control=control)

    assert all(record.authorization for record in hub.find(port="api"))
    assert hub.find(port="cdn")
    assert not any(record.authorization for record in hub.find(port="cdn"))


def test_relative_redirects_of_small_files_are_followed(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    hub.configure(resolve_cache=True)
    plan = plan_of(hub, hub.add_repo(REPO, FILES))

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)


def test_presence_tells_whole_from_unfinished_and_from_missing(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES))
    empty = present(plan, cache_dir)
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)
    full = present(plan, cache_dir)
    blob_of(cache_dir, plan, "config.json").unlink()
    broken = present(plan, cache_dir)

    assert (empty.complete, empty.present_files, empty.kept_bytes) == (False, (), 0)
    assert (full.complete, full.kept_bytes, full.partial_bytes) == (True, TOTAL_BYTES, 0)
    assert not broken.complete
    assert "config.json" not in broken.present_files
    assert broken.kept_bytes == TOTAL_BYTES - 8
    assert discard_partials(plan, cache_dir) == 0


def test_listing_and_revision_can_be_read_back_without_the_hub(
    hub: Hub, cache_dir: Path, control: Control
) -> None:
    plan = plan_of(hub, hub.add_repo(REPO, FILES), allow=["*.json"])
    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    commit = stored_commit(cache_dir, plan.repo)
    assert commit == plan.commit
    listing = stored_listing(cache_dir, plan.repo, commit)
    assert listing is not None
    assert {file.path for file in listing.files} == set(FILES)
    assert [file.path for file in plan.files] == ["config.json"]
    store_listing(listing, cache_dir)
    assert stored_listing(cache_dir, plan.repo, "0" * 40) is None


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_other_kinds_of_repository_arrive_too(
    hub: Hub, cache_dir: Path, control: Control, kind: Literal["dataset", "space"]
) -> None:
    commit = hub.add_repo(REPO, FILES, repo_type=kind)
    repo = RepoRef(REPO, RepoType(kind))
    plan = make_plan(snapshot_of(hub, repo, commit), (), ())

    transfer_of(hub.endpoint, cache_dir).run(plan, control=control)

    assert_cache_is_right(cache_dir, plan)
