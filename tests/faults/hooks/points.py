"""The points at which a process can be killed or held: a line more in its source, at each step of what is promised."""

from tests.faults.hooks.edits import Edit

_STORING = "shared/pipeline/storing.py"
_PIPELINE = "shared/pipeline/pipeline.py"
_PUBLISHING = "shared/pipeline/publishing.py"
_OFFSETS = "shared/pipeline/offsets.py"
_OUTLET = "services/ingest/gateways/outlet.py"
_RECEPTION = "services/ingest/handlers/interactions.py"
_SPOOL = "services/ingest/gateways/spool.py"
_SENDER = "services/notify/timers/sender.py"
_SMTP = "services/notify/gateways/smtp.py"


def _before(name: str, file: str, anchor: str) -> Edit:
    return Edit(file, anchor, f"{_call(name, anchor)}{anchor}")


def _after(name: str, file: str, anchor: str) -> Edit:
    return Edit(file, anchor, f"{anchor}{_call(name, anchor)}")


def _call(name: str, anchor: str) -> str:
    indent = anchor[: len(anchor) - len(anchor.lstrip())]
    return f'{indent}await __point__("{name}")\n'


POINTS: dict[str, Edit] = {
    # A batch, in every service that consumes.
    "handler.before": _before(
        "handler.before",
        _STORING,
        "        if not batch.received:\n",
    ),
    "store.before_commit": _after(
        "store.before_commit",
        _STORING,
        "                await store.upsert_progress(name, batch.span.progress)\n",
    ),
    "store.after_commit": _before(
        "store.after_commit",
        _STORING,
        "        if culprits:\n            first = ",
    ),
    "publish.before_send": _before(
        "publish.before_send",
        _PIPELINE,
        "            await self._publisher.publish(stored.outcome.publications, again=stored.span.rerun)\n",
    ),
    "publish.acknowledged": _before(
        "publish.acknowledged",
        _PUBLISHING,
        "        published = {entry.entity_id: entry.version for entry in publications}\n",
    ),
    "check.before_owing": _before(
        "check.before_owing",
        _PUBLISHING,
        "            owed = PipelineStore(connection)\n",
    ),
    "check.done": _after(
        "check.done",
        _PIPELINE,
        '            await self._patience.until_done("publish", partial(self._publish, stored))\n',
    ),
    "offsets.before_commit": _before(
        "offsets.before_commit",
        _OFFSETS,
        "            offsets, self._offsets = self._offsets, {}\n",
    ),
    # The relay, in every service.
    "relay.before_send": _before(
        "relay.before_send",
        _PUBLISHING,
        "        await self.publish(publications)\n",
    ),
    "relay.before_delete": _before(
        "relay.before_delete",
        _PUBLISHING,
        "            await PipelineStore(connection).delete_published(paid, listed_at)\n",
    ),
    # ingest
    "ingest.before_produce": _before(
        "ingest.before_produce",
        _OUTLET,
        "        failure: TransientError | None = None\n",
    ),
    "ingest.after_produce": _after(
        "ingest.after_produce",
        _RECEPTION,
        "            await self._outlet.send(records)\n",
    ),
    "spool.before_commit": _after(
        "spool.before_commit",
        _SPOOL,
        "                await self._store(connection).append_spool(records)\n",
    ),
    "spool.after_commit": _before(
        "spool.after_commit",
        _SPOOL,
        "        self._held += len(records)\n",
    ),
    "spool.before_delete": _before(
        "spool.before_delete",
        _SPOOL,
        "                await store.delete_spool([spool_id for spool_id, _, _ in claimed])\n",
    ),
    # notify
    "notify.sending_committed": _before(
        "notify.sending_committed",
        _SENDER,
        "                self._attempts.begin(self._attempt(task))\n",
    ),
    "notify.taken_by_server": _after(
        "notify.taken_by_server",
        _SMTP,
        "            response = await client.data(message)\n",
    ),
    "notify.before_completion": _after(
        "notify.before_completion",
        _SENDER,
        "        attempt = await self._mailer.deliver(task, self._clock.now())\n",
    ),
}
