"""Is this text an article? Markup that must not reach the parser, and pages that are no articles.

In: bytes and markup before parsing, lines of text after it. Out: what is wrong, named by a
`Status`, with a sentence that says why. Nothing is extracted here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from extractors.decode import find_utf16
from extractors.models import Line, Status

MAX_PAGE_CHARS: Final = 5_000_000
"""Longer pages are cut here. The largest of 750 news pages has 4.1 million characters; 5 million
characters of plain words cost 3.6 s (research: hostile pages)."""

MAX_ATTRIBUTES: Final = 2_000
"""Attributes of one tag: the parser's time is quadratic in them (5,000: 0.3 s; 40,000: 25 s)."""

QUOTED_SCAN_FROM: Final = 10_000
"""Attributes may hide behind a `>` in quotes; pages with fewer `=` than this cost 1 s at most."""

MAX_TAGS: Final = 60_000
"""Tags and ends of tags up to which the main extractor is used. The largest of 750 pages has
27,000; 100,000 links or 150,000 list items take it more than 10 s, the fallbacks less than 1 s."""

MIN_WEIGHT: Final = 60
"""Letters, an East Asian one counted 2.5 times, that a text needs: about 10 words. News flashes
of one sentence have 70 and more."""

SAMPLE_CHARS: Final = 8_000
"""The verdict reads this much of a text; walls and stubs are shorter."""

MAX_WORD_CHARS: Final = 500
"""Data without blanks (base64, one letter a million times) is no text; addresses reach 300."""

MIN_LETTER_SHARE: Final = 0.45
"""Letters among the characters that are no blanks. Prose has 0.9, tables of figures 0.5."""

WALL_WEIGHT: Final = 2_500
"""A cookie wall or challenge page is short; a longer text that mentions one is about it."""

COOKIE_SHARE: Final = 0.6
"""Share of a notice's letters that stand in sentences on cookies, data or consent."""

STUB_WEIGHT: Final = 3_000
"""A paywall's teaser is shorter than this (about 500 words)."""

TEASER_WEIGHT: Final = 1_000
"""Pages say `isAccessibleForFree: false` of full texts too (Reuters, Washington Times), so without
a paywall's words only a short text that breaks off counts as a teaser."""

PROMO_WEIGHT: Final = 150
"""Prose above a membership's promotion from which a text that does not break off is a whole one:
two sentences, the length of a news flash."""

LONG_TAG_CHARS: Final = 3 * MAX_ATTRIBUTES
"""A tag with that many attributes has at least this length."""

_LONG_TAG: Final = re.compile(
    rf"<([a-zA-Z][\w:-]{{0,40}})(\s[^<>]{{{LONG_TAG_CHARS - 100},}})(?=>|<|\Z)"
)
_QUOTED_GIANT: Final = re.compile(
    r"<([a-zA-Z][\w:-]{0,40}+)"
    r"(?:[\s/]++[^\s\"'<>=/]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'<>]++))?+)"
    + f"{{{MAX_ATTRIBUTES},}}+"
)
_QUOTED: Final = re.compile(r"\"[^\"]*+\"|'[^']*+'")
_SENTENCES: Final = re.compile(r"(?<=[.!?。！？])\s*|\n")
_EAST: Final = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_NO_ASCII_LETTERS: Final = bytes(c for c in range(128) if not chr(c).isalpha())

_MAGIC: Final = (
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"OggS", "Ogg media"),
    (b"ID3", "an MP3"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
)
_BINARY_TYPES: Final = re.compile(
    r"^\s*(?:image|audio|video|font)/|^\s*application/(?:pdf|zip|gzip|octet-stream|msword|"
    r"vnd\.|x-(?:gzip|tar|rar|7z))",
    re.IGNORECASE,
)
_CONTROL: Final = bytes(c for c in range(32) if c not in b"\t\n\r\f\x1b\x00") + b"\x7f"


