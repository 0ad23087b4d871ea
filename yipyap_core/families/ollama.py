"""Ollama's settings: where the service is, and which model the assistant uses; no models here."""

from __future__ import annotations

from typing import ClassVar

from yipyap_core.domain.ollama import parse_address
from yipyap_core.errors import Invalid
from yipyap_core.families.base import ConfigSection, FamilyConfig, setting


class OllamaConfig(FamilyConfig):
    """Address of the service and name of the assistant's model."""

    purpose: ClassVar[str] = "Where the Ollama service runs, and what the assistant asks."

    base_url: str = setting(
        "http://127.0.0.1:11434",
        title="Base URL",
        help="Address of the Ollama service, with http:// or https://.",
        pattern=r"^https?://[A-Za-z0-9\[][^\s/?#@]*(/[^\s?#]*)?$",
        must_be="an address such as http://127.0.0.1:11434, without a user name or a query",
        max_length=500,
        environment=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
    )
    assistant_model: str = setting(
        "qwen3:8b",
        title="Assistant Model",
        help="Ollama model that the assistant uses, such as llama2:7b.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:-]*$",
        must_be="the name of a model, such as llama2:7b",
        max_length=200,
        environment=("YIPYAP_ASSISTANT_MODEL",),
    )

    @classmethod
    def from_text(cls, field: str, text: str) -> str:
        """Complete an address as Ollama itself reads `OLLAMA_HOST`: scheme, host and port."""
        plain = text.strip()
        return _address(plain) if field == "base_url" else plain


def _address(text: str) -> str:
    """Complete an address; one that cannot be shown or read stays as it is, and is refused."""
    try:
        address = parse_address(text)
    except Invalid:
        return text
    return text if address.username or address.password else address.base_url


CONFIG = ConfigSection(
    id="ollama",
    name="Ollama",
    description="Language models of the Ollama service on this machine",
    icon="smart_toy",
    config=OllamaConfig,
    order=90,
)
