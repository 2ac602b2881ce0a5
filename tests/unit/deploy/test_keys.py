"""What principals may be called."""

import pytest

from deploy.cli.keys import checked_name
from shared.errors import ConfigurationError

E_AND_ACCENT, E_ACUTE = "Jose\u0301", "Jos\u00e9"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada Brandt", "Ada Brandt"),
        ("  Ada   Brandt ", "Ada Brandt"),
        ("王小明", "王小明"),
        ("Seán O'Neil-Smith Jr.", "Seán O'Neil-Smith Jr."),
        ("राम कुमार", "राम कुमार"),
        (E_AND_ACCENT, E_ACUTE),
        ("ada.brandt", "ada.brandt"),
        ("x" * 80, "x" * 80),
    ],
)
def test_people_are_called_as_they_are_called_in_one_form(given: str, kept: str) -> None:
    assert checked_name(given, "person") == kept


@pytest.mark.parametrize(
    "given",
    ["", " ", "x" * 81, "-ada", "Ada\nBrandt\x00", "Ada <b>", "Ada\u202eBrandt", "Ada;rm", '"Ada"', "Ada\x1b[0m"],
)
def test_what_is_no_name_is_refused_in_words(given: str) -> None:
    with pytest.raises(ConfigurationError, match="up to 80 letters"):
        checked_name(given, "person")


@pytest.mark.parametrize("given", ["Ada Brandt", "王", "x" * 101, ".shop", ""])
def test_a_system_has_a_plain_name_because_its_events_carry_it(given: str) -> None:
    with pytest.raises(ConfigurationError, match="--kind person"):
        checked_name(given, "system")
    assert checked_name("shop_2.eu-west", "system") == "shop_2.eu-west"
