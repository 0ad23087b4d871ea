"""Who may see what: tokens, private repositories and gated ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tests.standins.connections import Request
from tests.standins.hub.answers import Answer, error
from tests.standins.hub.repos import Repo


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the private or gated repositories its owner was let into.

    A fine-grained token without `gated_scope` reads no gated repository, whoever owns it.
    """

    value: str
    user: str = "reader"
    role: Literal["read", "write", "fineGrained"] = "read"
    repos: frozenset[str] = frozenset()
    gated_scope: bool = True

    def whoami(self) -> dict[str, Any]:
        """What the hub tells the bearer about himself."""
        access = {
            "displayName": "test",
            "role": self.role,
            "createdAt": "2025-01-01T00:00:00.000Z",
        }
        if self.role == "fineGrained":
            access["fineGrained"] = {  # type: ignore[assignment]  # a nested object
                "canReadGatedRepos": self.gated_scope,
                "global": [],
                "scoped": [],
            }
        return {
            "type": "user",
            "id": "66b000000000000000000000",
            "name": self.user,
            "fullname": self.user.title(),
            "email": f"{self.user}@example.org",
            "canPay": False,
            "isPro": False,
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": access},
        }


class Gatekeeper:
    """Knows the tokens and answers for what a request may not see."""

    def __init__(self) -> None:
        """Begin with no token known."""
        self.tokens: dict[str, Token] = {}

    def token(self, request: Request) -> Token | None:
        """The known token of a request."""
        return self.tokens.get(_bearer(request) or "")

    def refuse_credentials(self, request: Request) -> Answer | None:
        """The answer to a token nobody issued, whatever it asks for."""
        if _bearer(request) is None or self.token(request) is not None:
            return None
        return error(401, "Invalid credentials in Authorization header")

    def sees(self, repo: Repo, request: Request) -> bool:
        """Whether the repository exists for this request."""
        token = self.token(request)
        return not repo.private or (token is not None and repo.repo_id in token.repos)

    def refuse_gated(self, repo: Repo, request: Request) -> Answer | None:
        """The answer to who has not been let through the gate, None where there is none."""
        token = self.token(request)
        name = repo.repo_id
        if repo.gated is None:
            return None
        if token is None:
            return error(
                401,
                f"Access to model {name} is restricted. You must have access to it and be "
                "authenticated to access it. Please log in.",
                "GatedRepo",
            )
        if not token.gated_scope:
            return error(
                403,
                "Please enable access to public gated repositories in your fine-grained token "
                "settings to view this repository.",
                "GatedRepo",
            )
        if name in token.repos:
            return None
        return error(
            403,
            f"Access to model {name} is restricted and you are not in the authorized list. "
            f"Visit https://huggingface.co/{name} to ask for access.",
            "GatedRepo",
        )


def not_found(request: Request) -> Answer:
    """The answer for a repository that does not exist, or not for this visitor."""
    if "authorization" not in request.headers:
        return error(401, "Invalid username or password.", "RepoNotFound")
    return error(404, "Repository not found", "RepoNotFound")


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None
