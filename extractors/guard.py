"""The address guard: which URLs may be asked for, and which addresses may be dialled.

In: a URL as written, or the address that a socket is about to connect to. Out: the URL in one
plain spelling, or `ForbiddenAddress`. It resolves no names and opens no connection.

Both checks are needed. The check of the spelling closes the gap between URL parsers (what one
reads as a user name the next reads as a host). The check at dial time sees the very address that
the kernel will connect to, so names, redirects and rebinding cannot get round it; it runs for
each hop of each kind of fetch, because `extractors.fetch` is the only place that opens sockets.

Source: research/security.md (60 hostile URLs against eight libraries; changedetection.io
GHSA-rph4-96w6-q594 and GHSA-gwph-fp79-379w, Miniflux fe2bfb27), the IANA special-purpose
registries for IPv4 and IPv6.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from extractors.errors import ForbiddenAddress, UsageError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Longest URL that is asked for. RFC 9110 asks for at least 8,000 octets; rss-fetcher keeps 2,048.
MAX_URL_CHARS = 8_192

# Networks that are refused although some versions of `ipaddress` call them global, or whose
# addresses carry another (IPv4) address inside and so could smuggle one.
_DENIED: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8",  # "this network"
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; holds a cloud's metadata address 100.100.100.200
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; holds the metadata address 169.254.169.254
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocol assignments; holds a metadata address 192.0.0.192
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback, v4-compatible
        "::ffff:0:0/96",  # v4-mapped
        "::ffff:0:0:0/96",  # v4-translated (SIIT)
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # IETF assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local; holds fd00:ec2::254
        "fe80::/10",
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",
    )
)

# What an operator may mean by writing an address that is not public: loopback and private networks.
_OWN: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(net)
    for net in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
_METADATA = ipaddress.ip_address("fd00:ec2::254")  # within fc00::/7

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*):")
_HTTP = re.compile(r"^(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_BAD_CHAR = re.compile(
    r"[\x00-\x20\x7f-\xa0\\\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u3000\ufeff\ufff9-\ufffd\ud800-\udfff]"
)
_NAME = re.compile(
    r"^(?=.{1,253}\.?$)[a-z0-9_](?:[a-z0-9_\-]{0,62})"
    r"(?:\.[a-z0-9_](?:[a-z0-9_\-]{0,62}))*\.?$"
)
_NUMERIC_LABEL = re.compile(r"^(?:[0-9]+|0x[0-9a-f]*)$")
_PLAIN_IPV4 = re.compile(r"^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$")


class RefusedDial(OSError):
    """Raised inside the connector, so that the next address of the same name is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedUrl:
    """A URL that passed the check of its spelling: `url` is its one plain form."""

    url: str
    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Allowed:
    network: IPNetwork
    port: int | None

    def covers(self, address: IPAddress, port: int) -> bool:
        return (
            (self.port is None or self.port == port)
            and address.version == self.network.version
            and address in self.network
        )


def parse_allowed(text: str) -> _Allowed:
    """Read one item of the allow-list: `ip`, `ip:port`, `[ipv6]:port`, CIDR or `CIDR:port`.

    Raises:
        UsageError: it is none of these.
    """
    item = text.strip()
    port: int | None = None
    try:
        if item.startswith("["):
            inner, bracket, rest = item[1:].partition("]")
            if not bracket:
                raise ValueError(item)
            if rest:
                if not rest.startswith(":"):
                    raise ValueError(item)
                port = _parse_port(rest[1:])
            return _Allowed(ipaddress.ip_network(inner, strict=False), port)
        if item.count(":") == 1:
            item, _, rest = item.partition(":")
            port = _parse_port(rest)
        return _Allowed(ipaddress.ip_network(item, strict=False), port)
    except ValueError as exc:
        raise UsageError(
            f"PRESSWATCH_ALLOW_ADDRESSES: {text.strip()!r} is not an address; "
            "write ip:port, [ipv6]:port or a CIDR such as 10.1.0.0/16"
        ) from exc


def _parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65_536:
        raise ValueError(f"port {text!r}")
    return int(text)


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is an ordinary one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address.version == net.version and address in net for net in _DENIED)