def find_binary(content: bytes, content_type: str | None = None) -> str | None:
    """Return what `content` is when it is no text ("a PNG image"), else None."""
    head = content[:4096]
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head[:4] == b"RIFF" or head[4:8] == b"ftyp":
        return "media"
    if not head:
        return None
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or find_utf16(head):
        return None
    control = len(head) - len(head.translate(None, _CONTROL))
    nuls = head.count(0)
    # Single NULs come in broken pages.
    if control > 0.03 * len(head) or nuls > 0.02 * len(head):
        return "binary data"
    if content_type and _BINARY_TYPES.match(content_type) and b"<" not in head:
        return content_type.split(";")[0].strip()
    return None


def tame_markup(html: str) -> str:
    """Return markup that the parser reads in time: cut to size, giant tags without attributes."""
    if len(html) > MAX_PAGE_CHARS:
        html = html[:MAX_PAGE_CHARS]
    if _has_long_tag(html):
        html = _LONG_TAG.sub(_tame_tag, html)
    if html.count("=") > QUOTED_SCAN_FROM:
        html = _QUOTED_GIANT.sub(r"<\1", html)
    return html


def _has_long_tag(html: str) -> bool:
    """Tell whether some tag has too many attributes: a quick first look by its length.

    A tag that long covers a whole stretch of half the length, and nearly every stretch of a page
    ends some tag: only the others are looked at closely.
    """
    half = LONG_TAG_CHARS // 2
    seen = 0
    for at in range(0, len(html), half):
        if html.find(">", at, at + half) >= 0 or html.find("<", at, at + half) >= 0:
            continue
        start, seen = html.rfind("<", seen, at), at
        if start >= 0 and html[start + 1 : start + 2].isalpha():
            end = html.find("<", at)
            piece = html[start + 1 : end if end >= 0 else len(html)]
            if (
                len(piece) > LONG_TAG_CHARS
                and piece.find(">", 0, LONG_TAG_CHARS) < 0
                and _count_attributes(piece.partition(">")[0]) > MAX_ATTRIBUTES
            ):
                return True
    return False


def _tame_tag(match: re.Match[str]) -> str:
    return f"<{match[1]}" if _count_attributes(match[2]) > MAX_ATTRIBUTES else match[0]


def _count_attributes(tag: str) -> int:
    """Count what the parser may take for attributes: words outside quotes."""
    bare = _QUOTED.sub(" ", tag)
    return max(len(bare.split()), bare.count("="))


def has_too_many_tags(html: str) -> bool:
    """Tell whether the main extractor would need more than its time for this page."""
    return html.count("<") > MAX_TAGS


def text_weight(text: str) -> float:
    """Letters of a text, East Asian ones counted 2.5 times (they carry that much more)."""
    return count_letters(text) + _east_weight(text)


def _east_weight(text: str) -> float:
    """What East Asian letters weigh beyond one each."""
    return 0.0 if text.isascii() else 1.5 * sum(map(len, _EAST.findall(text)))


def count_letters(text: str) -> int:
    """Count letters of any script."""
    if text.isascii():
        return len(text.encode().translate(None, _NO_ASCII_LETTERS))
    return sum(map(len, _LETTERS.findall(text)))


