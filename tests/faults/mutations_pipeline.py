"""Defects in what all services share: one batch from topic to topic, offsets, publishing, the relay, what fails."""

from tests.faults.hooks.edits import Edit
from tests.faults.hooks.mutation import Mutation

_ASSIGNMENT = "shared/pipeline/assignment.py"
_BREAKER = "shared/pipeline/breaker.py"
_HALVING = "shared/pipeline/halving.py"
_IDS = "shared/ids.py"
_PIPELINE = "shared/pipeline/pipeline.py"
_PUBLISHER = "shared/kafka/publisher.py"
_PUBLISHING = "shared/pipeline/publishing.py"
_QUERIES = "shared/pipeline/sql/queries.sql"
_SETTLED = "shared/pipeline/settled.py"
_SETTLING = "shared/pipeline/settling.py"
_STORING = "shared/pipeline/storing.py"
_TURNS = "shared/pipeline/turns.py"
_WATCHDOG = "shared/pipeline/watchdog.py"

_TESTS = "tests/integration/shared/"
_ADD_OFFSETS = "                self._offsets.add(stored.span.progress)\n"

OFFSETS = (
    Mutation(
        name="offsets-before-handling",
        breaks="Kafka's offsets are committed as soon as a batch is read (the framework's default): what was not "
        "published when a process dies never is.",
        edits=(
            Edit(
                _PIPELINE,
                "                self.in_hand.take(batch.span)\n",
                "                self.in_hand.take(batch.span)\n"
                "                self._offsets.add(batch.span.progress)\n",
            ),
        ),
        tests=(
            _TESTS + "test_pipeline.py::test_offsets_are_committed_only_after_the_acknowledgement",
            _TESTS + "test_stuck.py::test_a_handler_that_never_returns_ends_the_process",
        ),
    ),
    Mutation(
        name="offsets-before-acknowledgement",
        breaks="Kafka's offsets are committed before the snapshots are acknowledged.",
        edits=(
            Edit(_PIPELINE, _ADD_OFFSETS, "                pass\n"),
            Edit(
                _PIPELINE,
                "            stored = await self._to_publish.get()\n",
                "            stored = await self._to_publish.get()\n"
                "            self._offsets.add(stored.span.progress)\n",
            ),
        ),
        tests=(_TESTS + "test_pipeline.py::test_offsets_are_committed_only_after_the_acknowledgement",),
    ),
    Mutation(
        name="commit-before-effect",
        breaks="Progress is committed in a transaction of its own, before the effects are.",
        edits=(
            Edit(
                _STORING,
                "            async with self._database.transaction() as connection:\n",
                "            async with self._database.transaction() as connection:\n"
                "                await PipelineStore(connection).upsert_progress(name, batch.span.progress)\n"
                "            async with self._database.transaction() as connection:\n",
            ),
        ),
        tests=(
            _TESTS + "test_stuck.py::test_a_handler_that_never_returns_ends_the_process",
            _TESTS + "test_culprits.py::test_a_process_that_dies_while_taking_apart_leaves_nothing_behind",
        ),
    ),
    Mutation(
        name="gap-check-off",
        breaks="Records that the client dropped on the way are passed over.",
        edits=(
            Edit(
                _ASSIGNMENT,
                "        owned.holes += 1\n",
                "        return True\n        owned.holes += 1\n",
            ),
        ),
        tests=(
            _TESTS + "test_holes.py::test_a_batch_that_lacks_what_is_due_is_put_back",
            _TESTS + "test_holes.py::test_offsets_that_never_come_halt_the_partition",
        ),
    ),
    Mutation(
        name="anchor-ignored",
        breaks="Nobody notices that a topic was recreated and is longer by now: its first records are never read.",
        edits=(Edit(_ASSIGNMENT, "        if last is None or fingerprint(last) == anchor:\n", "        if True:\n"),),
        tests=(_TESTS + "test_log_identity.py::test_a_recreated_topic_is_read_from_its_start[longer-offsets-kept]",),
    ),
    Mutation(
        name="end-of-log-ignored",
        breaks="Nobody notices that a topic was recreated and ends before what was read of it.",
        edits=(Edit(_ASSIGNMENT, "if end < max(stored.next_offset, committed or 0):", "if False:"),),
        tests=(_TESTS + "test_log_identity.py::test_a_recreated_topic_is_read_from_its_start[shorter-offsets-gone]",),
    ),
    Mutation(
        name="progress-ignored-at-start",
        breaks="Reading starts at Kafka's offset alone: a database restored from a backup never gets what it lacks.",
        edits=(
            Edit(
                _ASSIGNMENT,
                "start = max(min(published, stored.next_offset - 1), begin)",
                "start = max(published, begin)",
            ),
        ),
        tests=(
            _TESTS + "test_log_identity.py::test_a_database_restored_from_an_older_backup_reads_again_what_it_lacks",
        ),
    ),
    Mutation(
        name="leaves-without-finishing",
        breaks="A member of a group gives its partitions away with a batch in hand: every planned restart repeats it.",
        edits=(Edit(_PIPELINE, "        await self.drain(REVOKE_WAIT_SECONDS)\n", "        pass\n"),),
        tests=(_TESTS + "test_rebalance.py::test_what_a_member_has_in_hand_is_finished_before_its_partitions_go",),
    ),
    Mutation(
        name="partition-order-off",
        breaks="Two batches of one partition are stored at the same time.",
        edits=(Edit(_TURNS, "not self._out & self._waiting[0].partitions", "True"),),
        tests=(
            "tests/unit/shared/test_turns.py::test_batch_waits_for_the_earlier_one_of_its_partition_and_nobody_overtakes_it",
        ),
    ),
)