class AddressGuard:
    """Refuses URLs in odd spellings and connections to addresses that are not public.

    Args:
        allow: exceptions for tests and private feeds, as in `PRESSWATCH_ALLOW_ADDRESSES`
            (`ip:port`, CIDR). An exception covers the address as dialled and no other way of
            writing it.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allowed = tuple(parse_allowed(item) for item in allow if item.strip())

    @classmethod
    def from_text(cls, text: str | None) -> AddressGuard:
        """Make a guard from a comma-separated allow-list, the form of the environment variable."""
        return cls((text or "").split(","))

    def allows(self, address: str, port: int) -> bool:
        """Tell whether a connection to this address and port may be opened."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if any(item.covers(parsed, port) for item in self._allowed):
            return True
        return is_public(parsed)

    def allows_own(self, host: str, address: str, port: int) -> bool:
        """Tell whether the operator's own address, such as a webhook's, may be dialled.

        A name must lead to a public address, or to one of the exceptions: it may be rebound. Who
        writes a private or loopback address as such means it; metadata addresses are never meant.

        Args:
            host: as the operator wrote it.
            address: what is about to be dialled.
            port: its port.
        """
        if self.allows(address, port):
            return True
        try:
            dialled = ipaddress.ip_address(address)
        except ValueError:
            return False
        own = any(dialled.version == net.version and dialled in net for net in _OWN)
        if not own or dialled == _METADATA:
            return False
        if host.lower().rstrip(".") == "localhost":
            return dialled.is_loopback
        try:
            return ipaddress.ip_address(host) == dialled
        except ValueError:
            return False

    def check_url(self, url: str) -> CheckedUrl:
        """Return the URL in its one plain spelling (ASCII host, no fragment).

        Raises:
            ForbiddenAddress: other scheme, user name or password, backslash, white space or
                control characters, host as octal, hexadecimal or single number, percent sign in
                the host, or a literal address that the guard refuses.
        """
        if len(url) > MAX_URL_CHARS:
            raise self._refusal(url, f"the URL is longer than {MAX_URL_CHARS} characters")
        bad = _BAD_CHAR.search(url)
        if bad:
            raise self._refusal(url, f"the URL holds the character U+{ord(bad.group()):04X}")
        match = _HTTP.match(url)
        if match is None:
            scheme = _SCHEME.match(url)
            what = f"scheme {scheme.group(1)!r}" if scheme else "no http:// or https:// in front"
            raise self._refusal(url, f"{what}; only http and https are fetched")
        scheme_name, authority, rest = match.group(1).lower(), match.group(2), match.group(3)
        if "@" in authority:
            raise self._refusal(url, "user name or password in the URL")
        host, port = self._split_authority(url, authority, 443 if scheme_name == "https" else 80)
        literal = self._check_host(url, host)
        if literal is not None and not self.allows(str(literal), port):
            raise self._refusal(url, f"{literal} is not a public address")
        bare = host.rstrip(".")
        if (bare == "localhost" or bare.endswith(".localhost")) and not (
            self.allows("127.0.0.1", port) or self.allows("::1", port)
        ):  # RFC 6761 §6.3: this machine, whatever the resolver says
            raise self._refusal(url, f"{bare} is this machine")
        shown = f"[{host}]" if ":" in host else host
        default = 443 if scheme_name == "https" else 80
        place = shown if port == default else f"{shown}:{port}"
        if not rest.startswith("/"):
            rest = "/" + rest
        return CheckedUrl(
            url=f"{scheme_name}://{place}{rest}", scheme=scheme_name, host=host, port=port
        )

    def open_socket(self, addr_info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one address, or refuse: aiohttp's `socket_factory`.

        Raises:
            RefusedDial: the address is not allowed; aiohttp then tries the name's next address.
        """
        family, kind, proto, _, sockaddr = addr_info
        if family not in (socket.AF_INET, socket.AF_INET6):
            raise RefusedDial(f"address guard: family {family} refused")
        address, port = str(sockaddr[0]), int(sockaddr[1])
        if family == socket.AF_INET6 and len(sockaddr) > 3 and sockaddr[3]:
            address = f"{address.partition('%')[0]}%{sockaddr[3]}"
        if not self.allows(address, port):
            raise RefusedDial(f"address guard: {address} port {port} is not a public address")
        return socket.socket(family=family, type=kind, proto=proto)

    def _split_authority(self, url: str, authority: str, default: int) -> tuple[str, int]:
        port = default
        if authority.startswith("["):
            host, bracket, rest = authority[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise self._refusal(url, "the host's brackets do not match")
            port_text = rest[1:]
            if "." in host or "%" in host or not host:
                raise self._refusal(url, "an IPv6 address with a zone or an IPv4 part")
            try:
                host = str(ipaddress.IPv6Address(host))
            except ValueError:
                raise self._refusal(url, "the host in brackets is no IPv6 address") from None
        else:
            host, _, port_text = authority.partition(":")
            host = self._ascii_host(url, host)
        if port_text:
            try:
                port = _parse_port(port_text)
            except ValueError:
                raise self._refusal(url, f"port {port_text[:20]!r}") from None
        return host, port

    def _ascii_host(self, url: str, host: str) -> str:
        if not host.isascii():
            import idna  # comes with yarl; loaded only for names that are not ASCII

            try:
                host = idna.encode(host, uts46=True).decode("ascii")
            except (idna.IDNAError, UnicodeError):
                raise self._refusal(url, "the host is not a valid international name") from None
        return host.lower()

    def _check_host(self, url: str, host: str) -> IPAddress | None:
        if ":" in host:
            return ipaddress.IPv6Address(host)
        if not _NAME.match(host):
            raise self._refusal(url, f"the host {host[:60]!r} is not a plain name")
        last = host.rstrip(".").rpartition(".")[2]
        if _NUMERIC_LABEL.match(last):
            if not _PLAIN_IPV4.match(host):
                raise self._refusal(url, f"the host {host[:60]!r} is a number in an odd spelling")
            try:
                return ipaddress.IPv4Address(host)
            except ValueError:
                raise self._refusal(url, f"the host {host[:60]!r} is no IPv4 address") from None
        return None

    @staticmethod
    def _refusal(url: str, why: str) -> ForbiddenAddress:
        shown = redact_url(url)
        return ForbiddenAddress(f"refused {shown}: {why}", url=shown)


def redact_url(url: str) -> str:
    """Return the URL for messages: no user name or password, control characters visible."""
    shown = re.sub(r"(?<=//)[^/?#@]*@", "***@", url[:300])
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown)