# What robot checks, cookie banners and paywalls say, lower case, by kind.
_CHALLENGE: Final = re.compile(
    r"just a moment|checking (?:if the site connection|your browser)|"
    r"verify(?:ing)? (?:that )?you are (?:a )?human|"
    r"are you a robot|i'?m not a robot|not a robot|unusual (?:traffic|activity)|"
    r"enable javascript and cookies|please (?:enable|turn on) (?:javascript|js)|complete the "
    r"(?:security check|captcha)|ddos protection by|attention required!|access (?:to this page has "
    r"been )?denied|you don'?t have permission to access|request (?:unsuccessful|blocked)|"
    r"incapsula incident|press (?:&|and) hold|security check|recaptcha|captcha|ray id|"
    r"your (?:request|ip(?: address)?) has been blocked|pardon our interruption|"
    r"로봇이 아닙니다|비정상적인 (?:접근|접속|트래픽)|접근이 (?:차단|거부|제한)|"
    r"자동 ?(?:입력|등록) ?방지|"
    r"ロボットではありません|アクセスが(?:制限|拒否|集中|遮断)|不正なアクセス|画像認証|"
    r"安全验证|人机验证|访问(?:被|受到?)(?:拒绝|限制|拦截)|请完成.{0,6}验证|您的访问|請完成.{0,6}驗證|"
    r"javascript (?:is|has been) disabled|browser (?:doesn'?t|does not) support javascript",
    re.IGNORECASE,
)
_COOKIES: Final = re.compile(
    r"\bcookies?\b|\bconsent\b|\bgdpr\b|privacy (?:choices|policy|preferences|settings)|"
    r"(?:we|our|und|et) (?:and our )?(?:\d+ )?partners?\b|before you continue|"
    r"personal (?:data|information)|legitimate interests?|(?:unique|device) identifiers?|"
    r"personali[sz]ed (?:ads|advertising|content)|without tracking|"
    r"your (?:privacy|choices|consent)|"
    r"(?:accept|reject|decline|manage)\b.{0,20}\b(?:all|choices|preferences|options|settings)|"
    r"쿠키|개인정보 ?(?:처리|수집)|맞춤형 광고|クッキー|個人情報|隐私(?:政策|设置)|隱私|"
    r"datenschutz|einwilligung|personenbezogene|données personnelles|consentement|"
    r"datos personales|consentimiento",
    re.IGNORECASE,
)
# A notice speaks to its reader; an article on privacy speaks of others.
_ADDRESS: Final = re.compile(
    r"\b(?:we|our)\b.{0,40}\b(?:cookies?|partners?|privacy|data|information)\b|"
    r"\byour? (?:may |can |must )?"
    r"(?:privacy|choices|consent|preferences|device|data|personal|accept|agree|manage|continue)\b|"
    r"\b(?:accept all|i (?:accept|agree))\b|동의(?:하|합|함)|사용합니다|사용하고 있|"
    r"同意(?:する|して|您|即|并)|使用して(?:い|お)ります|我们|我們|您|"
    r"\b(?:wir|unsere[rn]?|sie|nous|vos|votre|nuestros|usted|sus)\b",
    re.IGNORECASE,
)
# Words about this very text: it goes on for those who pay or log in.
_PAYWALL: Final = re.compile(
    r"(?:subscribe|sign ?up|log ?in|sign ?in|register|join)\b.{0,40}\bto (?:continue|keep|finish) "
    r"reading|to (?:continue|keep) reading.{0,40}(?:subscribe|subscription|log ?in|sign|account)|"
    r"to read (?:the (?:full|rest|whole)|this) (?:article|story).{0,40}(?:subscri|log|sign|regist)|"
    r"(?:this|the) (?:article|story|content|page) is (?:only )?(?:available )?"
    r"(?:exclusively )?(?:for|to|reserved for) (?:our )?"
    r"(?:paid |premium |registered )?(?:subscribers|members)|"
    r"you(?:'ve| have) (?:reached|used|read) (?:your|all|the).{0,30}(?:limit|free|articles)|"
    r"(?:weiterlesen|artikel lesen).{0,30}(?:abo|anmeld|regist)|réservé aux abonnés|"
    r"exclusivo para (?:sus|nuestros|assinantes|suscriptores)|"
    r"유료 ?(?:회원|구독자?)?[^.\n]{0,8}(?:기사|콘텐츠)(?:입니다|이므로|로,)|"
    r"로그인 ?(?:후|하시면|하면).{0,14}(?:읽|볼|보실)|"
    r"전문을 (?:보|읽)(?:시려면|으시려면|으려면|려면)|무료로? 더 ?보|"
    r"この(?:記事|続き)は.{0,4}(?:有料|会員|ログイン)|残り[\d,０-９ ]{1,8}(?:文字|字)|"
    r"続きを(?:読む|ご覧になる)には|ログインして続き|続きは.{0,12}(?:会員|ログイン|登録)|"
    r"订阅后(?:可|即可|继续)?阅读|登录后(?:可|继续)?(?:阅读|查看)|本文(?:为|為|是).{0,4}(?:付费|會員|会员|訂閱)|"
    r"訂閱(?:後|即可|解鎖)|登入(?:後|以)(?:繼續)?閱讀",
    re.IGNORECASE,
)
# Words of a paywall that stand under every page of some sites, as advertising for the membership.
_PROMO: Final = re.compile(
    r"(?:exclusive|premium|subscriber|members?)[- ]only (?:article|content|story)|"
    r"already (?:a|have a) (?:subscri|member)|"
    r"유료 ?(?:회원|구독|기사|콘텐츠)|구독자 ?전용|회원 ?전용 ?(?:기사|콘텐츠)|"
    r"로그인 ?(?:후|하시면|하면).{0,14}이용|"
    r"有料会員(?:限定|になると|登録)|会員限定(?:記事|の(?:有料)?記事)|無料登録で|"
    r"付费(?:阅读|会员|内容|订阅)|会员(?:专享|专属)|會員(?:專屬|限定)",
    re.IGNORECASE,
)


