"""The address guard: which spellings and which addresses pass."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from extractors.errors import ForbiddenAddress, UsageError
from extractors.guard import AddressGuard, RefusedDial, is_public, redact_url


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://Example.ORG", "https://example.org/"),
        ("http://example.org:80/a?b=c#d", "http://example.org/a?b=c"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("http://example.org?q=1", "http://example.org/?q=1"),
        ("http://한국.example/뉴스", "http://xn--3e0b707e.example/뉴스"),
        ("http://93.184.216.34/", "http://93.184.216.34/"),
        ("http://[2606:4700:0:0::6810:1]/", "http://[2606:4700::6810:1]/"),
        ("http://a_b.example.org/", "http://a_b.example.org/"),
    ],
)
def test_ordinary_urls_come_out_in_one_plain_spelling(url: str, plain: str) -> None:
    assert AddressGuard().check_url(url).url == plain


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:808:808::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert not AddressGuard().allows(address, 80)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::6810:1", "2a00:1450::1"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert AddressGuard().allows(address, 443)


@pytest.mark.parametrize(
    ("allow", "address", "port", "expected"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", 8081, False),
        ("127.0.0.1:8080", "127.0.0.2", 8080, False),
        ("127.0.0.1:8080", "::ffff:127.0.0.1", 8080, False),
        ("127.0.0.1", "127.0.0.1", 1, True),
        ("10.0.0.0/8", "10.20.30.40", 5, True),
        ("10.0.0.0/8:80", "10.20.30.40", 81, False),
        ("[::1]:8080", "::1", 8080, True),
        ("fd00::/8", "fd12::1", 80, True),
    ],
)
def test_exceptions_cover_exactly_what_they_say(
    allow: str, address: str, port: int, expected: bool
) -> None:
    assert AddressGuard([allow]).allows(address, port) is expected


@pytest.mark.parametrize("text", ["localhost:80", "1.2.3.4:x", "1.2.3.4:0", "300.1.1.1", "[::1"])
def test_a_wrong_exception_is_one_clear_line(text: str) -> None:
    with pytest.raises(UsageError, match="PRESSWATCH_ALLOW_ADDRESSES"):
        AddressGuard.from_text(f"127.0.0.1:1, {text}")


def test_the_socket_factory_refuses_before_a_socket_exists() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))

    with pytest.raises(RefusedDial, match=r"169\.254\.169\.254"):
        AddressGuard().open_socket(info)


def test_a_scoped_address_is_refused_by_its_scope_number() -> None:
    info = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:4700::1", 80, 0, 2))

    with pytest.raises(RefusedDial):
        AddressGuard().open_socket(info)


def test_unix_sockets_are_refused() -> None:
    with pytest.raises(RefusedDial):
        AddressGuard().open_socket((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/run/x.sock"))


def test_a_refusal_shows_no_password_and_no_control_characters() -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        AddressGuard().check_url("http://user:secret@example.org/\x1b[31m")

    assert "secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert redact_url("https://u:p@h/") == "https://***@h/"
