"""What was decided or is under way is not undone by what comes later from before."""

from services.notify.domain.attempts import Attempt, Outcome
from services.notify.domain.entities import WIN_BACK_STEP
from shared.postgres import Database
from tests.integration.notify.mailbox import Mailbox
from tests.integration.notify.parts import Parts
from tests.integration.notify.values import NOW, alert, id_of, profile
from tests.support.clock import ManualClock
from tests.support.stack import Lease

OWNER = (id_of("a"), "fired", "owner")


async def test_who_lost_the_lease_does_not_close_the_attempt_of_another(parts: Parts) -> None:
    """Its late answer is about its own attempt; the one under way is closed by who makes it."""
    await parts.profiles(profile("jo"))
    await parts.alerts(alert("a", "jo", notify=("owner",)))
    _, (late,) = await parts.claims.claim(NOW, 10)
    await parts.hurry()
    _, (current,) = await parts.claims.claim(NOW, 10)
    assert late.token != current.token
    await parts.claims.complete([(late, Attempt(Outcome.REFUSED, "550"))], NOW)
    assert await parts.states() == {OWNER: ("sending", "in_flight")}
    await parts.claims.complete([(current, Attempt(Outcome.DELIVERED, "250"))], NOW)
    assert await parts.states() == {OWNER: ("sent", None)}


async def test_an_older_profile_changes_nobodys_owner(parts: Parts, mailbox: Mailbox) -> None:
    """Nor brings it back a consent that was withdrawn since."""
    await parts.profiles(profile("jo", 3, owner="ben", consent=False))
    await parts.profiles(profile("jo", 2, owner="lin"))
    await parts.alerts(alert("a", "jo", cause_version=3))
    await parts.send_all()
    assert (await parts.states()).get((id_of("a"), "fired", WIN_BACK_STEP)) == ("dropped", "no_consent")
    assert [recipient for recipient, _ in mailbox.messages] == ["ben.okafor@example.com"]


async def test_what_is_decided_again_in_a_restored_store_is_the_same_mail(
    lease: Lease, clock: ManualClock, mailbox: Mailbox
) -> None:
    """A backup from before the alert: its mail leaves once more, under the Message-ID that receivers know."""
    for _ in range(2):
        async with Database(await lease.dsn("notify"), application="tests") as database:
            parts = Parts(database, clock, mailbox)
            await parts.profiles(profile("jo"))
            await parts.alerts(alert("a", "jo"))
            await parts.send_all()
            await parts.gateway.close()
    assert len(mailbox.messages) == 4
    assert len({message["Message-ID"] for _, message in mailbox.messages}) == 2
