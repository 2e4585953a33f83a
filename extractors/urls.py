"""Web addresses: one normal form, the host, the registrable domain, and a 64-bit identity.

In: addresses as feeds and pages give them (relative, tracked, oddly escaped). Out: addresses that
can be fetched and compared. Nothing here opens a connection, and nothing decides whether an
address may be reached (that is the address guard's work).
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARS = 8_192  # longer ones are data, not addresses; servers refuse them at about 8 kB

# Parameters that only say how a reader came here. Names that some site uses for its content
# (`id`, `ref`, `source`, `section`, `cid`) are not here: they go only with a telling value.
_TRACKING_PREFIXES = ("utm_", "mtm_", "piwik_", "matomo_", "hsa_", "guce_", "vero_", "oly_")
_TRACKING_LIST = """
    fbclid gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid msclkid yclid ysclid twclid
    ttclid igshid igsh li_fat_id epik rdt_cid irclickid _ga _gl __twitter_impression __s mkt_tok
    cmpid ncid ocid smid smtyp sr_share xtor wt_mc wt.mc_id wt.mc_ev wt_mc_id trk trkcampaign
    trkinfo guccounter soc_src soc_trk spm taid s_cid s_kwcid ref_src ref_url __tn__ mibextid ito
    dicbo cmp_id ecid elqtrackid elqtrack sfmc_id sfmc_sub nb_klid zanpid action_object_map
    action_type_map action_ref_map xnpe_tifc wickedid tblci obclid outbrainclickid ftag _hsenc
    _hsmi _hsfp __hstc __hssc mc_cid mc_eid fb_action_ids fb_action_types fb_source fb_ref
    pk_campaign pk_kwd pk_source pk_medium pk_content pk_cid ns_campaign ns_mchannel ns_source
    ns_linkname ns_fee at_medium at_campaign at_campaign_type at_creation at_format at_link_id
    at_link_origin at_link_type at_ptr_name at_bbc_team at_custom1 at_custom2 at_custom3 at_custom4
    asc_campaign asc_refurl asc_source sc_channel sc_campaign sc_country sc_geo sc_outcome
    stm_source stm_medium itm_source itm_medium itm_campaign itm_content
"""
# Parameters that are tracking only when their value names a channel (`ref=rss`, `from=twitter`).
_CHANNEL_NAME_LIST = """
    ref source src from via share medium campaign cmp origin feature partner output_from referrer
    referer shared share_from cref input channel_from sns
"""
_CHANNEL_VALUE_LIST = """
    rss feed feeds rss_feed rssfeed atom twitter tw x facebook fb linkedin kakao kakaotalk
    kakaostory naver line email mail newsletter homepage home front topnews whatsapp telegram
    reddit social sns share sharebutton share_button mobile_share google googlenews google_news
    news_feed copylink copy_link push app pocket instagram threads bluesky mastodon
