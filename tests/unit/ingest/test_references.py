"""References are canonical, and give no address away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.entities import Code, Unfit
from services.ingest.domain.references import Reference, References
from services.ingest.gateways.phones import normalise_phone

SECRET = b"s" * 32
REFERENCES = References(SECRET, normalise_phone)


def canonical(given: object, namespace: str | None = "shop") -> Reference:
    return REFERENCES.canonical(given, namespace)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("shop:4711", "shop:4711"),
        ("4711", "shop:4711"),
        ("CRM:4711", "crm:4711"),
        (" crm : 4711 ", "crm:4711"),
        ("crm:a:b", "crm:a:b"),
        ("cafe\u0301", "shop:caf\u00e9"),
        ("crm:8b3c54f0-0000-4000-8000-000000000001", "crm:8b3c54f0-0000-4000-8000-000000000001"),
        ("cdnow:0001", "cdnow:0001"),
        ("00012345", "shop:00012345"),
        ("12345678901234567", "shop:12345678901234567"),
        ("@handle", "shop:@handle"),
        ("shop:h_" + "0" * 64, "shop:h_" + "0" * 64),
    ],
)
def test_reference_becomes_canonical(given: str, expected: str) -> None:
    assert canonical(given) == Reference(expected, None)


@pytest.mark.parametrize(
    "spellings",
    [
        ["jane@example.com", "shop:Jane@Example.COM", " jane@example.com "],
        ["+86 138 1234 5678", "shop:+8613812345678", "+86-138-1234-5678", "008613812345678"],
        ["+1 (415) 555-2671", "+14155552671", "phone:+1 415 555 2671"],
    ],
)
def test_every_spelling_of_an_address_gives_one_hash(spellings: list[str]) -> None:
    found = [canonical(spelling) for spelling in spellings]
    assert len({one.canonical.partition(":")[2] for one in found}) == 1
    for one, spelling in zip(found, spellings, strict=True):
        assert one.canonical.partition(":")[2].startswith("h_")
        assert one.raw is not None
        assert one.raw in spelling


@pytest.mark.parametrize(
    "given",
    ["13812345678", "(415) 555-2671", "415-555-2671", "tel:4155552671", "Jane <jane@example.com>", "a@localhost"],
)
def test_what_looks_like_an_address_is_hidden(given: str) -> None:
    assert canonical(given).canonical.partition(":")[2].startswith("h_")


def test_hash_depends_on_the_secret() -> None:
    other = References(b"t" * 32, normalise_phone)
    assert other.canonical("a@b.c", "shop") != canonical("a@b.c")


@pytest.mark.parametrize(
    ("given", "namespace", "code"),
    [
        ("4711", None, Code.REFERENCE),
        (":4711", "shop", Code.REFERENCE),
        ("shop:", "shop", Code.REFERENCE),
        ("", "shop", Code.REFERENCE),
        ("4x:1", "shop", Code.REFERENCE),
        ("my shop:1", "shop", Code.REFERENCE),
        ("a" * 33 + ":1", "shop", Code.REFERENCE),
        ("shop:a\nb", "shop", Code.REFERENCE),
        ("shop:a\x85b", "shop", Code.REFERENCE),
        ("shop:a\0b", "shop", Code.NUL),
        ("shop:\ud800", "shop", Code.VALUE),
        ("shop:" + "x" * 201, "shop", Code.TOO_LONG),
        ("x" * 5000, "shop", Code.TOO_LONG),
        (99, "shop", Code.TYPE),
        (["shop:1"], "shop", Code.TYPE),
    ],
)
def test_bad_reference_is_refused_with_its_code(given: object, namespace: str | None, code: Code) -> None:
    with pytest.raises(Unfit) as refused:
        canonical(given, namespace)
    assert refused.value.code is code
    assert str(given) not in refused.value.reason or given == ""


@given(st.text(max_size=60))
def test_canonical_form_stays_as_it_is(text: str) -> None:
    try:
        first = canonical(text)
    except Unfit:
        return
    again = canonical(first.canonical, None)
    assert again == Reference(first.canonical, None)
    assert first.canonical.isascii() or first.canonical.encode()
