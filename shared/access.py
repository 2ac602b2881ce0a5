"""Keys: their form, and the directory of principals that every process keeps from `access.v1`."""

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import structlog

from shared.clock import real_now
from shared.contracts import AccessKey, Principal, Snapshot

log = structlog.get_logger(__name__)

_KEY = re.compile(r"^ebb_([a-z0-9]{12})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})$")
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `secret` is shown once and stored nowhere."""

    key_id: str
    secret: str = field(repr=False)
    sha256: str


def new_key() -> NewKey:
    """A key of 256 random bits: `ebb_<key id>_<secret>_<checksum>`; the checksum lets scanners and typos be told."""
    key_id = secrets.token_hex(6)
    body = f"ebb_{key_id}_{secrets.token_urlsafe(32)}"
    text = f"{body}_{zlib.crc32(body.encode()):08x}"
    return NewKey(key_id, text, hash_key(text))


def hash_key(text: str) -> str:
    """What is stored of a key. A plain hash is enough for 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


class Directory:
    """Principals by key, as `access.v1` told them last. Reads never leave the process."""

    def __init__(self) -> None:
        self.loaded = False
        self._decoder = msgspec.json.Decoder(Snapshot[Principal])
        self._principals: dict[str, tuple[int, Principal]] = {}
        self._keys: dict[str, tuple[AccessKey, Principal]] = {}

    def apply(self, principal_id: str, payload: bytes | None) -> None:
        """Take over one record of `access.v1`, unless it is older than what is known.

        A record that cannot be read ends what its principal may do: nobody knows what it took away.
        """
        try:
            snapshot = self._decoder.decode(payload) if payload else None
        except msgspec.MsgspecError as error:
            log.error("principal_unreadable", principal=principal_id, error=type(error).__name__)
            snapshot = None
        known = self._principals.get(principal_id)
        if snapshot is not None and known is not None and snapshot.version <= known[0]:
            return
        if known is not None:
            for key in known[1].keys:
                self._keys.pop(key.key_id, None)
        if snapshot is None:
            self._principals.pop(principal_id, None)
            return
        self._principals[principal_id] = (snapshot.version, snapshot.data)
        for key in snapshot.data.keys:
            self._keys[key.key_id] = (key, snapshot.data)

    def learn(self, records: Iterable[tuple[bytes | None, bytes | None]], caught_up: bool) -> None:
        """Take over records (key, value) of `access.v1`; `caught_up`: with them everything is known."""
        for key, value in records:
            self.apply((key or b"").decode(), value)
        self.loaded = self.loaded or caught_up

    def find(self, text: str) -> Principal | None:
        """Whose key this is, if it is good now. Takes the same time for an unknown id and a wrong secret."""
        match = _KEY.match(text)
        if match is None or f"{zlib.crc32(text.rpartition('_')[0].encode()):08x}" != match[3]:
            return None
        key, principal = self._keys.get(match[1], (None, None))
        if not hmac.compare_digest(hash_key(text), key.sha256 if key else _NOBODY) or key is None:
            return None
        return principal if _is_good(key) else None

    def holder(self, key_id: str) -> Principal | None:
        """Whose key has this id, if it is good now: for what began with the key itself and lasts, as a session does."""
        key, principal = self._keys.get(key_id, (None, None))
        return principal if key is not None and _is_good(key) else None

    def active(self, principal_id: str) -> Principal | None:
        """A principal that has a key that is good now: for what is done on its behalf without a key at hand."""
        known = self._principals.get(principal_id)
        return known[1] if known is not None and any(map(_is_good, known[1].keys)) else None

    def name_of(self, principal_id: str) -> str | None:
        """What a principal is called, whether or not its keys are good."""
        known = self._principals.get(principal_id)
        return known[1].name if known is not None else None


def key_id_of(text: str) -> str:
    """The id inside a key that was found good."""
    return text.split("_")[1]


def _is_good(key: AccessKey) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > real_now())
