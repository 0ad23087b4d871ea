"""What bodies of requests have in common: unknown fields are refused, truth is not guessed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Base of every JSON body; a misspelt field is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