PUBLISHING = (
    Mutation(
        name="check-after-publishing-off",
        breaks="An old snapshot that was overtaken on its way stays the last one on the topic.",
        edits=(
            Edit(
                _PUBLISHING,
                "            moved_on = {entity: version for entity, version in current.items() "
                "if version > published[entity]}\n",
                "            moved_on: dict[str, int] = {}\n",
            ),
        ),
        tests=(
            _TESTS + "test_publishing.py::test_a_writer_that_sends_late_owes_the_newer_version",
            _TESTS + "test_publishing.py::test_a_version_that_is_stored_while_another_is_on_its_way_is_owed",
        ),
    ),
    Mutation(
        name="rerun-published-once",
        breaks="After a re-run the late record of a sender that died can stay the last one on the topic.",
        edits=(
            Edit(
                _PUBLISHING,
                "            await owed.append_to_publish(later, delay_seconds=AGAIN_SECONDS)\n",
                "            pass\n",
            ),
        ),
        tests=(_TESTS + "test_pipeline.py::test_the_second_publication_after_a_rerun_is_made_when_it_is_due",),
    ),
    Mutation(
        name="relay-with-a-cursor",
        breaks="The relay goes on behind the highest version it has seen: what commits late is never published.",
        edits=(
            Edit(
                _PUBLISHING,
                "        publications = [Publication(entity, version, payload) "
                "for entity, version, payload in snapshots]\n",
                "        publications = [Publication(*one) for one in snapshots if one[1] > getattr(self, 'seen', 0)]\n"
                "        self.seen = max([getattr(self, 'seen', 0), *(one.version for one in publications)])\n",
            ),
        ),
        tests=(_TESTS + "test_owed_late.py::test_a_debt_that_is_committed_late_is_paid_though_newer_ones_were",),
    ),
    Mutation(
        name="relay-deletes-before-acknowledgement",
        breaks="The relay strikes off what it owes before Kafka has it.",
        edits=(
            Edit(_PUBLISHING, "        await self.publish(publications)\n", ""),
            Edit(
                _PUBLISHING,
                "            await PipelineStore(connection).delete_published(paid, listed_at)\n",
                "            await PipelineStore(connection).delete_published(paid, listed_at)\n"
                "        await self.publish(publications)\n",
            ),
        ),
        tests=(_TESTS + "test_publishing.py::test_a_relay_that_cannot_send_owes_as_before",),
    ),
    Mutation(
        name="relay-strikes-off-what-came-since",
        breaks="What comes to be owed while the relay is sending counts as paid.",
        edits=(Edit(_QUERIES, " and owed.due_at <= $3", " and $3::timestamptz is not null"),),
        tests=(_TESTS + "test_publishing.py::test_what_comes_to_be_owed_while_the_relay_is_paying_stays_owed",),
    ),
    Mutation(
        name="given-up-producer-waited-for",
        breaks="Whoever gives a producer up waits for a request of it that never ends, and nothing is sent any more.",
        edits=(
            Edit(
                _PUBLISHER,
                "        await asyncio.wait([sending], timeout=SILENCE_SECONDS)\n        sending.cancel()\n",
                "        await asyncio.wait({sending}, timeout=SILENCE_SECONDS)\n",
            ),
        ),
        tests=(_TESTS + "test_silenced.py::test_a_producer_that_waits_for_metadata_for_ever_is_given_up",),
    ),
    Mutation(
        name="versions-from-one-on",
        breaks="After a restore versions repeat, and consumers take what is new for old.",
        edits=(Edit(_IDS, "return max(previous + 1, database_micros)", "return previous + 1"),),
        tests=(
            _TESTS + "test_log_identity.py::test_a_database_restored_from_an_older_backup_reads_again_what_it_lacks",
        ),
    ),
)

