"""The HF Cache tab as an administrator uses it: look, plan, delete, undo, verify, reclaim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from huggingface_hub import snapshot_download
from playwright.sync_api import Locator, expect
from streamlit.util import calc_hash

from tests.browser import PASSWORD, Server, Visit, Visitor, fresh_server, press
from tests.standins.hub import Pattern, Stall
from tests.standins.waiting import wait_until
from tests.streamlit_client import StreamlitClient
from tests.test_clients.caches import RepoMaker, content_bytes, picture
from yipyap_core.domain.users import SYSTEM, Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

VIT = "SmilingWolf/wd-vit-tagger-v3"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module alone: its cache is filled and cleared as the tests like."""
    with fresh_server(tmp_path_factory.mktemp("server")) as server:
        server.add("alice", Role.ADMIN)
        server.start()
        yield server


@pytest.fixture
def cache_dir(house: Server) -> Path:
    """An empty cache with an empty trash."""
    path = house.folder / "huggingface" / "hub"
    if path.exists():
        path.rename(house.folder / f"was-{len(list(house.folder.iterdir()))}")
    path.mkdir(parents=True)
    return path


@pytest.fixture
def repo(cache_dir: Path) -> RepoMaker:
    """Two revisions that share a file, and a partial file."""
    repo = RepoMaker(cache_dir, VIT)
    repo.commit({"model.safetensors": b"1" * 400_000, "same.bin": b"2" * 50_000}, refs=())
    repo.commit({"model.safetensors": b"3" * 500_000, "same.bin": b"2" * 50_000})
    repo.hub_partial(30_000)
    return repo


def open_page(visit: Visit, house: Server) -> Visitor:
    visitor = visit(house, "hf-cache", signed_in="alice")
    visitor.sees("HF Cache")
    return visitor


def row(visitor: Visitor, repo: RepoMaker) -> Locator:
    return visitor.page.locator(f".st-key-cache-{repo.folder.replace('.', '-')}")


def press_button(place: Visitor | Locator, name: str) -> None:
    where = place.page if isinstance(place, Visitor) else place
    press(where.get_by_role("button", name=name, exact=True))


def metric(visitor: Visitor, label: str) -> Locator:
    return visitor.page.get_by_test_id("stMetric").filter(has_text=label)


def view(visitor: Visitor, name: str) -> None:
    press(visitor.page.get_by_role("radio", name=name))


def toast(visitor: Visitor, text: str) -> None:
    expect(visitor.page.get_by_test_id("stToast").filter(has_text=text).first).to_be_visible()


