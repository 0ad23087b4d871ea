"""What a good password is, and comparing one with its bcrypt hash at constant cost.

Comparing is the most expensive thing a stranger can make the server do: few run at a time, and
only a bounded number waits.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import bcrypt

from yipyap_core.errors import Throttled, WeakPassword

MIN_CHARACTERS = 10
MAX_BYTES = 72
"""What bcrypt can tell apart; longer ones are refused instead of cut."""
MIN_DIFFERENT = 5
LONG_CHARACTERS = 20
"""With so many letters and digits, the username may be among them."""

ROUNDS = 12
MAX_RUNNING = 2
MAX_WAITING = 24

_COMMON = """
password passwort passw0rd p4ssword admin administrator root letmein welcome login master
qwerty qwertz azerty iloveyou monkey dragon football baseball sunshine princess shadow
superman batman starwars trustno changeme default secret hunter whatever freedom michael
jordan charlie ashley computer internet server system test tester testing guest user
yipyap dashboard model models summer winter spring autumn hello access google samsung
"""

COMMON_WORDS = frozenset(_COMMON.split())

_SEQUENCES = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1q2w3e4r5t6z7u8i9o0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
_LEET = str.maketrans("013457@$!", "oieastasi")


class PasswordHasher:
    """Makes and compares bcrypt hashes; a few at a time, strangers and members at one cost."""

    def __init__(self, *, rounds: int = ROUNDS) -> None:
        """Use 2**rounds iterations for new hashes."""
        self._rounds = rounds
        self._nobody = f"$2b${rounds:02d}${'.' * 53}".encode()
        self._running = threading.Semaphore(MAX_RUNNING)
        self._admitted = threading.Semaphore(MAX_RUNNING + MAX_WAITING)

    def hash(self, password: str) -> str:
        """Make a salted hash; check the password with `check_strength` before."""
        return bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._rounds)).decode()

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for one of the few places in which a sign-in is decided; raises `Throttled`."""
        if not self._admitted.acquire(blocking=False):
            raise Throttled("Too many people are signing in at once.", retry_after_seconds=2.0)
        try:
            with self._running:
                yield
        finally:
            self._admitted.release()

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Compare; None, for a user that does not exist, costs the same and is False."""
        encoded = _encoded(password)
        known = (password_hash or "").encode() or self._nobody
        try:
            same = bcrypt.checkpw(encoded or b"-", known)
        except ValueError:  # a hash that is none
            return False
        return same and encoded is not None and password_hash is not None


@dataclass(frozen=True, slots=True)
class Weakness:
    """Why a password is refused, and what would make it a good one."""

    reason: str
    hint: str


TOO_SHORT = Weakness(
    f"The password needs at least {MIN_CHARACTERS} characters.", "A few words in a row are good."
)
UNPRINTABLE = Weakness(
    "The password may not have control characters or spaces other than the plain one.",
    "Type it instead of pasting it.",
)
TOO_LONG = Weakness(
    f"The password may have at most {MAX_BYTES} bytes.",
    "Leave out a word; accented letters, other scripts and emoji count two to four bytes each.",
)
HAS_USERNAME = Weakness(
    "The password must not contain the username.",
    f"Leave the name out, or put so much around it that there are {LONG_CHARACTERS} letters and"
    " digits.",
)
FEW_CHARACTERS = Weakness(
    "The password repeats the same few characters.",
    f"Use at least {MIN_DIFFERENT} different ones.",
)
SEQUENCE = Weakness(
    "The password is a sequence of neighbouring characters, or one short piece again and again.",
    "Use words that do not belong together.",
)
COMMON = Weakness(
    "The password is a common word with decoration.",
    "Add a few words that nobody would expect with it.",
)


def check_strength(password: str, *, username: str) -> None:
    """Raise `WeakPassword` with the reason and its hint, or accept."""
    if found := weakness(password, username=username):
        raise WeakPassword(found.reason, hint=found.hint)


def weakness(password: str, *, username: str) -> Weakness | None:
    """Say what is wrong with a password, the plainest first; None when nothing is."""
    return next(_weaknesses(password, username), None)


def _weaknesses(password: str, username: str) -> Iterator[Weakness]:
    """Check one thing after the other; only what fits bcrypt comes to those that take time."""
    if len(password) < MIN_CHARACTERS:
        yield TOO_SHORT
    if not password.isprintable():
        yield UNPRINTABLE
    if _encoded(password) is None:
        yield TOO_LONG
    if _has_username(password, username):
        yield HAS_USERNAME
    if len(set(password)) < MIN_DIFFERENT:
        yield FEW_CHARACTERS
    if _is_sequence(password.lower()):
        yield SEQUENCE
    if _is_common(password.lower()):
        yield COMMON


def _has_username(password: str, username: str) -> bool:
    """Whether the name is a good part of the password; names of one or two letters never are."""
    return (
        len(username) >= 3
        and username.lower() in password.lower()
        and len(_letters(password)) < LONG_CHARACTERS
    )


def _encoded(password: str) -> bytes | None:
    """The bytes that bcrypt may see; None for a password that no account can have."""
    try:
        encoded = password.encode()
    except UnicodeEncodeError:
        return None
    return encoded if 0 < len(encoded) <= MAX_BYTES and password.isprintable() else None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _is_sequence(text: str) -> bool:
    """Whether the text is one run of the alphabet or a keyboard, either way, or a doubled half."""
    plain = _letters(text)
    for row in _SEQUENCES:
        rows = row + row
        if plain in rows or plain in rows[::-1]:
            return True
    return any(
        len(plain) % size == 0 and plain[:size] * (len(plain) // size) == plain
        for size in range(1, min(9, len(plain) // 2 + 1))
    )


def _is_common(text: str) -> bool:
    """Whether only digits and signs around common words are left, also written like l33t."""
    for candidate in (text, text.translate(_LEET)):
        rest = candidate
        for word in sorted(COMMON_WORDS, key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != candidate and sum(map(str.isalpha, rest)) < 4 and len(rest) < 8:
            return True
    return False
