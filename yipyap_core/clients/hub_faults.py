"""Translates what the hub's client raises, once; most of it hides behind its HTTP library.

======================================================= ====================
raised by the client                                    ours
======================================================= ====================
GatedRepoError (a RepositoryNotFoundError: tested first) GatedRepository
RepositoryNotFoundError, RevisionNotFoundError          the same
HfHubHTTPError 401, 403                                 TokenRejected
HfHubHTTPError 408, 425, 429, 5xx                       HubBusy
time-outs and errors of the network, offline mode       HubUnreachable
anything that is no hub's answer                        HubAnswerInvalid
======================================================= ====================
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from yipyap_core.errors import (
    FileNotInRepository,
    GatedRepository,
    HubAnswerInvalid,
    HubBusy,
    HubUnreachable,
    RepositoryNotFound,
    RevisionNotFound,
    TokenRejected,
    TransferError,
)
from yipyap_core.retry_after import retry_after

PASSING = frozenset({408, 425, 429})


@contextlib.contextmanager
def hub_errors(subject: str, revision: str | None, *, with_token: bool) -> Iterator[None]:
    """Turn exceptions of the hub client in the block into `TransferError`s about `subject`."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        raise _of_status(error, subject, revision, with_token) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubUnreachable(
            "The environment forbids the hub client to use the network."
        ) from error
    except (httpx2.TimeoutException, httpx2.NetworkError, httpx2.ProxyError) as error:
        raise unreachable(error, subject) from error
    except httpx2.RemoteProtocolError as error:
        raise HubUnreachable(f"The hub broke off its answer about {subject}.") from error
    except httpx2.HTTPError as error:
        raise HubAnswerInvalid(f"The hub's answer about {subject} cannot be read.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HubAnswerInvalid(
            f"What answered about {subject} does not speak as a hub does."
        ) from error


def _of_status(error: Any, subject: str, revision: str | None, with_token: bool) -> TransferError:
    from huggingface_hub import errors

    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        refused = "does not let this token" if with_token else "lets nobody without a token"
        return GatedRepository(f"The publisher of {subject} {refused} through.")
    if isinstance(error, errors.RevisionNotFoundError):
        return RevisionNotFound(f"{subject} has no branch, tag or commit {revision!r}.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return RepositoryNotFound(f"The hub has no {subject}, or hides it from us.")
    if isinstance(error, errors.EntryNotFoundError):
        return FileNotInRepository(f"The hub no longer has a part of {subject}.")
    if is_passing(status):
        return busy_hub(status, error.response.headers, subject)
    if status in {401, 403}:
        return _token_refusal(status, subject, with_token)
    return HubAnswerInvalid(f"The hub answered {status} for {subject}.")


def _token_refusal(status: int, subject: str, with_token: bool) -> TokenRejected:
    if with_token:
        return TokenRejected(f"The hub refuses the token for {subject} (status {status}).")
    sentence = f"The hub refuses {subject} without a token (status {status})."
    return TokenRejected(sentence, hint=TokenRejected.hint_without)


def is_passing(status: int) -> bool:
    """Whether a later request may not meet this status."""
    return status in PASSING or status >= 500


def busy_hub(status: int, headers: Mapping[str, str], subject: str = "") -> HubBusy:
    """The error for such a status, with how long the hub asks to wait."""
    told = f" for {subject}" if subject else ""
    return HubBusy(f"The hub answered {status}{told}.", retry_after_seconds=retry_after(headers))


def unreachable(error: Exception, subject: str = "") -> HubUnreachable:
    """The error for a request without an answer."""
    kind = "did not answer in time" if "Timeout" in type(error).__name__ else "cannot be reached"
    return HubUnreachable(f"The hub {kind}{f' when asked about {subject}' if subject else ''}.")
