"""Defects in the five services: what is accepted, counted, merged, decided and told."""

from tests.faults.hooks.edits import Edit
from tests.faults.hooks.mutation import Mutation

_CLAIMS = "services/notify/sql/queries.sql"
_IDS = "shared/ids.py"
_CUSTOMERS = "services/profiles/handlers/customers.py"
_PROFILES = "services/profiles/sql/queries.sql"
_SPOOL = "services/ingest/gateways/spool.py"
_TIMELINE = "services/profiles/handlers/timeline.py"

_TESTS = "tests/integration/"
_SENDING = _TESTS + "notify/test_sending.py::"
_SEND = "await sender.send(topic, ((reference, interaction) for _, reference, interaction in claimed))\n"
_RANDOM = 'return str(__import__("uuid").uuid4())'
_LOCK = "where customer_id = any ($1::uuid[])\norder by customer_id\nfor update"

INGEST = (
    Mutation(
        name="spool-deletes-before-acknowledgement",
        breaks="What was spooled is deleted before Kafka has it: what was answered as accepted is lost.",
        edits=(
            Edit(
                _SPOOL,
                f"                {_SEND}",
                "",
            ),
            Edit(
                _SPOOL,
                "        self._may_hold = self._held > 0\n",
                f"        {_SEND}        self._may_hold = self._held > 0\n",
            ),
        ),
        tests=(
            _TESTS + "ingest/test_spool.py::test_what_a_silent_broker_did_not_take_is_kept_and_sent_once_it_answers",
        ),
    ),
    Mutation(
        name="accepted-without-being-durable",
        breaks="With broker and database away interactions are answered as accepted.",
        edits=(
            Edit(
                _SPOOL,
                "        await self._spool.append(records)\n",
                "        try:\n"
                "            await self._spool.append(records)\n"
                "        except TransientError:\n"
                "            pass\n",
            ),
        ),
        tests=(_TESTS + "ingest/test_spool.py::test_with_both_away_nobody_is_told_that_anything_is_durable",),
    ),
)

COUNTING = (
    Mutation(
        name="no-deduplication",
        breaks="What the archive knows already is not left out: repetitions count again.",
        edits=(
            Edit(_TIMELINE, "if first.setdefault(identity, ordinal) == ordinal:", "if True:"),
            Edit(
                _TIMELINE,
                "        known = await store.append_interactions(rows)\n",
                "        await store.append_interactions(rows)\n        known: set[int] = set()\n",
            ),
        ),
        tests=(_TESTS + "profiles/test_batches.py::test_a_repetition_counts_once_wherever_it_stands",),
    ),
    Mutation(
        name="rows-not-locked",
        breaks="Two processes that hold one customer overwrite what the other has counted.",
        edits=(Edit(_PROFILES, _LOCK, _LOCK.removesuffix("\nfor update")),),
        tests=(_TESTS + "profiles/test_batches.py::test_two_processes_that_count_one_customer_at_once_lose_nothing",),
    ),
    Mutation(
        name="lock-order-reversed",
        breaks="Locks are not taken in key order: processes wait for one another until the database ends one.",
        edits=(Edit(_PROFILES, _LOCK, _LOCK.replace("order by customer_id", "order by customer_id desc")),),
        tests=(_TESTS + "profiles/test_batches.py::test_customers_are_locked_in_the_order_of_their_keys",),
    ),
    Mutation(
        name="late-not-recomputed",
        breaks="What comes late is added as if it had come in order.",
        edits=(
            Edit(
                "services/profiles/domain/profiles.py",
                "if first is not None and is_late(customer, first):",
                "if False:",
            ),
        ),
        tests=(_TESTS + "profiles/test_batches.py::test_what_comes_late_counts_where_it_belongs",),
    ),
    Mutation(
        name="merges-ignored",
        breaks="References that are linked stay two customers.",
        edits=(
            Edit(
                _CUSTOMERS,
                "merges = plan_merges((owners[one.subject], owners[one.data["
                '"reference"]]) for one in fresh if _links(one))',
                "merges: dict[str, str] = {}",
            ),
        ),
        tests=(_TESTS + "profiles/test_batches.py::test_a_link_makes_one_customer_of_two",),
    ),
    Mutation(
        name="merges-of-others-overlooked",
        breaks="What arrives while another process merges its customer is counted for the one that is gone.",
        edits=(
            Edit(
                _CUSTOMERS,
                "if locked[member.customer_id].membership_version != member.membership_version:",
                "if False:",
            ),
        ),
        tests=(_TESTS + "profiles/test_batches.py::test_what_arrives_during_a_merge_counts_for_the_winner",),
    ),
)

