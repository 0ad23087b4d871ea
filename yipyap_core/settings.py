"""Everything the environment may say, read once into one frozen value.

This is the only module that reads the environment. `DISABLE_MODEL_DOWNLOADS` is the exception to
"once": it is read at each decision, so that it can be changed on a running server's environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from yipyap_core.domain.allowances import Allowance, CardAllowances
from yipyap_core.domain.engines import CpuPrecision
from yipyap_core.errors import InvalidSettings

TRUTHY = frozenset({"1", "true", "yes", "on", "y", "t"})

CacheSource = Literal["HF_HUB_CACHE", "HF_HOME", "HF_CACHE", "default"]


@dataclass(frozen=True, slots=True)
class CacheLocation:
    """The hub's cache folder and the variable that chose it."""

    path: Path
    source: CacheSource


def _allowance(value: Any) -> Any:
    return Allowance.parse(str(value)) if isinstance(value, str | int) else value


def _cards(value: Any) -> Any:
    return CardAllowances.parse(str(value)) if isinstance(value, str | int) else value


class Settings(BaseSettings):
    """What the server was told by its environment; every field says what it is for."""

    model_config = SettingsConfigDict(
        env_prefix="YIPYAP_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    home: Path = Field(
        default=Path("~/.local/share/yipyap"),
        description="State folder: database, secrets. Made with mode 0700.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy address of the store; the default is SQLite in the state folder.",
    )
    host: str = Field(default="127.0.0.1", description="Address that `make run` listens on.")
    port: int = Field(default=8501, description="Port that `make run` listens on.")
    public_url: str | None = Field(
        default=None, description="Address under which browsers reach the server, for links."
    )
    admin_username: str | None = Field(
        default=None, description="With admin_password: the first administrator, made at start."
    )
    admin_password: SecretStr | None = Field(
        default=None, description="Password of the first administrator."
    )
    token_minutes: int = Field(
        default=60, ge=1, description="Life of a token from POST /api/token, in minutes."
    )
    cookie_days: float = Field(
        default=1.0, gt=0, description="Life of the sign-in cookie, in days."
    )
    users_may_run: bool = Field(
        default=False, description="Whether users that are not administrators may run inference."
    )
    max_concurrent: int = Field(default=2, ge=1, le=16, description="Downloads that run at a time.")
    bandwidth_limit_bps: int | None = Field(
        default=None, ge=1, description="Bytes per second for all downloads together."
    )
    disk_reserve_bytes: int = Field(
        default=1 << 30, ge=0, description="Free space that downloads leave on the volume."
    )
    stall_seconds: float = Field(
        default=45.0, gt=0, description="A connection without a byte for so long is made anew."
    )
    lock_timeout_seconds: float = Field(
        default=600.0, gt=0, description="How long to wait for another program's file lock."
    )
    trash_days: float = Field(
        default=7.0, ge=0, description="How long deleted cache files can be brought back."
    )
    model_roots: str | None = Field(
        default=None,
        description="Folders under which model paths may lie, separated by os.pathsep.",
    )
    engine_ram_budget: Annotated[Allowance, NoDecode, BeforeValidator(_allowance)] = Field(
        default=Allowance(share=0.75),
        description="RAM that loaded models may take together: 75% of the machine's, or 24GB.",
    )
    engine_gpu_budget: Annotated[CardAllowances, NoDecode, BeforeValidator(_cards)] = Field(
        default=CardAllowances(Allowance(share=0.9)),
        description="The same on each GPU: 90% of the card's, or 20GB; '90%, 1=0' for one alone.",
    )
    engine_idle_minutes: float = Field(
        default=30.0,
        ge=0,
        le=525_600,
        description="A model that nobody used for so long is unloaded; 0 keeps all.",
    )
    engine_queue_limit: int = Field(
        default=64, ge=1, le=10_000, description="Requests that may wait for one model."
    )
    engine_timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        le=1800,
        description="Longest wait for an answer where the request names none, loading included.",
    )
    engine_load_timeout_seconds: float = Field(
        default=900.0, gt=0, le=86_400, description="A load that takes longer is ended."
    )
    engine_cpu_precision: CpuPrecision = Field(
        default=CpuPrecision.AUTO,
        description="How taggers compute on a CPU: exact (fp32), auto (bf16 for large ones where"
        " the processor multiplies it), quick (also 8 bits in ONNX graphs: twice as fast).",
    )
    engine_canary: bool = Field(
        default=True,
        description="Ask a model about a fixed picture, in the background, once it is downloaded.",
    )
    demo: bool = Field(
        default=False, description="Says on every page that this is a demonstration."
    )
    demo_note: str | None = Field(
        default=None, description="One line beside the demonstration's notice, such as the sign-in."
    )
    hub_endpoint: str = Field(
        default="https://huggingface.co",
        validation_alias=AliasChoices("HF_ENDPOINT"),
        description="Address of the Hugging Face hub.",
    )
    ollama_registry_url: str = Field(
        default="https://registry.ollama.ai",
        description="Address of the registry that installed Ollama models are compared with.",
    )

    @property
    def state_dir(self) -> Path:
        """The state folder with `~` expanded, absolute."""
        return self.home.expanduser().absolute()

    @property
    def store_url(self) -> str:
        """The store's SQLAlchemy address."""
        return self.database_url or f"sqlite:///{self.state_dir / 'yipyap.sqlite3'}"

    @property
    def base_url(self) -> str:
        """Where a person opens the dashboard, without a slash at the end."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


def read_settings() -> Settings:
    """Read the environment; raises `InvalidSettings`, which names each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [_complaint(one["loc"], one["msg"]) for one in error.errors()]
        raise InvalidSettings("\n".join(lines)) from None  # the values may be secrets


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    name = str(place[0]) if place else ""
    variable = f"YIPYAP_{name.upper()}" if name in Settings.model_fields else name
    return f"{variable}: {message.removeprefix('Value error, ')}"


