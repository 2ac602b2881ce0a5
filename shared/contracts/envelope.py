"""How an entity travels: the whole current state in a CloudEvent, with a version that only grows."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from shared.contracts.record import Record

Entity = TypeVar("Entity")


class Snapshot(Record, Generic[Entity], frozen=True, kw_only=True):
    """The whole current state of one entity.

    `id` is `subject:version`, so it is unique; `subject` is the entity's id and the key of the record;
    `version` grows with every change, and a consumer applies only what is newer than what it has.
    `time` is the business instant of the change, `correlationid` that of the request that led to it.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    version: int
    correlationid: str = ""
    data: Entity