def test_shows_totals_directory_and_every_repository(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    RepoMaker(cache_dir, "org/data", "dataset").commit({"t.parquet": b"5" * 1000})
    visitor = open_page(visit, house)

    expect(metric(visitor, "Total Size")).to_contain_text("951")
    expect(metric(visitor, "Model Count")).to_contain_text("1")
    expect(metric(visitor, "Partial files")).to_contain_text("30.0")
    expect(metric(visitor, "Free on the volume")).to_be_visible()
    expect(visitor.page.get_by_text(str(cache_dir))).to_be_visible()
    expect(visitor.page.get_by_text("chosen by HF_HOME")).to_be_visible()
    expect(row(visitor, repo)).to_contain_text("2 revisions · 1 detached")
    expect(row(visitor, repo)).to_contain_text("Registry")
    expect(visitor.page.get_by_text("org/data")).to_be_visible()
    visitor.page.get_by_placeholder("Name, type or commit").fill("dataset")
    expect(row(visitor, repo)).to_have_count(0)


def test_refresh_sees_what_came_meanwhile(house: Server, visit: Visit, cache_dir: Path) -> None:
    visitor = open_page(visit, house)
    expect(visitor.page.get_by_text("The cache is empty. Download a model")).to_be_visible()
    RepoMaker(cache_dir, "org/late").commit({"x.bin": b"1" * 1000})

    press_button(visitor, "Refresh")

    expect(visitor.page.get_by_text("org/late")).to_be_visible()


def test_clear_needs_the_typed_word_and_can_be_undone(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    before = picture(cache_dir)
    visitor = open_page(visit, house)
    press_button(visitor, "Clear Cache")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("The volume gains 980")
    expect(dialog).to_contain_text(VIT)
    move = dialog.get_by_role("button", name="Move to the trash")
    expect(move).to_be_disabled()
    dialog.get_by_label("Type clear to confirm").fill("clear")
    expect(move).to_be_enabled()
    press(move)
    toast(visitor, "went into the trash")
    expect(dialog).to_have_count(0)
    expect(metric(visitor, "Total Size")).to_contain_text("0 B")
    expect(metric(visitor, "Trash")).to_contain_text("980")
    assert picture(cache_dir) == {}

    view(visitor, "Trash")
    press_button(visitor, "Undo")

    toast(visitor, "is back")
    expect(metric(visitor, "Total Size")).to_contain_text("950")
    assert picture(cache_dir) == before
    assert repo.root.exists()


def test_keeping_everything_deletes_nothing(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    visitor = open_page(visit, house)
    press_button(row(visitor, repo), "Delete")
    dialog = visitor.page.get_by_role("dialog")
    press(dialog.get_by_role("button", name="Keep everything"))

    expect(dialog).to_have_count(0)
    assert content_bytes(cache_dir) == 980_000


def test_one_revision_goes_for_good(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    visitor = open_page(visit, house)
    press_button(row(visitor, repo), "Revisions")
    expect(row(visitor, repo)).to_contain_text("detached")
    press(row(visitor, repo).get_by_role("button", name="Delete revision").first)
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("shares files with 1 revision that stay")
    press(dialog.get_by_text("Free the space at once"))
    press(dialog.get_by_role("button", name="Delete for good"))

    toast(visitor, "were freed")
    expect(row(visitor, repo)).to_contain_text("1 revision")
    assert content_bytes(cache_dir, trash=True) in {580_000, 480_000}


def test_a_plan_that_no_longer_holds_is_shown_anew(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    visitor = open_page(visit, house)
    press_button(row(visitor, repo), "Delete")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("980")
    repo.blob(b"9" * 20_000)
    press(dialog.get_by_role("button", name="Move to the trash"))

    expect(dialog).to_contain_text("The cache has changed meanwhile")
    expect(dialog).to_contain_text("1.00")
    assert content_bytes(cache_dir) == 1_000_000
    press(dialog.get_by_role("button", name="Move to the trash"))
    toast(visitor, "went into the trash")
    assert content_bytes(cache_dir) == 0


def damage_of(visitor: Visitor) -> Locator:
    return visitor.page.locator('[class*="st-key-damage-"]')


def test_verify_finds_a_damaged_file_and_fetches_just_that(
    house: Server, visit: Visit, cache_dir: Path
) -> None:
    files = {"big.safetensors": b"z" * 500_000, "small.bin": b"q" * 10}
    commit = house.hub.add_repo("org/un", files)
    snapshot_download("org/un", cache_dir=cache_dir, endpoint=house.hub.endpoint)
    blob = (cache_dir / "models--org--un" / "snapshots" / commit / "small.bin").resolve()
    blob.write_bytes(b"r" * 10)
    house.hub.forget_requests()
    visitor = open_page(visit, house)
    press_button(visitor, "Verify all")

    damage = damage_of(visitor)
    expect(damage).to_contain_text("1 damaged file")
    expect(damage).to_contain_text("small.bin wrong content")
    press_button(damage, "Fetch just these files again")
    expect(damage).to_contain_text("1 damaged file fetched again and verified")
    expect(damage).to_contain_text("small.bin wrong content 10 B fetched again and verified")
    expect(damage.get_by_role("button", name="Fetch just these files again")).to_have_count(0)
    assert blob.read_bytes() == b"q" * 10
    assert house.hub.bytes_sent("big.safetensors") == 0
    press_button(damage, "Dismiss")
    expect(damage).to_have_count(0)


def test_a_repair_that_fails_stays_on_the_page_with_its_files(
    house: Server, visit: Visit, repo: RepoMaker
) -> None:
    blob = repo.blob(b"3" * 500_000)
    blob.write_bytes(b"4" * 500_000)
    visitor = open_page(visit, house)
    press_button(row(visitor, repo), "Verify")
    press_button(damage_of(visitor), "Fetch just these files again")

    expect(damage_of(visitor)).to_contain_text(f"The hub has no {VIT}")
    visitor.page.reload()
    damage = damage_of(visitor)
    expect(damage).to_contain_text("model.safetensors. The hub has no")
    expect(damage).to_contain_text(f"hf download {VIT} model.safetensors --revision")
    expect(damage.get_by_role("button", name="Fetch just these files again")).to_be_visible()
    assert blob.read_bytes() == b"4" * 500_000


def call(house: Server, method: str, address: str, json: object = None) -> dict[str, Any]:
    """Ask the API as alice."""
    data = {"username": "alice", "password": PASSWORD}
    token = requests.post(f"{house.url}/api/token", data=data, timeout=10).json()["access_token"]
    answer = requests.request(
        method,
        f"{house.url}/api/hf-cache/{address}",
        json=json,
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )
    found: dict[str, Any] = answer.json()
    return found


def press_when_demoted(house: Server, name: str, key: str) -> None:
    """Load the page as an administrator, press one of its buttons as a user."""
    house.add(name, Role.ADMIN)
    with StreamlitClient(
        house.port, cookie=f"yipyap_session={house.cookie_of(name)}", path="hf-cache"
    ) as client:
        button = client.load("hf-cache").button_id(key)
        house.accounts.update_user(SYSTEM, name, role=Role.USER)
        client.press(button, page_script_hash=calc_hash("hf-cache"))


def test_stale_buttons_of_a_demoted_administrator_neither_repair_nor_cancel(
    house: Server, cache_dir: Path
) -> None:
    commit = house.hub.add_repo("org/slow", {"big.safetensors": Pattern(3_000_000)})
    snapshot_download("org/slow", cache_dir=cache_dir, endpoint=house.hub.endpoint)
    blob = cache_dir / "models--org--slow" / "snapshots" / commit / "big.safetensors"
    blob.resolve().write_bytes(b"r" * 3_000_000)
    verify_id = call(house, "POST", "verify", {})["verify_id"]
    wait_until(
        lambda: bool(call(house, "GET", f"verify/{verify_id}")["finished"]),
        timeout_seconds=30,
        last=list,
    )
    stall = house.hub.inject(Stall(after_bytes=1_000_000), path="big.safetensors")

    press_when_demoted(house, "dora", f"repair-{verify_id}")
    assert call(house, "GET", f"repairs?verify_id={verify_id}")["repairs"] == []

    [begun] = call(house, "POST", f"verify/{verify_id}/repair")["repairs"]
    press_when_demoted(house, "dina", f"stop-{begun['repair_id']}")
    assert call(house, "GET", f"repairs/{begun['repair_id']}")["status"] == "downloading"
    assert call(house, "POST", f"repairs/{begun['repair_id']}/cancel")["phase"] == "cancelled"
    stall.release()
    house.hub.clear_faults()


def test_reclaim_makes_one_plan_of_the_chosen(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    assert repo.root.exists()
    visitor = open_page(visit, house)
    view(visitor, "Reclaim")
    expect(visitor.page.get_by_text("Detached revisions")).to_be_visible()
    press_button(visitor, "Plan for 2 suggestions")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("The volume gains 430")
    press(dialog.get_by_role("button", name="Move to the trash"))
    toast(visitor, "went into the trash")
    assert content_bytes(cache_dir) == 550_000


def test_the_trash_is_emptied_after_a_question(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    visitor = open_page(visit, house)
    press_button(row(visitor, repo), "Delete")
    press(visitor.page.get_by_role("dialog").get_by_role("button", name="Move to the trash"))
    toast(visitor, "went into the trash")
    view(visitor, "Trash")
    press_button(visitor, "Empty the trash")
    press_button(visitor.page.get_by_role("dialog"), "Purge for good")

    toast(visitor, "were freed")
    expect(visitor.page.get_by_text("The trash is empty.")).to_be_visible()
    assert content_bytes(cache_dir, trash=True) == 0


def test_the_doctor_and_warnings_speak(
    house: Server, visit: Visit, cache_dir: Path, repo: RepoMaker
) -> None:
    snapshot = next((repo.root / "snapshots").iterdir())
    (snapshot / "lost.bin").symlink_to("../../blobs/nowhere")
    (cache_dir / "stray").mkdir()
    visitor = open_page(visit, house)

    expect(
        visitor.page.get_by_text("'stray' in the cache folder is not a repository")
    ).to_be_visible()
    expect(row(visitor, repo)).to_contain_text("have lost their blob")
    view(visitor, "Store doctor")
    expect(visitor.page.get_by_text("A file could be made and removed.")).to_be_visible()


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_scrolls_sideways(house: Server, visit: Visit, repo: RepoMaker, width: int) -> None:
    visitor = visit(house, "hf-cache", signed_in="alice", width=width)
    expect(row(visitor, repo)).to_be_visible()

    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert visitor.page.evaluate(overflow) <= 0
