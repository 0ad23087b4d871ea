"""What an answer that is no file means: an error of ours, and whether to ask again.

The hub says which of several things it means in the header X-Error-Code; without it the status
alone has to do.
"""

from __future__ import annotations

from yipyap_core.errors import (
    FileNotInRepository,
    GatedRepository,
    HubAnswerInvalid,
    HubBusy,
    RepositoryNotFound,
    RevisionNotFound,
    TokenRejected,
    TransferError,
)
from yipyap_core.retry_after import retry_after
from yipyap_core.transfer.connection import Answer

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""What a later request may not meet; the last five are those of a well-known CDN."""

COMMIT_HEADER = "x-repo-commit"


class SignatureExpired(Exception):
    """The storage behind the hub refuses a signed address: it has to be asked for anew."""


class PlainRefused(HubAnswerInvalid):
    """A status that no retry changes; another way than plain HTTP may do."""


class StorageRefused(HubBusy):
    """The storage refuses every signed address; another way than plain HTTP may do."""

    hint = "The hub's storage refuses new addresses too; look for a proxy between, or retry later."


class CommitGone(RevisionNotFound):
    """The commit of the plan, which the revision pointed to before."""

    hint = "The repository was rewritten; retry to plan again."
    retryable = True


def refusal(answer: Answer, path: str, *, from_hub: bool, with_token: bool) -> TransferError:
    """Translate an answer of status 400 or more; `from_hub` tells the hub from its storage."""
    status = answer.status
    if status in PASSING_STATUSES:
        return HubBusy(
            f"{answer.origin} answered {status} for {path}.",
            retry_after_seconds=retry_after(answer.headers),
        )
    if from_hub:
        return _hub_refusal(answer, path, with_token)
    if status == 404:
        return FileNotInRepository(f"The storage behind the hub does not have {path}.")
    return PlainRefused(f"{answer.origin} refuses {path} with status {status}.")


def _hub_refusal(answer: Answer, path: str, with_token: bool) -> TransferError:
    code = answer.headers.get("x-error-code", "")
    if code == "GatedRepo":
        return GatedRepository(
            "The publisher asks for a licence to be accepted before"
            f" {path} may be downloaded, and the hub lets "
            + ("this token not through." if with_token else "nobody without a token through.")
        )
    if code == "RepoNotFound":
        return RepositoryNotFound(f"The hub has no such repository, or hides it: {path}.")
    if code == "RevisionNotFound":
        return CommitGone(f"The hub no longer has the commit that {path} belongs to.")
    if answer.status == 404:
        return FileNotInRepository(f"The hub no longer has {path}.")
    if answer.status in {401, 403}:
        return _token_refusal(answer.status, path, with_token)
    return PlainRefused(f"{answer.origin} refuses {path} with status {answer.status}.")


def _token_refusal(status: int, path: str, with_token: bool) -> TokenRejected:
    if with_token:
        return TokenRejected(f"The hub refuses the token for {path} (status {status}).")
    sentence = f"The hub refuses {path} without a token (status {status})."
    return TokenRejected(sentence, hint=TokenRejected.hint_without)
