"""staff.yaml and the other things an operator writes."""

from pathlib import Path

import pytest

from services.notify.domain.addresses import is_deliverable
from services.notify.gateways.smtp import SmtpServer, smtp_server_from
from services.notify.gateways.staff import load_staff
from shared.errors import ConfigurationError


def written(folder: Path, text: str) -> Path:
    path = folder / "staff.yaml"
    path.write_text(text)
    return path


def test_staff_are_read(tmp_path: Path) -> None:
    """Any Chinese locale means our Chinese templates."""
    staff = load_staff(
        written(
            tmp_path, "default_owner: a\nstaff: [{id: a, name: A, email: a@b.example, locale: zh, zone: Asia/Tokyo}]"
        )
    )
    assert staff.default_owner == "a"
    assert staff.members["a"].locale == "zh-CN"


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    """With its place, and without repeating the address."""
    path = written(
        tmp_path, "default_owner: a\nstaff: [{id: a, name: A, email: secret-thing, zone: Nowhere}, {id: '', name: B}]"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_staff(path)
    text = str(caught.value)
    assert all(place in text for place in ("staff.0.email", "staff.0.zone", "staff.1.id", "staff.1.email"))
    assert "secret-thing" not in text


@pytest.mark.parametrize(
    "text",
    [
        "default_owner: b\nstaff: [{id: a, name: A, email: a@b.example}]",
        "default_owner: a\nstaff: [{id: a, name: A, email: a@b.example}, {id: a, name: B, email: b@b.example}]",
        "default_owner: a\nstaff: []",
        "[: not yaml",
        "",
    ],
)
def test_a_bad_file_is_an_operators_error(tmp_path: Path, text: str) -> None:
    """A sentence, not a traceback."""
    with pytest.raises(ConfigurationError, match="EBBTIDE_STAFF"):
        load_staff(written(tmp_path, text))
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_staff(tmp_path / "absent.yaml")


def test_mail_servers_are_parsed() -> None:
    """With and without TLS from the start, with and without a login."""
    assert smtp_server_from("smtp://127.0.0.1:2525") == SmtpServer("127.0.0.1", 2525)
    assert smtp_server_from("smtps://me:p%40ss@mail.example") == SmtpServer("mail.example", 465, True, "me", "p@ss")
    assert smtp_server_from("smtp://me:x@mail.example").port == 587
    for url in ("http://x", "smtp://", "smtp://x:port", "smtp://user@host"):
        with pytest.raises(ConfigurationError, match="EBBTIDE_SMTP_URL"):
            smtp_server_from(url)


@pytest.mark.parametrize("address", ["a@b.example", "first.last+tag@sub.b-c.example", "o'neil@b.example"])
def test_usual_addresses_are_deliverable(address: str) -> None:
    """What people have."""
    assert is_deliverable(address)


@pytest.mark.parametrize(
    "address",
    ["", "a", "@b.example", "a@", "a@b", "a b@c.example", "a@b.example\n", "a@-b.example", "a..b@c.example",
     "ä@b.example", "a@[127.0.0.1]", "<a@b.example>", "a@b.example,c@d.example",
     "a" * 65 + "@b.example", "a@" + "b" * 260 + ".example"],
)  # fmt: skip
def test_what_could_break_an_envelope_is_not_deliverable(address: str) -> None:
    """Line breaks, lists, literals and nonsense."""
    assert not is_deliverable(address)