DECIDING = (
    Mutation(
        name="version-guard-off-in-scoring",
        breaks="An older profile overwrites what scoring knows from a newer one.",
        edits=(
            Edit(
                "services/scoring/handlers.py",
                "if kept is not None and profile.version <= kept.profile_version:",
                "if kept is not None and profile.version == kept.profile_version:",
            ),
        ),
        tests=(_TESTS + "scoring/test_handlers.py::test_the_newest_version_wins_within_a_batch_and_against_the_store",),
    ),
    Mutation(
        name="version-guard-off-in-alerts",
        breaks="An older profile or score raises and resolves alerts.",
        edits=(
            Edit(
                "services/alerts/handlers/batches.py",
                "if known is not None and snapshot.version <= known.version:",
                "if known is not None and snapshot.version == known.version:",
            ),
            Edit("services/alerts/sql/queries.sql", "where subjects.version < excluded.version", "where true"),
        ),
        tests=(_TESTS + "alerts/test_alert_batches.py::test_an_older_snapshot_changes_nothing",),
    ),
    Mutation(
        name="version-guard-off-in-notify",
        breaks="An older profile brings back a former owner and a withdrawn consent.",
        edits=(Edit(_CLAIMS, "where contacts.version < excluded.version", "where true"),),
        tests=(_TESTS + "notify/test_once.py::test_an_older_profile_changes_nobodys_owner",),
    ),
    Mutation(
        name="alert-id-random",
        breaks="An alert has another id each time it is decided: a rebuilt or restored store tells everybody again.",
        edits=(
            Edit(
                _IDS,
                "return str(uuid5(ALERTS, SEPARATOR.join((rule_id, anchor.reference, anchor.source, anchor.id))))",
                _RANDOM,
            ),
        ),
        tests=(_TESTS + "alerts/test_alert_ids.py::test_a_store_that_is_built_again_has_the_same_alerts",),
    ),
    Mutation(
        name="notification-id-random",
        breaks="A decision has another id each time it is made: its mail is another mail to whoever receives it twice.",
        edits=(
            Edit(
                _IDS,
                "return str(uuid5(NOTIFICATIONS, SEPARATOR.join((alert_id, transition, step, recipient, channel))))",
                _RANDOM,
            ),
        ),
        tests=(_TESTS + "notify/test_once.py::test_what_is_decided_again_in_a_restored_store_is_the_same_mail",),
    ),
)

TELLING = (
    Mutation(
        name="lease-token-ignored",
        breaks="A sender whose lease has ended closes the attempt that another one is making.",
        edits=(Edit(_CLAIMS, "and token = any ($2::uuid[]) and", "and $2::uuid[] is not null and"),),
        tests=(_TESTS + "notify/test_once.py::test_who_lost_the_lease_does_not_close_the_attempt_of_another",),
    ),
    Mutation(
        name="repeated-to-customers",
        breaks="What may have arrived is sent to a customer once more.",
        edits=(
            Edit(
                "services/notify/domain/attempts.py",
                "if uncertain and trial.to_customer:",
                "if False:",
            ),
        ),
        tests=(
            "tests/unit/notify/test_attempts.py::test_an_attempt_is_judged",
            _SENDING + "test_when_the_sender_died_staff_get_it_again_and_customers_do_not",
        ),
    ),
    Mutation(
        name="customer-not-locked-for-a-win-back",
        breaks="Two processes write to one customer within 30 days.",
        edits=(
            Edit(
                _CLAIMS,
                "select customer_id from contacts where customer_id = any ($1::uuid[]) order by customer_id for update",
                "select customer_id from contacts where customer_id = any ($1::uuid[]) order by customer_id",
            ),
        ),
        tests=(_SENDING + "test_two_processes_send_one_win_back_per_customer",),
    ),
)

SERVICES = (*INGEST, *COUNTING, *DECIDING, *TELLING)