_CHALLENGE_HINTS: Final = (
    "just a moment", "checking", "human", "robot", "unusual ", "javascript", " js", "captcha",
    "ddos", "attention required", "denied", "permission to", "unsuccessful", "blocked",
    "incapsula", "& hold", "and hold", "security check", "ray id", "interruption", "로봇", "비정상",
    "접근", "자동", "ロボット", "アクセス", "認証", "验证", "访问", "驗證",
)  # fmt: skip
_COOKIE_HINTS: Final = (
    "cookie", "consent", "gdpr", "privacy", "partner", "before you", "personal", "identifier",
    "legitimate interest", "tracking", "your choices", "쿠키", "개인정보", "맞춤형", "クッキー",
    "個人情報", "隐私", "隱私", "datenschutz", "einwilligung", "données", "datos",
)  # fmt: skip
_PAYWALL_HINTS: Final = (
    "reading", "to read", "subscribers", "members", "you've", "you have", "weiterlesen", "lesen",
    "réservé", "exclusivo", "유료", "로그인", "전문을", "무료", "この", "残り", "続き", "ログイン",
    "订阅", "登录", "本文", "訂閱", "登入",
)  # fmt: skip
_PROMO_HINTS: Final = (
    "only", "already", "유료", "구독", "회원", "로그인", "会員", "無料", "付费", "会员", "會員",
)  # fmt: skip


def judge_text(
    lines: Sequence[Line], *, html: str = "", free: bool | None = None
) -> tuple[Status, str]:
    """Say whether lines are an article: (Status.OK, "") or what else they are and why.

    `html` is looked at only for the marks of robot checks when the text is short; `free` is what
    the page says of its own access (schema.org `isAccessibleForFree`).
    """
    text = "\n".join(line.text for line in lines)
    if not text.strip():
        return _empty(html)
    sample = text[:SAMPLE_CHARS]
    words = sample.split()
    solid = sum(map(len, words))
    letters = count_letters(sample)
    weight = letters + _east_weight(sample)
    longest = max(map(len, words), default=0)
    if longest > MAX_WORD_CHARS and longest > 0.5 * solid and sample.isascii():
        return Status.JUNK, f"one word of {longest} characters"
    if letters < MIN_LETTER_SHARE * solid and not _has_prose(lines):
        return Status.JUNK, f"only {100 * letters // max(solid, 1)} % of the text is letters"
    if weight < WALL_WEIGHT:
        status = _wall(text, weight)
        if status is not None:
            return status
    if weight < STUB_WEIGHT:
        cue = _paywall(text, weight, free)
        if cue is not None:
            return Status.PAYWALL, f"a teaser before a paywall: “{cue[:60]}”"
        if free is False and weight < TEASER_WEIGHT and _is_cut(text):
            return Status.PAYWALL, "a teaser: the page says it is not free, and the text is cut"
    if weight < MIN_WEIGHT:
        return Status.TOO_SHORT, f"only {len(text)} characters of text"
    return Status.OK, ""


