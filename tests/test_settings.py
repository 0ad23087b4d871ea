"""The environment's words, and which of them wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from yipyap_core.settings import (
    Settings,
    downloads_disabled,
    family_overrides,
    hub_cache,
    hub_token,
)


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "on", " True "])
def test_truthy_words_disable_downloads(word: str) -> None:
    assert downloads_disabled({"DISABLE_MODEL_DOWNLOADS": word})


@pytest.mark.parametrize("word", ["", "0", "false", "no", "off"])
def test_other_words_allow_downloads(word: str) -> None:
    assert not downloads_disabled({"DISABLE_MODEL_DOWNLOADS": word})
    assert not downloads_disabled({})


@pytest.mark.parametrize(
    ("environ", "path", "source"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b", "HF_CACHE": "/c"}, "/a", "HF_HUB_CACHE"),
        ({"HF_HOME": "/b", "HF_CACHE": "/c"}, "/b/hub", "HF_HOME"),
        ({"HF_CACHE": "/c"}, "/c/hub", "HF_CACHE"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub", "default"),
    ],
)
def test_the_cache_is_chosen_in_order(environ: dict[str, str], path: str, source: str) -> None:
    found = hub_cache(environ)
    assert (str(found.path), found.source) == (path, source)


def test_hf_cache_that_holds_repositories_is_the_cache_itself(tmp_path: Path) -> None:
    (tmp_path / "models--org--name").mkdir()
    assert hub_cache({"HF_CACHE": str(tmp_path)}).path == tmp_path


def test_the_token_comes_from_the_variable_or_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_file\n")
    assert hub_token({"HF_HOME": str(tmp_path)}) == "hf_file"
    assert hub_token({"HF_HOME": str(tmp_path), "HF_TOKEN": "hf_env"}) == "hf_env"
    assert hub_token({"HF_HOME": str(tmp_path / "nowhere")}) is None


def test_overrides_name_their_variable() -> None:
    environ = {"YIPYAP_JTP2__THRESHOLD": "0.4", "YIPYAP_WDV3__FORCE_CPU": "1", "OTHER": "x"}
    assert family_overrides("jtp2", environ) == {"threshold": ("YIPYAP_JTP2__THRESHOLD", "0.4")}


def test_settings_are_frozen_and_hide_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YIPYAP_ADMIN_PASSWORD", "not-for-logs")
    settings = Settings()
    assert "not-for-logs" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # frozen on purpose