"""
_TRACKING_NAMES = frozenset(_TRACKING_LIST.split())
_CHANNEL_NAMES = frozenset(_CHANNEL_NAME_LIST.split())
_CHANNEL_VALUES = frozenset(_CHANNEL_VALUE_LIST.split())
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_QUERY_SAFE = (_PATH_SAFE | frozenset("?[]|")) - frozenset("'")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_CONTROL = re.compile(r"[\x00-\x20\x7f]+")
_HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$")
_INDEX_FILE = re.compile(
    r"/(?:index|default|home|main)\.(?:html?|php|aspx?|jsp|do)$", re.IGNORECASE
)
# An article's address carries a number, a long slug, a hash or a date; a section's does not.
_ARTICLE_TOKEN = re.compile(
    r"\d{4,}|(?:^|[/._=-])[a-z]*\d{1,2}[/-]\d{1,2}[/-]|[0-9a-f]{8}-[0-9a-f]{4}-|"
    r"(?:[^\W_]+[-_]){2,}[^\W_]+|%[0-9A-F]{2}(?:[^/]*%[0-9A-F]{2}){8}",
    re.IGNORECASE,
)
_TWIN_TAIL = re.compile(
    r"^/(?:amp|amp\.html|print|mobile|m|full|all|single|page/1|1)/?$", re.IGNORECASE
)
_AMP_CACHE = re.compile(r"^/(?:[acvi]/)?(?:s/)?(?P<rest>[^/]+\.[^/]+(?:/.*)?)$")


def canonicalise(url: str, base: str | None = None) -> str | None:
    """Return the normal form of an http(s) address, or None when it is not one.

    Tracking parameters, default port, user info and fragment go; the order and the values of all
    other parameters stay. `base` resolves relative addresses. Idempotent.
    Source: RFC 3986 §6.2.2-6.2.3, WHATWG URL (control characters are dropped), UTS 46 for hosts.
    """
    if not url or len(url) > MAX_URL_CHARS:
        return None
    text = _CONTROL.sub(lambda m: "%20" * (" " in m[0]), url.strip())
    head, mark, tail = text.partition("?")
    text = head.replace("\\", "/") + mark + tail  # as browsers read it
    try:
        if base:
            text = urljoin(base, text)
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    host = _host_ascii(parts.hostname or "")
    if scheme not in DEFAULT_PORTS or host is None:
        return None
    netloc = host if port is None or port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    path = _remove_dots(_escape(parts.path, _PATH_SAFE)) or "/"
    kept = (pair for pair in parts.query.split("&") if pair and not is_tracking(pair))
    query = _escape("&".join(kept), _QUERY_SAFE)
    # A "hash bang" is the page's address on the sites that still have it, not a place in a page.
    fragment = _escape(parts.fragment, _QUERY_SAFE) if parts.fragment.startswith("!/") else ""
    return urlunsplit(SplitResult(scheme, netloc, path, query, fragment))


def is_tracking(parameter: str) -> bool:
    """Tell whether a `name=value` of a query only says how the reader came to the page."""
    raw, _, value = parameter.partition("=")
    name = unquote(raw).strip().lower()
    if name in _TRACKING_NAMES:
        return True
    if name in _CHANNEL_NAMES:
        return unquote(value).strip().lower() in _CHANNEL_VALUES
    return name.startswith(_TRACKING_PREFIXES)


def pick_canonical(page_url: str, rel_canonical: str | None, amp: str | None = None) -> str:
    """Return the address that stands for a page: its rel=canonical when that can be believed.

    It is believed only within the page's registrable domain, and not when it is a home or section
    page (one that carries no number, date or slug while the page's own address does), nor when it
    is the page's AMP twin. `amp` is the page's rel=amphtml. An address in an AMP cache is first
    turned into that of the publisher. The result is in normal form when `page_url` has one.
    """
    page = canonicalise(page_url)
    if page is None:
        return page_url
    page = _out_of_amp_cache(page)
    if not rel_canonical:
        return page
    target = canonicalise(rel_canonical, base=page)
    if target is None or target == page:
        return page
    target = _out_of_amp_cache(target)
    own, other = registrable_domain(host_of(page)), registrable_domain(host_of(target))
    if not own or own != other:
        return page
    if amp and target == canonicalise(amp, base=page):
        return page
    return page if _is_broader(page, target) else target


def host_of(url: str) -> str:
    """Return the host in lower-case ASCII without port; "" when the address has none."""
    try:
        return _host_ascii(urlsplit(url.strip()).hostname or "") or ""
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str:
    """Return the part of a host that somebody registered (`yna.co.kr` for `en.yna.co.kr`).

    An IP address, a single label or a bare public suffix stands for itself; "" stays "".
    Source: publicsuffix.org by the packaged list (private section included: `a.github.io`).
    """
    name = host.strip(".").lower()
    if not name or "." not in name or _ip_text(name) is not None:
        return name
    return _suffixes().privatesuffix(name) or name


def url_key(url: str) -> int:
    """Return the 64-bit unsigned identity of an address.

    Blind to what never tells two articles apart: scheme, `www.`, `index.html`, a trailing slash,
    tracking, and the order of parameters. Every other parameter counts.
    """
    normal = canonicalise(url)
    if normal is None:
        return key_of(url.strip())
    parts = urlsplit(normal)
    host = parts.netloc.removeprefix("www.")
    path = _INDEX_FILE.sub("/", parts.path).rstrip("/")
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    return key_of(f"{host}{path}?{query}#{parts.fragment}")


def key_of(text: str) -> int:
    """Return a 64-bit unsigned hash of a text, the same on every machine (BLAKE2b)."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # 70 ms to load: only when first needed

    return PublicSuffixList()


def _ip_text(host: str) -> str | None:
    try:
        address = ipaddress.ip_address(host.strip("[]").split("%")[0])
    except ValueError:
        return None
    return f"[{address.compressed}]" if address.version == 6 else str(address)


@lru_cache(maxsize=4096)
def _host_ascii(host: str) -> str | None:
    """Lower-case ASCII form of a host; None when it cannot be one."""
    host = unquote(host).strip().rstrip(".").lower()
    if not host or len(host) > 1000:
        return None
    ip = _ip_text(host)
    if ip is not None:
        return ip
    if not host.isascii():
        try:
            import idna

            host = idna.encode(host, uts46=True).decode("ascii").lower()
        except (ImportError, UnicodeError):  # idna.IDNAError is a UnicodeError
            return None
    if len(host) > 253 or not all(_HOST_LABEL.match(part) for part in host.split(".")):
        return None
    return host


def _escape(text: str, safe: frozenset[str]) -> str:
    """Percent-encoding in normal form: what needs no escape has none, hex digits are upper case."""
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "%" and _ESCAPE.match(text, at):
            plain = chr(int(text[at + 1 : at + 3], 16))
            out.append(plain if plain in _UNRESERVED else text[at : at + 3].upper())
            at += 3
            continue
        if char in safe:
            out.append(char)
        else:
            out.extend(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
        at += 1
    return "".join(out)


def _remove_dots(path: str) -> str:
    """Resolve `.` and `..` segments (RFC 3986 §5.2.4)."""
    if "/." not in path and not path.startswith("."):
        return path if path.startswith("/") or not path else "/" + path
    out: list[str] = []
    segments = path.split("/")[1:] if path.startswith("/") else path.split("/")
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "..":
            if out:
                out.pop()
            if last:
                out.append("")
        elif segment == ".":
            if last:
                out.append("")
        else:
            out.append(segment)
    return "/" + "/".join(out)


def _out_of_amp_cache(url: str) -> str:
    """The publisher's address behind an AMP cache or viewer; any other address unchanged."""
    parts = urlsplit(url)
    path = parts.path
    if parts.netloc.endswith(".cdn.ampproject.org") or parts.netloc == "cdn.ampproject.org":
        found = _AMP_CACHE.match(path)
    elif re.fullmatch(r"(?:www\.)?google\.[a-z.]{2,6}", parts.netloc) and path.startswith("/amp/"):
        found = _AMP_CACHE.match(path.removeprefix("/amp"))
    else:
        return url
    if not found:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return canonicalise(f"https://{found['rest']}{query}") or url


def _is_broader(page: str, target: str) -> bool:
    """Tell whether `target` is a home or section page next to `page`."""
    mine, its = urlsplit(page), urlsplit(target)
    its_path = _INDEX_FILE.sub("/", its.path).rstrip("/")
    if not its_path and not its.query and not its.fragment:
        return True
    if _ARTICLE_TOKEN.search(f"{its.path}?{its.query}#{its.fragment}"):
        return False
    my_path = mine.path.rstrip("/")
    if my_path.startswith(its_path + "/") and not its.query:
        return not _TWIN_TAIL.match(my_path[len(its_path) :])
    if its.path == mine.path and mine.query and not its.query:
        return any(char.isdigit() for char in mine.query)
    return bool(_ARTICLE_TOKEN.search(f"{mine.path}?{mine.query}#{mine.fragment}"))
