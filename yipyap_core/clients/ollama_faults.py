"""What an Ollama service says when it refuses, as our own errors with a hint that repairs."""

from __future__ import annotations

from yipyap_core.errors import NotFound, OllamaUnavailable, TransferError, YipyapError

WRONG_HASH = "hash_mismatch"
HINTS: tuple[tuple[tuple[str, ...], str, bool, str], ...] = (
    (
        ("no space left", "not enough space", "disk quota"),
        "disk_full",
        False,
        "The disk of the Ollama service is full: delete models there, then pull again.",
    ),
    (
        ("system memory", "out of memory", "cudamalloc", "allocate memory", "be allocated"),
        "out_of_memory",
        False,
        "Unload other models there, or choose a smaller one.",
    ),
    (
        ("running the model", "llama runner", "model runner", "model failed to load"),
        "model_failed",
        True,
        "What runs the model there has ended, perhaps for want of memory: ask again; the log of"
        " Ollama says why.",
    ),
    (
        ("invalid file magic", "exceeds file size", "unable to load model"),
        "model_broken",
        False,
        "The model's file there is damaged: delete the model, then pull it again.",
    ),
    (
        ("server busy",),
        "ollama_busy",
        True,
        "More is asked of Ollama than it takes at a time: ask again in a moment.",
    ),
    (
        ("<eof>", "<unexpected eof>"),
        "part_broken",
        False,
        "A piece of an earlier pull is damaged there, as when Ollama is stopped in mid-pull: remove"
        " the files *-partial* from the folder blobs of its models, then pull again.",
    ),
    (
        ("context canceled",),
        "pull_interrupted",
        True,
        "Ollama was still ending an earlier pull of the same model: ask again.",
    ),
    (
        (": 429: ", ": 500: ", ": 502: ", ": 503: ", ": 504: "),
        "registry_failed",
        True,
        "The registry has trouble of its own: pull again later; Ollama goes on from what is there.",
    ),
    (
        ("file does not exist", "manifest unknown", "not found"),
        "unknown_model",
        False,
        "The registry has no such model or tag: look the name up on ollama.com/library.",
    ),
    (
        ("requires a newer version", "newer version of ollama"),
        "ollama_outdated",
        False,
        "Update Ollama on its machine, then pull again.",
    ),
    (
        ("unauthorized", "access denied", "authentication", ": 401: ", ": 403: "),
        "access_denied",
        False,
        "The registry refuses access: the model may be private; sign Ollama in there.",
    ),
    (
        ("invalid model name", "invalid name"),
        "invalid_name",
        False,
        "Write it as model:tag, such as llama2:7b.",
    ),
    (
        ("digest mismatch",),
        WRONG_HASH,
        True,
        "Something alters the data on its way to Ollama; check its proxies, then pull again.",
    ),
    (
        ("no such host", "connection refused", "timeout", "max retries", "eof", "reset by peer",
         "network is unreachable", "tls", "dial tcp", '": forbidden>'),
        "registry_unreachable",
        True,
        "Ollama cannot reach its registry: check the network and HTTPS_PROXY on its machine,"
        " then pull again; it goes on from what is there.",
    ),
)  # fmt: skip
"""Words in Ollama's sentence -> our code, whether a retry may help, what to do.

`<` and `>` are the beginning and the end of the sentence.
"""
PASSING = frozenset({"pull_interrupted", "registry_failed", "registry_unreachable"})
"""The codes of what passes by itself, so that a pull is asked for again without anyone."""
MAX_WORDS = 500


TURNED_AWAY = frozenset({401, 403, 407})
BEFORE_IT = TURNED_AWAY | {502, 503, 504}
"""What a proxy before the service answers; the service itself says such a thing in JSON only."""


class OllamaRefusal(TransferError):
    """The service refused or failed, in its own words."""

    code = "ollama_error"
    hint = "The words are Ollama's own; its log says more. Retry when the cause is gone."

    def __init__(self, words: str, *, of_model: bool = True) -> None:
        """Keep Ollama's sentence, and find the hint and the code that belong to it.

        What was not asked `of_model` has to do neither with a registry nor with a model.
        """
        shown = readable(words.strip()[:MAX_WORDS]) or "Ollama gave no reason"
        super().__init__(shown)
        lowered = f"<{shown.lower()}>"
        for marks, code, retryable, hint in HINTS if of_model else ():
            if any(mark in lowered for mark in marks):
                self.code, self.retryable, self.hint = code, retryable, hint
                return


class NoOllama(OllamaUnavailable):
    """The service is away, with what was seen of that."""

    def __init__(self, reason: str) -> None:
        """Put `reason` before the hint."""
        super().__init__()
        self.reason = reason
        self.hint = f"{reason} {OllamaUnavailable.hint}"


def not_ollama(base_url: str) -> NoOllama:
    """Say that something answers there that is not Ollama, such as a proxy's page."""
    return NoOllama(f"What answers at {base_url} is not Ollama.")


def no_success(base_url: str, status: int) -> NoOllama:
    """Say what a status means that Ollama itself does not send."""
    if status in TURNED_AWAY:
        causes = "a password, a proxy, or Ollama's own check of the host's name"
        return NoOllama(f"What answers at {base_url} refuses access ({status}): {causes}.")
    if status in BEFORE_IT:
        return NoOllama(f"The proxy at {base_url} does not reach Ollama ({status}).")
    return NoOllama(f"What answers at {base_url} says {status} where Ollama tells its version.")


def refused(base_url: str, status: int, words: str, name: str | None) -> YipyapError:
    """Choose the error for an answer that is not a success.

    A status below zero is an error in the middle of a stream that began well. Without a `name`
    no model was asked for.
    """
    if words.lstrip().startswith("<") or 300 <= status < 400:
        return not_ollama(base_url)
    if name is None:
        return _refused_lists(base_url, status, words)
    if status == 404:
        hint = "The list of installed models says which names exist."
        message = f"Ollama has no model named {name[:80]!r}."
        return NotFound(message, code="unknown_model", hint=hint)
    return OllamaRefusal(words)


def _refused_lists(base_url: str, status: int, words: str) -> YipyapError:
    if status in BEFORE_IT:
        return no_success(base_url, status)
    return not_ollama(base_url) if status == 404 else OllamaRefusal(words, of_model=False)


def readable(text: str) -> str:
    """Foreign text without halves of characters, which nothing could write."""
    return text.encode(errors="replace").decode()
