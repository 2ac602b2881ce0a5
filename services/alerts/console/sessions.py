"""Who looks at the page: a key is exchanged once for a session, which lives in the store and dies with its key."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from services.alerts.console.store import ConsoleStore, StoredSession
from shared.access import Directory, key_id_of
from shared.clock import real_now
from shared.contracts import Principal
from shared.errors import EbbtideError
from shared.http.access import authorise
from shared.http.problems import ApiError
from shared.postgres import Database
from shared.sealing import Sealer

IDLE = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in, as the directory of keys knows them now."""

    token_hash: bytes
    key_id: str
    principal: Principal
    sealed_key: bytes | None = field(default=None, repr=False)

    @property
    def may_act(self) -> bool:
        """Whether they may change alerts."""
        return bool({"alerts:write", "admin"} & {*self.principal.scopes})


class Sessions:
    """Sessions outlive restarts and end after 12 hours without a request. Of the cookie only a hash is stored.

    The key that somebody signed in with is stored sealed under a key made from the cookie. So neither the database nor
    a cookie is enough to know it, and signing out destroys it.
    """

    def __init__(self, database: Database, directory: Directory) -> None:
        self.directory = directory
        self._database = database

    async def sign_in(self, key: str) -> str:
        """The value of a new cookie. Raises ApiError 401, 403 or 503 when the key does not let anybody look."""
        principal = authorise(self.directory, key, "alerts:read")
        token, now = secrets.token_urlsafe(32), real_now()
        async with self._database.transaction() as connection:
            store = ConsoleStore(connection)
            await store.prune_sessions(now - IDLE)
            session = StoredSession(principal.principal_id, key_id_of(key), now, seal_key(key, token))
            await store.append_session(_hash(token), session)
        return token

    async def find(self, token: str) -> Session | None:
        """The session of a cookie, if it is not too old and its key is still good. Raises ApiError 503 at start."""
        token_hash, now = _hash(token), real_now()
        async with self._database.connection() as connection:
            stored = await ConsoleStore(connection).get_session(token_hash, now - IDLE)
            if stored is None:
                return None
            principal = self.principal_of(stored.key_id)
            if principal is None:
                await ConsoleStore(connection).delete_session(token_hash)
                return None
            if now - stored.seen_at > TOUCH_EVERY:
                await ConsoleStore(connection).touch_session(token_hash, now)
        return Session(token_hash, stored.key_id, principal, stored.sealed_key)

    def key_of(self, session: Session, token: str) -> str | None:
        """The key that `session` was begun with, opened by its cookie; null when it cannot be opened.

        To ask other services with, so that they decide what this person may see. Not to be kept.
        """
        try:
            sealed = session.sealed_key
            return _sealer(token).open(sealed, bound_to=session.key_id).decode() if sealed is not None else None
        except EbbtideError:
            return None

    async def sign_out(self, token: str) -> None:
        """The cookie is worth nothing from now on."""
        async with self._database.connection() as connection:
            await ConsoleStore(connection).delete_session(_hash(token))

    def principal_of(self, key_id: str) -> Principal | None:
        """Whose key this is, if it is good now and lets them look."""
        if not self.directory.loaded:
            raise ApiError(503, "access_unknown", "Keys are not loaded yet.", headers={"Retry-After": "1"})
        principal = self.directory.holder(key_id)
        readers = {"alerts:read", "admin"}
        return principal if principal is not None and readers & {*principal.scopes} else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def seal_key(key: str, token: str) -> bytes:
    """A key as it is stored: whoever has neither the cookie nor the key learns nothing from it."""
    return _sealer(token).seal(key.encode(), bound_to=key_id_of(key))


def _sealer(token: str) -> Sealer:
    return Sealer(token.encode(), "key of a session")
