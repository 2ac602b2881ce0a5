"""The local mailbox keeps each mail once and shows it safely."""

import smtplib
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import pytest

from deploy.environment import inherited
from deploy.mailbox import DELIVERIES, Mailbox
from deploy.processes import Command, GuardedProcess, wait_until
from deploy.stack.ports import LOOPBACK, answers, free_port

MAILBOX = f"http://{LOOPBACK}"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A running mailbox: its SMTP port and its HTTP port."""
    folder = tmp_path_factory.mktemp("mailbox")
    smtp, http = free_port(), free_port()
    arguments = ("--directory", str(folder / "mails"), "--smtp-port", str(smtp), "--http-port", str(http))
    process = GuardedProcess(
        Command(argv=(sys.executable, "-m", "deploy.mailbox", *arguments), env=inherited(), log=folder / "mailbox.log")
    )
    assert wait_until(lambda: answers(http), timeout=20), process.last_line()
    yield smtp, http
    assert process.stop(5)


def _mail(message_id: str, subject: str, text: str = "Hello") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "ebbtide@example.com", "ada@example.com"
    mail["Subject"], mail["Message-ID"] = subject, message_id
    mail.set_content(text)
    return mail


def _send(port: int, *mails: EmailMessage) -> None:
    with smtplib.SMTP(LOOPBACK, port) as smtp:
        for mail in mails:
            smtp.send_message(mail)


async def _get(address: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status, await answer.text()


def test_each_delivery_is_noted_also_of_a_mail_that_is_known(tmp_path: Path) -> None:
    for mail in (_mail("<1@x>", "first"), _mail("<2@x>", "second"), _mail("<1@x>", "first")):
        Mailbox(tmp_path).store(mail.as_bytes())
    first, second, again = (tmp_path / DELIVERIES).read_text().split()
    assert first == again != second
    assert {path.stem for path in tmp_path.glob("*.eml")} == {first, second}


async def test_a_mail_sent_twice_under_one_message_id_is_one_mail(ports: tuple[int, int]) -> None:
    smtp, http = ports
    _send(smtp, _mail("<1@x>", "first"), _mail("<2@x>", "second 客户"), _mail("<1@x>", "first"))
    async with aiohttp.ClientSession() as session, session.get(f"{MAILBOX}:{http}/messages.json") as answer:
        listed = await answer.json()
    assert listed["total"] == 2
    assert [item["subject"] for item in listed["items"]] == ["second 客户", "first"]


async def test_what_a_mail_says_is_shown_as_text_and_never_run(ports: tuple[int, int]) -> None:
    smtp, http = ports
    _send(smtp, _mail("<3@x>", "<script>a()</script>", "<script>b()</script> http://127.0.0.1:1/u?a=1&b=2."))
    async with aiohttp.ClientSession() as session, session.get(f"{MAILBOX}:{http}/messages.json") as answer:
        mail_id = (await answer.json())["items"][0]["id"]
    _, page = await _get(f"{MAILBOX}:{http}/messages/{mail_id}")
    _, newest = await _get(f"{MAILBOX}:{http}/")
    assert "<script" not in page + newest
    assert "&lt;script&gt;b()&lt;/script&gt;" in page
    assert 'href="http://127.0.0.1:1/u?a=1&amp;b=2"' in page
    status, raw = await _get(f"{MAILBOX}:{http}/messages/{mail_id}/raw")
    assert status == 200
    assert "Message-ID: <3@x>" in raw


async def test_another_site_cannot_read_the_mail_under_its_own_name(ports: tuple[int, int]) -> None:
    status, _ = await _get(f"{MAILBOX}:{ports[1]}/", Host="evil.example.com")
    assert status == 403


async def test_a_message_that_is_not_there_is_not_found(ports: tuple[int, int]) -> None:
    assert (await _get(f"{MAILBOX}:{ports[1]}/messages/..%2fsecret"))[0] == 404


def test_a_restarted_mailbox_still_has_its_mail(tmp_path: Path) -> None:
    from deploy.mailbox import Mailbox

    Mailbox(tmp_path).store(_mail("<9@x>", "kept").as_bytes())
    again = Mailbox(tmp_path)
    again.store(_mail("<9@x>", "kept").as_bytes())
    assert [mail.subject for mail in again.newest()] == ["kept"]
