"""Rows become events: the same file gives the same ids, and equal rows are told apart."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.feeds.purchases import Columns, Layout, Row, count_rows, read_purchases
from shared.errors import ConfigurationError

SAMPLE = Path(__file__).parents[3] / "deploy" / "data" / "cdnow_sample.csv"
HEADER = "customer_id,purchased_on,quantity,amount_usd\n"
LAYOUT = Layout(namespace="cdnow")


def rows(folder: Path, text: str | bytes, layout: Layout = LAYOUT) -> list[Row]:
    path = folder / "purchases.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_purchases(path, layout))


def test_row_becomes_an_event_at_midnight_utc(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, HEADER + "0001,1997-01-01,2,29.33\n")
    assert row.line == 2
    assert row.event is not None
    assert row.event | {"id": ""} == {
        "specversion": "1.0",
        "id": "",
        "source": "import",
        "type": "customer.purchase",
        "subject": "cdnow:0001",
        "time": "1997-01-01T00:00:00Z",
        "data": {"amount": "29.33", "currency": "USD", "quantity": 2},
    }


def test_sample_has_as_many_ids_as_rows_although_21_rows_repeat_others() -> None:
    first = [row.event for row in read_purchases(SAMPLE, LAYOUT)]
    again = [row.event for row in read_purchases(SAMPLE, LAYOUT)]
    assert first == again
    events = [event for event in first if event is not None]
    assert len(events) == len({event["id"] for event in events}) == count_rows(SAMPLE, LAYOUT) == 6919
    contents = Counter((event["subject"], event["time"], repr(event["data"])) for event in events)
    assert sum(count - 1 for count in contents.values()) == 21
    assert sum(Decimal(event["data"]["amount"]) for event in events) == Decimal("244091.94")


def test_order_of_other_rows_does_not_change_an_id(tmp_path: Path) -> None:
    a, b = "1,1997-01-01,1,5.00\n", "2,1997-01-01,1,5.00\n"
    one = {row.event["id"] for row in rows(tmp_path, HEADER + a + a + b) if row.event}
    other = {row.event["id"] for row in rows(tmp_path, HEADER + b + a + a) if row.event}
    assert one == other
    assert len(one) == 3


def test_columns_may_have_other_names_and_a_mark_before_them(tmp_path: Path) -> None:
    layout = Layout(
        namespace=None,
        source="erp",
        currency="EUR",
        columns=Columns(customer="Kunde", day="Tag", quantity="Menge", amount="Betrag"),
    )
    text = b'\xef\xbb\xbfTag,Ort,Kunde,Menge,Betrag\r\n1997-01-01T10:00:00+01:00,"K\xc3\xb6ln, West",7,1,5\r\n\r\n'
    (row,) = rows(tmp_path, text, layout)
    assert row.event is not None
    assert (row.event["subject"], row.event["source"], row.event["time"]) == ("7", "erp", "1997-01-01T10:00:00+01:00")
    assert row.event["data"]["currency"] == "EUR"
    assert row.cells["Ort"] == "Köln, West"


def test_bad_values_are_passed_on_for_ingest_to_judge(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, HEADER + "1,soon,two,\n")
    assert row.event is not None
    assert row.event["time"] == "soon"
    assert row.event["data"] == {"amount": "", "currency": "USD", "quantity": "two"}


def test_row_with_another_number_of_cells_has_a_problem_and_no_event(tmp_path: Path) -> None:
    found = rows(tmp_path, HEADER + "1,1997-01-01,1\n1,1997-01-01,1,5,6\n1,1997-01-01,1,5\n")
    assert [row.event is None for row in found] == [True, True, False]
    assert found[0].problem == "expected 4 cells, as in the header, and found 3"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "has no column customer_id, purchased_on, quantity, amount_usd; it has none"),
        (b"customer,day\n", "has no column"),
        (HEADER.encode() + b"1,1997-01-01,1,5\n\xff\xfe,1997-01-01,1,5\n", "is not in UTF-8"),
        (HEADER.encode("utf-16"), "is not in UTF-8"),
        (HEADER.encode() + b'1,"1997-01-01"x,1,5\n', "is not a CSV file"),
        (HEADER.encode() + b'1,"1997-01-01,1,5\n', "is not a CSV file"),
    ],
)
def test_file_that_cannot_be_read_is_said_in_one_sentence(tmp_path: Path, text: bytes, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        rows(tmp_path, text)


def test_missing_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        count_rows(tmp_path / "none.csv", LAYOUT)
