"""Who is who: sign-in, the credentials that prove it, and the accounts behind them.

Every credential resolves to a `Principal` from the store at each request: a change of a role, a
sign-out or a removal counts at once, in pages and in the API alike.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import sqlalchemy as sa

from yipyap_core.domain.api_tokens import ApiToken, IssuedToken
from yipyap_core.domain.users import SYSTEM, Principal, Role, User
from yipyap_core.errors import SetupClosed, Unauthenticated
from yipyap_core.services.accounts.credentials import COOKIE_NAME, Credentials
from yipyap_core.services.accounts.first_start import SetupCode
from yipyap_core.services.accounts.passwords import PasswordHasher, check_strength
from yipyap_core.services.accounts.throttle import SignInThrottle
from yipyap_core.services.accounts.tokens import PREFIX, NewToken, PersonalTokens
from yipyap_core.services.accounts.usernames import checked_name, checked_username, stored_form
from yipyap_core.settings import Settings
from yipyap_core.stores.api_tokens import ApiTokenStore
from yipyap_core.stores.failures import FailureStore
from yipyap_core.stores.secrets import load_secret
from yipyap_core.stores.users import UserChange, UserStore

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """The present moment, aware."""
    return dt.datetime.now(dt.UTC)


def open_accounts(
    settings: Settings, engine: sa.Engine, *, clock: Clock = utc_now, rounds: int | None = None
) -> AccountsService:
    """Put the service together over a migrated store; the secret is made at the first call."""
    return AccountsService(
        users=UserStore(engine),
        throttle=SignInThrottle(FailureStore(engine), clock=clock),
        personal_tokens=PersonalTokens(ApiTokenStore(engine), clock=clock),
        credentials=Credentials(
            load_secret(settings.state_dir),
            token_minutes=settings.token_minutes,
            cookie_days=settings.cookie_days,
            clock=clock,
        ),
        hasher=PasswordHasher(rounds=rounds) if rounds else PasswordHasher(),
        clock=clock,
    )


class AccountsService:
    """Sign-in and accounts; what changes accounts takes the principal who asks for it."""

    def __init__(
        self,
        *,
        users: UserStore,
        throttle: SignInThrottle,
        personal_tokens: PersonalTokens,
        credentials: Credentials,
        hasher: PasswordHasher,
        clock: Clock = utc_now,
    ) -> None:
        """Take the parts; `open_accounts` makes the usual ones."""
        self._users = users
        self._throttle = throttle
        self._personal = personal_tokens
        self._credentials = credentials
        self._hasher = hasher
        self._clock = clock
        self._setup = SetupCode()

    def has_users(self) -> bool:
        """Whether the set-up is over, also when another process made the first account."""
        return not self._users.is_empty()

    def setup_code(self) -> str | None:
        """Make the one-time code of the set-up link, replacing the one before; None when over."""
        if self.has_users():
            self._setup.drop()
            return None
        return self._setup.renew()

    def setup_is_open(self, code: str) -> bool:
        """Whether `set_up` with this code could succeed now."""
        return self._setup.matches(code) and not self.has_users()

    def set_up(self, code: str, username: str, name: str, password: str) -> User:
        """Make the first administrator; the code dies with it. Raises `SetupClosed`."""
        if not self.setup_is_open(code):
            raise SetupClosed("The set-up link is wrong, was used, or a user exists already.")
        return self._add_first(username, name, password)

    def create_first_administrator(self, username: str, password: str) -> User | None:
        """Make the first administrator from the environment; None when a user exists."""
        if self.has_users():
            return None
        return self._add_first(username, username, password)

    def _add_first(self, username: str, name: str, password: str) -> User:
        user = self._new_user(username, name, Role.ADMIN)
        check_strength(password, username=user.username)
        self._users.add_first(user, self._hasher.hash(password))
        self._setup.drop()
        return user

    # signing in and out

    def authenticate(self, username: str, password: str, address: str) -> User:
        """Check a password; raises `Unauthenticated`, or `Throttled` after repeated failures.

        `address` is the peer of the connection, never a header that a client can write.
        """
        username = stored_form(username)
        with self._hasher.slot():
            self._throttle.check(username, address)
            user = self._users.get(username)
            if not self._hasher.matches(password, self._users.password_hash(username)) or not user:
                self._throttle.failed(username, address)
                raise Unauthenticated(
                    "The username or the password is wrong.",
                    code="wrong_credentials",
                    hint="Check both; an administrator can set a new password.",
                )
        if user.disabled:
            raise Unauthenticated(
                "This account is disabled.", code="disabled", hint="Ask an administrator."
            )
        self._throttle.succeeded(username, address)
        self._users.record_sign_in(username, now=self._clock())
        return user

    def issue_token(self, user: User) -> IssuedToken:
        """Make a bearer token for a user who has just signed in."""
        return IssuedToken(
            access_token=self._credentials.bearer(user.username),
            expires_in_seconds=self._credentials.token_seconds,
            role=user.role,
        )

    def sign_out(self, username: str) -> None:
        """End every session of the user, on all devices, bearer tokens included."""
        self._users.end_sessions(username, now=self._clock())

    @property
    def cookie_name(self) -> str:
        """Name of the dashboard's cookie."""
        return COOKIE_NAME

    def cookie_key(self) -> str:
        """What the dashboard's cookie is signed with."""
        return self._credentials.cookie_key

    # who is calling

    def resolves_at_once(self, credential: str) -> bool:
        """Whether resolving is one short read of a local file, fit for an event loop."""
        return self._users.is_local and not credential.startswith(PREFIX)

    def principal_of_bearer(self, token: str) -> Principal:
        """Resolve a bearer or personal token; raises `Unauthenticated` when it no longer counts."""
        if token.startswith(PREFIX):
            return self._principal_of_personal(token)
        claim = self._credentials.read_bearer(token)
        return self.principal_of(claim.username, claim.issued_at)

    def principal_of_cookie(self, cookie: str) -> Principal:
        """Resolve the dashboard's cookie; raises `Unauthenticated` when it no longer counts."""
        claim = self._credentials.read_cookie(cookie)
        return self.principal_of(claim.username, claim.issued_at)

    def principal_of(self, username: str, issued_at: dt.datetime) -> Principal:
        """Resolve who signed in at `issued_at`; raises `Unauthenticated` when that was revoked."""
        user = self._active(username)
        if issued_at < user.valid_after:
            raise _revoked()
        return Principal(user.username, user.name, user.role)

    def _principal_of_personal(self, secret: str) -> Principal:
        token = self._personal.find(secret)
        user = self._active(token.username)
        if token.created_at < user.created_at:  # of a former user of the same name
            raise _revoked()
        role = min(user.role, token.role, key=lambda role: role.rank)
        return Principal(user.username, user.name, role)

    def _active(self, username: str) -> User:
        user = self._users.get(username)
        if user is None or user.disabled:
            raise _revoked()
        return user

    # accounts

    def users(self, principal: Principal) -> tuple[User, ...]:
        """Every account, for administrators."""
        principal.require_admin()
        return self._users.list()

    def display_names(self) -> dict[str, str]:
        """Username to name of the active accounts, for the sign-in form; not for showing."""
        return {user.username: user.name for user in self._users.list() if not user.disabled}

    def add_user(
        self, principal: Principal, username: str, name: str, role: Role, password: str
    ) -> User:
        """Make an account; raises `UserExists`, `InvalidName` or `WeakPassword`."""
        principal.require_admin()
        user = self._new_user(username, name, role)
        check_strength(password, username=user.username)
        self._users.add(user, self._hasher.hash(password))
        self._setup.drop()
        return user

    def update_user(
        self,
        principal: Principal,
        username: str,
        *,
        name: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change an account; a new role, password or state ends its sessions at once."""
        principal.require_admin()
        username = stored_form(username)
        if password is not None:
            check_strength(password, username=username)
        change = UserChange(
            name=None if name is None else checked_name(name),
            role=role,
            disabled=disabled,
            password_hash=None if password is None else self._hasher.hash(password),
        )
        user = self._users.update(username, change, now=self._clock())
        if password is not None:
            self._throttle.forgive(username)
        return user

    def change_own_password(
        self, principal: Principal, current: str, new: str, address: str
    ) -> None:
        """Replace the caller's password, who has to know the present one; ends all sessions."""
        user = self.authenticate(principal.username, current, address)
        self.update_user(SYSTEM, user.username, password=new)

    def remove_user(self, principal: Principal, username: str) -> None:
        """Delete an account and its tokens; the last administrator stays."""
        principal.require_admin()
        username = stored_form(username)
        self._users.remove(username)
        self._personal.revoke_all(username)

    def _new_user(self, username: str, name: str, role: Role) -> User:
        now = self._clock()
        username = checked_username(username)
        return User(
            username=username,
            name=checked_name(name or username),
            role=role,
            disabled=False,
            created_at=now,
            last_sign_in=None,
            valid_after=now,
        )

    # personal tokens

    def tokens(self, principal: Principal) -> tuple[ApiToken, ...]:
        """The caller's own tokens."""
        return self._personal.of(principal)

    def create_token(
        self,
        principal: Principal,
        name: str,
        role: Role | None = None,
        expires_in_days: int | None = None,
    ) -> NewToken:
        """Make a token for the caller, by default with the caller's role, for 90 days."""
        return self._personal.create(principal, name=name, role=role, days=expires_in_days)

    def revoke_token(self, principal: Principal, token_id: str) -> None:
        """Delete one of the caller's own tokens; raises `UnknownToken`."""
        self._personal.revoke(principal, token_id)

    def store_answers(self) -> bool:
        """Whether the store can be read at this moment."""
        return self._users.answers()


def _revoked() -> Unauthenticated:
    return Unauthenticated("This sign-in no longer counts; sign in again.", code="revoked")
