"""One hash of everything the services concluded, whatever order and batches it arrived in.

Taken at rest on a still clock. Left out is what depends on the way there: versions, recording times, offsets, leases,
correlation ids, and of alerts how they came about (their acts, those that were retracted, who succeeded whom).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import msgspec

from tests.support.snapshots import read_snapshots

_PROFILE = {"policy"}
_SCORE = {"profile_version"}
_KIND = {"as_of"}
_ALERT = {"rules_version", "cause_version", "announce", "succeeds", "succeeded_by", "history"}

State = Mapping[str, Mapping[str, Any]]


async def read_state(dsns: Mapping[str, str]) -> State:
    """Service to id to what it concluded, canonical."""
    found = {}
    for service in ("profiles", "scoring", "alerts"):
        connection = await asyncpg.connect(dsns[service])
        try:
            found[service] = {
                entity_id: msgspec.json.decode(one.snapshot)["data"]
                for entity_id, one in (await read_snapshots(connection, service)).items()
                if one.snapshot
            }
        finally:
            await connection.close()
    merged_into = {one: data["merged_into"] for one, data in found["profiles"].items() if data["status"] == "merged"}
    return {
        "profiles": {one: _profile(data, merged_into) for one, data in found["profiles"].items()},
        "scoring": {one: _score(data) for one, data in found["scoring"].items()},
        "alerts": {
            one: _without(data, _ALERT) for one, data in found["alerts"].items() if data["condition"] != "retracted"
        },
    }


def hash_of(state: State) -> str:
    """The same for the same state, and for no other."""
    return hashlib.sha256(json.dumps(state, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _profile(data: Mapping[str, Any], merged_into: Mapping[str, str]) -> dict[str, Any]:
    if data["status"] != "merged":
        return _without(data, _PROFILE)
    # Several merges in one go or one by one: what counts is where the references are in the end.
    into = data["merged_into"]
    while into in merged_into:
        into = merged_into[into]
    return {"status": "merged", "merged_into": into}


def _score(data: Mapping[str, Any]) -> dict[str, Any]:
    if data["status"] == "merged":
        return {"status": "merged"}
    return _without(data, _SCORE) | {"kinds": {name: _without(kind, _KIND) for name, kind in data["kinds"].items()}}


def _without(data: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in set(names)}
