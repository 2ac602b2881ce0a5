"""How URLs of webhooks are read, and which addresses are nobody's inside."""

from ipaddress import ip_address

import pytest

from services.notify.domain.destinations import (
    BadDestination,
    all_public,
    destination_of,
    is_public,
    trusted_from,
)

# Ways to write the inside of a network, and what is no address of a receiver at all.
REFUSED = [
    # loopback, as everybody and as nobody writes it
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.255.255.254/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0177.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1./",
    "https://127.0.0.0x1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://api.localhost/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    # the inside
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    # roads that lead there
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:c0a8:101::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    # metadata of clouds
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[::ffff:169.254.169.254]/",
    "https://168.63.129.16/",
    # nobody's
    "https://192.0.2.1/",
    "https://203.0.113.9/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://192.88.99.1/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    # users, fragments, tricks with parsers
    "https://user@hooks.example.com/",
    "https://user:password@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://127.0.0.1#@hooks.example.com/",
    "https://hooks.example.com#fragment",
    "https://hooks.example.com\\@127.0.0.1/",
    "https:\\\\127.0.0.1/",
    "https://hooks.example.com:443:127.0.0.1/",
    "https://hooks.example.com%2f@127.0.0.1/",
    "https://127.0.0.1%2f.example.com/",
    "https://hooks.example.com\t.internal/",
    "https://hooks.example.com/\r\nX-Injected: 1",
    "https://hooks.example.com/ a",
    " https://hooks.example.com/",
    "https://①②⑦.⓪.⓪.①/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://hooks..example.com/",
    "https://-hooks.example.com/",
    "https://hooks.example.com\x00.org/",
    "https://[::1/",
    "https://::1/",
    "https://[v1.x]/",
    # names, schemes and ports of the inside
    "https://ingest/",
    "https://kafka:443/",
    "http://hooks.example.com/",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:8101/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://hooks.example.com:-1/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "//hooks.example.com/",
    "hooks.example.com",
    "https://",
    "https:///path",
    "",
    f"https://hooks.example.com/{'a' * 2_000}",
]


@pytest.mark.parametrize("url", REFUSED)
def test_what_leads_inside_or_nowhere_is_refused(url: str) -> None:
    with pytest.raises(BadDestination) as refusal:
        destination_of(url)
    assert str(refusal.value), "says why"
    assert "password" not in str(refusal.value).replace("user or password", ""), "and never quotes"


TAKEN = {
    "https://hooks.example.com": ("hooks.example.com", 443, "/"),
    "https://Hooks.Example.COM:8443/a/b?c=d&e=%20": ("hooks.example.com", 8443, "/a/b?c=d&e=%20"),
    "https://hooks.example.com?token=x": ("hooks.example.com", 443, "/?token=x"),
    "https://8.8.8.8/": ("8.8.8.8", 443, "/"),
    "https://[2606:4700::1111]:443/": ("2606:4700::1111", 443, "/"),
    "https://xn--bcher-kva.example/": ("xn--bcher-kva.example", 443, "/"),
    "https://7f.example.com/": ("7f.example.com", 443, "/"),
}


@pytest.mark.parametrize(("url", "parts"), TAKEN.items())
def test_what_is_outside_is_read_in_its_parts(url: str, parts: tuple[str, int, str]) -> None:
    destination = destination_of(url)
    assert (destination.host, destination.port, destination.target) == parts
    assert not destination.trusted


def test_what_is_trusted_may_be_plain_and_inside_on_that_port_only() -> None:
    trusted = trusted_from("receiver:8080, 10.0.0.7:9000,[::1]:80")
    assert destination_of("http://receiver:8080/in", trusted).trusted
    assert destination_of("http://10.0.0.7:9000/", trusted).trusted
    assert destination_of("http://[::1]/", trusted).trusted
    for url in ("http://receiver:8081/", "http://10.0.0.7/", "https://10.0.0.7/", "http://user@receiver:8080/"):
        with pytest.raises(BadDestination):
            destination_of(url, trusted)


@pytest.mark.parametrize("setting", ["receiver", "receiver:", ":80", "receiver:http", "receiver:70000", "receiver:0"])
def test_a_setting_that_names_no_port_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        trusted_from(setting)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_addresses_of_the_internet_are_public_also_behind_nat64(text: str) -> None:
    assert is_public(ip_address(text))


def test_one_bad_address_spoils_the_name() -> None:
    """Whoever connects might take any of them."""
    assert all_public(["8.8.8.8", "2606:4700::1111"])
    assert not all_public(["8.8.8.8", "10.0.0.1"])
    assert not all_public([])
    assert not all_public(["8.8.8.8", "somewhere"])
