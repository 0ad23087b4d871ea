# long: one tree is read in one place
"""One tree of errors: each has a stable code, a sentence for people and a hint that repairs.

::

    YipyapError
    ├── NotFound            UnknownModel, UnknownUser, UnknownJob, UnknownToken, UnknownRepository,
    │                       UnknownFile
    ├── Conflict            DownloadsDisabled, UserExists, LastAdministrator, ModelExists,
    │                       SetupClosed, NotRunning, SetByEnvironment, NotDownloaded, ModelInUse,
    │                       StalePlan
    ├── PreconditionFailed  someone else was faster
    ├── Invalid             the input; ``fields`` says which field and why
    │   ├── WeakPassword, InvalidName, InvalidSettings, ConfigInvalid, ImageRejected,
    │   │   CheckpointRejected
    ├── Unauthenticated     no credential, or one that no longer counts
    ├── Forbidden           a credential of too low a role
    ├── Throttled           too many failures; ``retry_after_seconds``
    ├── InsufficientStorage ``needed_bytes`` and ``free_bytes``
    ├── Unavailable         something outside does not answer
    │   ├── OllamaUnavailable
    │   └── EngineUnavailable   EngineCrashed, EngineTimedOut, EngineBusy, EngineOutOfMemory,
    │                           EngineMarkedFailed, EngineCancelled
    └── TransferError       a download ended; ``retryable`` says whether the same call may succeed
        ├── HubUnreachable, HubAnswerInvalid, HubBusy, ConnectionLost, Stalled
        ├── RepositoryNotFound, RevisionNotFound, FileNotInRepository
        ├── GatedRepository, TokenRejected, RedirectRefused, UnsafePath
        └── DiskFull, CacheReadOnly, LockUnavailable, HashMismatch

The branch decides how a caller reacts (the API maps a branch to one HTTP status); the leaf decides
what a person reads. This module imports nothing.
"""

from __future__ import annotations

from yipyap_core.sizes import size_words


class YipyapError(Exception):
    """Base of every error that may be shown to a person as it is."""

    code: str = "internal_error"
    hint: str = "Try again; if it happens again, look at the server's log."

    def __init__(self, message: str, *, code: str | None = None, hint: str | None = None) -> None:
        """Keep the sentence; `code` and `hint` replace those of the class."""
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.hint = hint or type(self).hint


class NotFound(YipyapError):
    """What was named does not exist."""

    code = "not_found"
    hint = "Check the address and the name."


