"""Finding customers by name with tokens that tell nobody the name."""

import pytest

from services.profiles.domain.entities import Customer, History, Pii
from services.profiles.domain.names import TOKEN_BYTES, NameIndex, names_of
from tests.support.builders import day

INDEX = NameIndex(b"a secret")


def found(name: str, query: str) -> bool:
    asked = INDEX.tokens_for(query)
    return bool(asked) and {*asked} <= INDEX.tokens_of([name])


def customer(**pii: object) -> Customer:
    said = {field: {"value": value, "source": "crm", "time": "x"} for field, value in pii.items()}
    return Customer(customer_id="c", history=History(day(0)), pii=Pii(value=said))


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Ada Brandt", "ada"),
        ("Ada Brandt", "BRAN"),
        ("Ada Brandt", "brandt ada"),
        ("Ada L. Brandt", "l"),
        ("José Núñez", "jose nun"),
        ("José Núñez", "josé"),
        ("Jose\u0301", "José"),
        ("Straße", "STRASSE"),
        ("Seán O'Neil-Smith", "smith o'neil"),
        ("王小明", "王"),
        ("王小明", "小明"),
        ("王小明", "王小明"),
        ("山田Taro", "tar 山田"),
        ("ﾀﾅｶ", "タナカ"),
        ("김민수", "민수"),
        ("राम कुमार", "राम"),
        ("Ａｄａ", "ada"),
        ("Wolfeschlegelsteinhausenbergerdorff", "wolfeschlegelsteinhausenberger"),
    ],
)
def test_a_name_is_found_by_words_and_how_they_begin(name: str, query: str) -> None:
    assert found(name, query)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Ada Brandt", "randt"),
        ("Ada Brandt", "a"),
        ("Ada Brandt", "ada miller"),
        ("王小明", "明小"),
        ("王小明", "李"),
        ("Jose", "José"),
        ("Ada", ""),
        ("Ada", "?!"),
    ],
)
def test_nothing_else_is_found(name: str, query: str) -> None:
    assert not found(name, query)


def test_tokens_say_nothing_without_the_secret_and_their_number_has_an_end() -> None:
    tokens = INDEX.tokens_of(["Ada Brandt"])
    assert {len(token) for token in tokens} == {TOKEN_BYTES}
    assert not tokens & NameIndex(b"another").tokens_of(["Ada Brandt"])
    assert not any(b"ada" in token for token in tokens)
    assert len(INDEX.tokens_of(["abcdefghij" * 100, "x y " * 500, "王小明" * 100])) < 400
    assert INDEX.tokens_of(["\ud800"]) == set()


def test_the_most_telling_word_comes_first() -> None:
    assert INDEX.tokens_for("al brandt")[0] in INDEX.tokens_of(["Brandt"])


def test_names_are_what_emitters_call_names_and_nobody_without_one_has_any() -> None:
    named = customer(name="Ada Brandt", lastName="Brandt", email="ada@example.net", first_name=None, full_name=7)
    assert names_of(named) == ("Ada Brandt", "Brandt")
    named.status = "erased"
    assert names_of(named) == names_of(Customer(customer_id="c", history=History(day(0)))) == ()
