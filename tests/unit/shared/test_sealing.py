"""What is sealed can be read again only under the same secret, purpose and owner."""

import pytest

from shared.errors import EbbtideError
from shared.sealing import Sealer

SECRET = b"s" * 32


def test_what_was_sealed_opens_again_and_never_looks_the_same_twice() -> None:
    sealer = Sealer(SECRET, "webhooks")
    one, two = (sealer.seal(b"whsec", bound_to="w1") for _ in range(2))
    assert one != two
    assert b"whsec" not in one
    assert sealer.open(one, bound_to="w1") == b"whsec" == sealer.open(two, bound_to="w1")


@pytest.mark.parametrize(
    ("other", "bound_to"),
    [
        (Sealer(b"t" * 32, "webhooks"), "w1"),
        (Sealer(SECRET, "sessions"), "w1"),
        (Sealer(SECRET, "webhooks"), "w2"),
    ],
)
def test_another_secret_purpose_or_row_does_not_open_it(other: Sealer, bound_to: str) -> None:
    sealed = Sealer(SECRET, "webhooks").seal(b"whsec", bound_to="w1")
    with pytest.raises(EbbtideError, match="EBBTIDE_SECRET"):
        other.open(sealed, bound_to=bound_to)


@pytest.mark.parametrize("spoil", [lambda s: s[:-1] + bytes([s[-1] ^ 1]), lambda s: s[:10], lambda _: b""])
def test_a_changed_or_cut_seal_is_refused(spoil: object) -> None:
    sealed = Sealer(SECRET, "webhooks").seal(b"whsec", bound_to="w1")
    with pytest.raises(EbbtideError):
        Sealer(SECRET, "webhooks").open(spoil(sealed), bound_to="w1")  # type: ignore[operator]