class UnknownModel(NotFound):
    """No registered model has this id."""

    code = "unknown_model"
    hint = "GET /api/model-registry lists the ids that exist."

    def __init__(self, model_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(f"There is no model with the id {model_id[:80]!r}.")


class UnknownUser(NotFound):
    """No user has this name."""

    code = "unknown_user"
    hint = "The Users page lists the names that exist."

    def __init__(self, username: str) -> None:
        """Name the user that was asked for."""
        super().__init__(f"There is no user named {username[:80]!r}.")


class UnknownJob(NotFound):
    """No job with this id, or none for this model."""

    code = "unknown_job"
    hint = "Start it first; the Downloads page shows what runs."


class UnknownToken(NotFound):
    """No personal API token of this user has this id."""

    code = "unknown_token"
    hint = "GET /api/tokens lists your own tokens."


class UnknownRepository(NotFound):
    """The Hugging Face cache holds no such repository."""

    code = "unknown_repository"
    hint = "The HF Cache page lists what is there."


class UnknownFile(NotFound):
    """The model's plan has no such file."""

    code = "unknown_file"
    hint = "The details of the download name its files."


class Conflict(YipyapError):
    """The request is sound, but the present state forbids it."""

    code = "conflict"
    hint = "Refresh and look at the present state."


class DownloadsDisabled(Conflict):
    """The environment forbids downloads."""

    code = "downloads_disabled"
    hint = "Set DISABLE_MODEL_DOWNLOADS=false on the server to allow them."

    def __init__(self) -> None:
        """The sentence is part of the contract."""
        super().__init__("Model downloads are disabled")


class UserExists(Conflict):
    """The name is taken."""

    code = "user_exists"
    hint = "Choose another name."

    def __init__(self, username: str) -> None:
        """Name the user that exists."""
        super().__init__(f"A user named {username[:80]!r} exists already.")


class LastAdministrator(Conflict):
    """The change would leave nobody to administer."""

    code = "last_administrator"
    hint = "Make another user an administrator first."

    def __init__(self) -> None:
        """Say why the change is refused."""
        super().__init__("The last administrator cannot be removed, disabled or demoted.")


class ModelExists(Conflict):
    """The id is taken by another registered model."""

    code = "model_exists"
    hint = "Choose another id."


class SetupClosed(Conflict):
    """The one-time set-up is over or its code is wrong."""

    code = "setup_closed"
    hint = "Sign in; while no user exists, the server prints a new link at each start."


class NotRunning(Conflict):
    """The action needs a job in another state."""

    code = "not_running"
    hint = "Refresh the status; the job may have ended meanwhile."


class SetByEnvironment(Conflict):
    """A configuration field is held by an environment variable."""

    code = "set_by_environment"
    hint = "Unset the variable on the server to change the field here."


class NotDownloaded(Conflict):
    """The model's files are not in the cache."""

    code = "not_downloaded"
    hint = "Download the model first."


class ModelInUse(Conflict):
    """Something loaded or running needs what was to be removed."""

    code = "in_use"
    hint = "Unload the model or cancel its download first."


class StalePlan(Conflict):
    """The cache changed after the plan was made."""

    code = "stale_plan"
    hint = "Look at the new plan and confirm again."


class PreconditionFailed(YipyapError):
    """Someone else changed the same thing first."""

    code = "version_conflict"
    hint = "Load the present version, compare, and save again."


class Invalid(YipyapError):
    """The input cannot be accepted; `fields` maps a dotted field to the reason."""

    code = "invalid_request"
    hint = "Correct the named fields and send again."

    def __init__(
        self,
        message: str,
        *,
        fields: dict[str, str] | None = None,
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Keep the reasons field by field."""
        super().__init__(message, code=code, hint=hint)
        self.fields = dict(fields or {})


class WeakPassword(Invalid):
    """The password is too short, too long or too easy to guess."""

    code = "weak_password"

    def __init__(self, reason: str, *, hint: str) -> None:
        """Attach the reason to the field `password`; `hint` says what repairs just this one."""
        super().__init__(reason, fields={"password": reason}, hint=hint)


class InvalidSettings(Invalid):
    """The environment sets something to a value that cannot be; the server does not start."""

    code = "invalid_settings"
    hint = "Correct the variable, or unset it for its default, and start again."


class InvalidName(Invalid):
    """A name has characters or a length that cannot be accepted."""

    code = "invalid_name"
    hint = "Use the characters and the length that the message names."


class ConfigInvalid(Invalid):
    """A configuration does not fit its schema."""

    code = "config_invalid"
    hint = "Correct the named fields; nothing was saved."

    def __init__(self, fields: dict[str, str]) -> None:
        """The sentence is part of the contract."""
        super().__init__("Failed to update config", fields=fields)


class ImageRejected(Invalid):
    """The picture cannot be read or is larger than the limits."""

    code = "image_rejected"
    hint = "Send a PNG, JPEG, WebP, GIF, BMP or TIFF within the limits that the message names."

    def __init__(self, reason: str) -> None:
        """Attach the reason to the field `image`."""
        super().__init__(reason, fields={"image": reason})


class CheckpointRejected(Invalid):
    """The files are there, but are not a model that this engine runs."""

    code = "checkpoint_rejected"
    hint = "Check the configured paths; download the model again if its files are damaged."


class Unauthenticated(YipyapError):
    """No credential, or one that no longer counts."""

    code = "unauthenticated"
    hint = "Sign in, or send a bearer token from POST /api/token."


class Forbidden(YipyapError):
    """The role of the caller does not allow this."""

    code = "forbidden"
    hint = "Ask an administrator."


class Throttled(YipyapError):
    """Too many failures in a row; it passes by itself."""

    code = "too_many_attempts"
    hint = "Wait for the time given, then try again."

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        """Keep how long to wait."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class InsufficientStorage(YipyapError):
    """The volume has no room for what was asked."""

    code = "insufficient_storage"
    hint = "Free space on the HF Cache page, or cancel a queued download."

    def __init__(self, *, needed_bytes: int, free_bytes: int) -> None:
        """Keep both figures, in bytes."""
        super().__init__(
            f"{size_words(needed_bytes)} are needed and {size_words(free_bytes)} are free"
            " next to what is queued and the reserve."
        )
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes


class Unavailable(YipyapError):
    """Something outside this process does not answer."""

    code = "unavailable"
    hint = "Try again in a moment."


class OllamaUnavailable(Unavailable):
    """The Ollama service does not answer."""

    code = "ollama_unavailable"
    hint = "Start it with ollama serve, or set OLLAMA_BASE_URL to where it runs."

    def __init__(self) -> None:
        """The sentence is part of the contract."""
        super().__init__("Ollama service not available")


class EngineUnavailable(Unavailable):
    """A model cannot answer now; nothing else is touched by it."""

    code = "engine_unavailable"
    hint = "Try again; the next request starts the model anew."


class EngineCrashed(EngineUnavailable):
    """The worker ended while the request was in it."""

    code = "engine_crashed"


class EngineTimedOut(EngineUnavailable):
    """No answer within the request's time."""

    code = "engine_timeout"
    hint = "Try again with more time, a smaller model or a GPU; a stuck worker was ended."


class EngineBusy(EngineUnavailable):
    """The queue of the model is full."""

    code = "engine_busy"
    hint = "Wait for running requests to end, then send again."


class EngineOutOfMemory(EngineUnavailable):
    """The model or the request does not fit into the memory that is free."""

    code = "engine_out_of_memory"
    hint = "Unload another model, choose a smaller one or another precision."


class EngineMarkedFailed(EngineUnavailable):
    """Three crashes in a row: the model is not started until somebody asks for it."""

    code = "engine_failed"
    hint = "Read its last words on the Overview, then load it again there."


class EngineCancelled(EngineUnavailable):
    """Whoever asked does not want the answer any more, or the model was unloaded."""

    code = "engine_cancelled"
    hint = "Send the request again."


class TransferError(YipyapError):
    """A download ended before it was complete; what had arrived whole is kept."""

    code = "download_failed"
    hint = "Retry: it goes on from what is kept."
    retryable: bool = False


class HubUnreachable(TransferError):
    """No connection to the hub could be made."""

    code = "hub_unreachable"
    hint = "Check the server's network, proxy and HF_ENDPOINT, then retry."
    retryable = True


class HubBusy(TransferError):
    """The hub answered with a passing error or asked to wait."""

    code = "hub_busy"
    hint = "The hub is overloaded or limits the rate; retry later."
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        """Keep what the hub asked to wait, if it said so."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class HubAnswerInvalid(TransferError):
    """The answer is not what a hub says, such as a captive portal's page."""

    code = "hub_answer_invalid"
    hint = (
        "Something between this server and the hub answers in its place;"
        " check the proxy and HF_ENDPOINT."
    )


class ConnectionLost(TransferError):
    """The connection broke in the middle of a file."""

    code = "connection_lost"
    hint = "Retry: the file goes on where it stopped."
    retryable = True


class Stalled(TransferError):
    """No bytes arrived for too long."""

    code = "stalled"
    hint = "Retry: the file goes on where it stopped."
    retryable = True


class RepositoryNotFound(TransferError):
    """The hub knows no such repository, or hides it from this token."""

    code = "repository_not_found"
    hint = "Check the repository's name; a private one needs HF_TOKEN with read access."


class RevisionNotFound(TransferError):
    """The repository has no such branch, tag or commit."""

    code = "revision_not_found"
    hint = "Check the configured revision."


class FileNotInRepository(TransferError):
    """A planned file is gone from the repository."""

    code = "file_not_found"
    hint = "The repository changed; retry to plan again."
    retryable = True


class GatedRepository(TransferError):
    """The publisher asks for a licence to be accepted, and this token has no access."""

    code = "gated_repository"
    hint = (
        "Accept the licence on the repository's page, and set HF_TOKEN to a token"
        " that may read gated repositories."
    )


class TokenRejected(TransferError):
    """The hub refuses the token itself."""

    code = "token_rejected"
    hint_without = "Set HF_TOKEN to a token that may read the repository, then retry."
    """Where no token was sent."""
    hint = "HF_TOKEN is wrong or expired; set a valid one or none, then retry."


class RedirectRefused(TransferError):
    """The hub pointed to an address that a download must not follow."""

    code = "redirect_refused"
    hint = "Private and loopback addresses are only followed when HF_ENDPOINT is one."


class UnsafePath(TransferError):
    """A file name of the repository would leave its folder."""

    code = "unsafe_path"
    hint = "Do not trust this repository; report it to its publisher."


class DiskFull(TransferError):
    """The volume of the cache is full."""

    code = "disk_full"
    hint = "Free space on the HF Cache page, then retry: it goes on from what is kept."
    retryable = True

    def __init__(self, message: str, *, needed_bytes: int = 0, free_bytes: int = 0) -> None:
        """Keep what is still to be written and what the volume has, in bytes."""
        super().__init__(message)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes


class CacheReadOnly(TransferError):
    """The cache folder cannot be written."""

    code = "cache_read_only"
    hint = "Make the cache folder writable for the server's user, or set HF_HOME to one that is."


class LockUnavailable(TransferError):
    """Another program holds the file's lock for too long, or the volume has no locks."""

    code = "lock_unavailable"
    hint = "Another program may be downloading the same file; wait for it, then retry."
    retryable = True


class HashMismatch(TransferError):
    """A file arrived twice with another hash than the publisher's."""

    code = "hash_mismatch"
    hint = "Something alters the file on its way; check proxies, then retry this file."
    retryable = True