def _paywall(text: str, weight: float, free: bool | None) -> str | None:
    """The words of a paywall under a teaser. A promotion needs a text that is short or breaks off.

    A whole article with a promotion below it is an article.
    """
    start = max(0, len(text) - 1500)
    tail = text[start:]
    found = _search(_PAYWALL, _PAYWALL_HINTS, tail)
    if found and (free is False or weight < 0.5 * STUB_WEIGHT):
        return found[0]
    found = _search(_PROMO, _PROMO_HINTS, tail)
    if found is None:
        return None
    above = text[: start + found.start()].split("\n")[:-1]
    below = text[start + found.end() :].split("\n")[1:]
    prose = list(filter(_is_prose, above)) or list(filter(_is_prose, below))
    enough = TEASER_WEIGHT if free is False else PROMO_WEIGHT
    if sum(map(text_weight, prose)) < enough or _is_cut(prose[-1]):
        return found[0]
    return None


def _is_prose(part: str) -> bool:
    """A sentence, not a byline or a date."""
    return text_weight(part) >= MIN_WEIGHT


def _search(pattern: re.Pattern[str], hints: Sequence[str], text: str) -> re.Match[str] | None:
    """Search only text that holds one of the words without which nothing matches: much faster."""
    low = text.lower()
    return pattern.search(text) if any(hint in low for hint in hints) else None


def _is_cut(text: str) -> bool:
    """The last line breaks off: an ellipsis, or no end of a sentence."""
    last = text.rstrip().rsplit("\n", 1)[-1].rstrip(" \"'”’」』）)]")
    return last.endswith(("...", "…")) or not last.endswith(tuple(".!?。！？"))


def _has_prose(lines: Sequence[Line]) -> bool:
    """A page of figures may still hold paragraphs."""
    return any(
        len(line.text) > 80 and count_letters(line.text) > 0.7 * len(line.text) for line in lines
    )


def _empty(html: str) -> tuple[Status, str]:
    head = html[:60_000]
    if _CHALLENGE_MARKUP.search(head):
        return Status.CHALLENGE, "a robot check instead of the page"
    return Status.EMPTY, "no text in the page" if html.strip() else "the page is empty"


_CHALLENGE_MARKUP: Final = re.compile(
    r"cf-browser-verification|cf_chl_|challenge-platform|px-captcha|_Incapsula_Resource|"
    r"captcha-delivery\.com|<title>\s*(?:just a moment|attention required|access denied)|"
    r"ddos-guard|sgcaptcha|aws-waf-token|awswaf",
    re.IGNORECASE,
)


def _wall(text: str, weight: float) -> tuple[Status, str] | None:
    low = text.lower()
    sentences = _SENTENCES.split(text)
    if any(hint in low for hint in _CHALLENGE_HINTS):
        cues = list(_CHALLENGE.finditer(text))
        covered = sum(text_weight(part) for part in sentences if cues and _CHALLENGE.search(part))
        several = weight < 500 or len({c[0].lower() for c in cues}) >= 3
        if cues and several and covered > 0.3 * weight:
            return Status.CHALLENGE, f"a robot check instead of the page: “{cues[0][0]}”"
    if any(hint in low for hint in _COOKIE_HINTS) and len(_COOKIES.findall(text)) >= 2:
        cookie = sum(text_weight(part) for part in sentences if _COOKIES.search(part))
        if cookie >= COOKIE_SHARE * weight and _ADDRESS.search(text):
            return Status.COOKIE_WALL, "a cookie notice instead of the page"
    return None