FAILING = (
    Mutation(
        name="dead-letters-dropped",
        breaks="What cannot be decoded is passed over instead of being set aside.",
        edits=(
            Edit(
                _STORING,
                "                await store.append_dead_letters(name, batch.dead, again=batch.span.rerun)\n",
                "                pass\n",
            ),
        ),
        tests=(_TESTS + "test_culprits.py::test_several_culprits_are_found_whoever_refuses_them[Picky]",),
    ),
    Mutation(
        name="breaker-off",
        breaks="A bad release sets the whole topic aside.",
        edits=(Edit(_BREAKER, "if not self._enabled or not dead:", "if True:"),),
        tests=(
            "tests/unit/shared/test_breaker.py::test_it_stops_at_more_than_half_of_enough_records",
            _TESTS + "test_stopping.py::test_a_bad_release_stops_before_anything_is_set_aside_and_goes_on_when_mended",
        ),
    ),
    Mutation(
        name="bisecting-off",
        breaks="One record that cannot be handled takes all others of its batch along.",
        edits=(
            Edit(
                _HALVING,
                "        await self._take_apart(connection, self._entities(), error)\n",
                "        for entity in self._entities():\n            self._set_aside(entity, error)\n",
            ),
        ),
        tests=(_TESTS + "test_culprits.py::test_it_may_be_the_first_the_last_or_the_only_one[9-e0]",),
    ),
    Mutation(
        name="watchdog-off",
        breaks="A handler that never returns holds its partitions for ever.",
        edits=(Edit(_WATCHDOG, "        raise StuckError(reason)\n", "        return\n"),),
        tests=("tests/unit/shared/test_watchdog.py::test_work_that_never_gets_on_is_stuck",),
    ),
    Mutation(
        name="settled-ignored",
        breaks="What follows from silence is decided while interactions are under way.",
        edits=(Edit(_SETTLED, "return min(self._clock.now(), self.settled_at)", "return self._clock.now()"),),
        tests=(
            "tests/unit/shared/test_settled.py::test_before_any_mark_is_passed_nothing_is_settled",
            _TESTS + "test_settling.py::test_nobody_lapses_while_interactions_are_under_way_and_everybody_does_once_"
            "they_have_arrived",
        ),
    ),
    Mutation(
        name="marks-outrun-the-relay",
        breaks="A service says that its topic is complete while it still owes snapshots.",
        edits=(Edit(_SETTLING, "if oldest is None or oldest > owed_at:", "if True:"),),
        tests=(_TESTS + "test_settling.py::test_no_mark_goes_on_while_the_relay_owes_a_snapshot",),
    ),
)

PIPELINE = (*OFFSETS, *PUBLISHING, *FAILING)