def downloads_disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether `DISABLE_MODEL_DOWNLOADS` holds a truthy word at this moment."""
    return environ.get("DISABLE_MODEL_DOWNLOADS", "").strip().lower() in TRUTHY


def hub_cache(environ: Mapping[str, str] = os.environ) -> CacheLocation:
    """Find the hub's cache: HF_HUB_CACHE, then HF_HOME, then HF_CACHE, then the default.

    HF_CACHE names a home folder like HF_HOME; one that holds repositories itself is taken as the
    hub cache. The hub client knows nothing of HF_CACHE, so callers pass the folder explicitly.
    """
    if explicit := environ.get("HF_HUB_CACHE"):
        return CacheLocation(_folder(explicit), "HF_HUB_CACHE")
    if home := environ.get("HF_HOME"):
        return CacheLocation(_folder(home) / "hub", "HF_HOME")
    if home := environ.get("HF_CACHE"):
        return CacheLocation(_hub_folder(_folder(home)), "HF_CACHE")
    base = _folder(environ.get("XDG_CACHE_HOME") or "~/.cache")
    return CacheLocation(base / "huggingface" / "hub", "default")


def other_hub_caches(environ: Mapping[str, str] = os.environ) -> tuple[CacheLocation, ...]:
    """Every folder that a variable or the default names as the hub's cache, chosen or not."""
    names = ("HF_HUB_CACHE", "HF_HOME", "HF_CACHE")
    rest = {name: value for name, value in environ.items() if name not in names}
    each = ({**rest, name: environ[name]} for name in names if environ.get(name))
    return tuple(hub_cache(one) for one in (*each, rest))


def hub_token(environ: Mapping[str, str] = os.environ) -> str | None:
    """Read the hub's token: HF_TOKEN, or the token file under HF_HOME; never shown anywhere."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if value := environ.get(name, "").strip():
            return value
    base = _folder(environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = _folder(environ["HF_HOME"]) if environ.get("HF_HOME") else base / "huggingface"
    path = _folder(environ["HF_TOKEN_PATH"]) if environ.get("HF_TOKEN_PATH") else home / "token"
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def worker_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Copy what a worker process may inherit: everything but the hub's token and our own words."""
    private = ("YIPYAP_", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    return {name: value for name, value in environ.items() if not name.startswith(private)}


def family_overrides(
    family: str,
    environ: Mapping[str, str] = os.environ,
    aliases: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> dict[str, tuple[str, str]]:
    """Collect `YIPYAP_<FAMILY>__<FIELD>`: field in lower case -> (variable, raw value).

    `aliases` names further variables of a field, the stronger first; all are weaker than the
    field's own. An empty variable counts as unset.
    """
    prefix = f"YIPYAP_{family.upper()}__"
    own = {name.removeprefix(prefix).lower(): name for name in environ if name.startswith(prefix)}
    wanted = [
        (field, name)
        for field, names in aliases.items()
        for name in reversed(names)
        if environ.get(name)
    ]
    wanted += own.items()
    return {field: (name, environ[name]) for field, name in wanted if environ[name]}


def proxy_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Collect HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in either case."""
    return {name: value for name, value in environ.items() if name.lower().endswith("_proxy")}


def ca_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Name the certificates to trust in place of the system's, if a variable says so."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if value := environ.get(name):
            return _folder(value)
    return None


def _folder(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser().absolute()


def _hub_folder(home: Path) -> Path:
    if not (home / "hub").is_dir() and any(home.glob("models--*")):
        return home
    return home / "hub"
