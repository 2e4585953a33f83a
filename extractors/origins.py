"""Who wrote a text first: the news agency that it credits.

In: an article. Out: the agency's short name, or None when the text is the outlet's own. A credit
is a dateline, a byline, a signature or a source line; a text that merely quotes an agency
("Reuters reported", "조선중앙통신이 보도했다") is not that agency's. Who copied whom among outlets
without credits is decided by time, in storage.
"""

from __future__ import annotations

import re

from extractors.models import Article, BlockKind

_HEAD_CHARS = 320  # a dateline stands in the first line or two, after a photo line at most
_TAIL_CHARS = 260
_LINE_CHARS = 160  # source and copyright lines are short; a sentence about a source is not

# Short name: how the agency is written in credits. Latin names match whole words, case kept, so
# that "AP" is no part of "APEC" and "Ansa" no first name.
_NAMES: dict[str, tuple[str, ...]] = {
    "yonhap": (
        "Yonhap News Agency",
        "Yonhap News",
        "Yonhap",
        "YONHAP",
        "연합뉴스",
        "聯合ニュース",
        "韩联社",
        "韓聯社",
        "聯合通訊社",
    ),
    "newsis": ("Newsis", "NEWSIS", "뉴시스"),
    "news1": ("News1", "뉴스1"),
    "reuters": (
        "Thomson Reuters",
        "Reuters",
        "REUTERS",
        "로이터통신",
        "로이터",
        "ロイター",
        "路透社",
        "路透",
    ),
    "ap": (
        "The Associated Press",
        "Associated Press",
        "AP",
        "AP통신",
        "AP通信",
        "AP通讯社",
        "美联社",
        "美聯社",
    ),
    "afp": (
        "Agence France-Presse",
        "AFP",
        "AFP통신",
        "AFP通信",
        "AFP時事",
        "AFP＝時事",
        "AFP=時事",
        "法新社",
    ),
    "kyodo": (
        "Kyodo News",
        "Kyodo",
        "KYODO",
        "교도통신",
        "교도",
        "共同通信社",
        "共同通信",
        "共同社",
        "共同",
    ),
    "jiji": ("Jiji Press", "Jiji", "지지통신", "時事通信社", "時事通信", "時事", "时事社"),
    "xinhua": (
        "Xinhua News Agency",
        "Xinhua",
        "XINHUA",
        "신화통신",
        "신화사",
        "新華社",
        "新华社",
        "新华网",
    ),
    "cns": ("China News Service", "中国新闻社", "中新社", "中新网"),
    "cna": ("Central News Agency", "CNA", "中央通訊社", "中央社"),
    "dpa": ("Deutsche Presse-Agentur", "dpa", "DPA통신", "DPA", "德新社"),
    "bloomberg": (
        "Bloomberg News",
        "Bloomberg",
        "블룸버그통신",
        "블룸버그",
        "ブルームバーグ",
        "彭博社",
        "彭博",
    ),
    "tass": ("TASS", "ITAR-TASS", "타스통신", "타스", "タス通信", "塔斯社"),
    "kcna": (
        "Korean Central News Agency",
        "KCNA",
        "조선중앙통신",
        "朝鮮中央通信",
        "朝中社",
        "朝鲜中央通讯社",
    ),
    "upi": ("United Press International", "UPI", "UPI통신"),
    "efe": ("EFE", "EFE통신", "埃菲社"),
    "ansa": ("ANSA", "안사통신", "安莎社"),
    "pti": ("Press Trust of India", "PTI"),
    "ani": ("ANI",),
    "bernama": ("Bernama", "BERNAMA"),
    "antara": ("ANTARA", "Antara"),
    "anadolu": ("Anadolu Agency", "Anadolu"),
    "aap": ("Australian Associated Press", "AAP"),
    "canadian-press": ("The Canadian Press",),
    "ria": ("RIA Novosti", "리아노보스티", "俄新社"),
    "interfax": ("Interfax", "인테르팍스", "国际文传电讯社"),
}
_BY_NAME = {name: short for short, names in _NAMES.items() for name in names}
_ANY = "|".join(re.escape(name) for name in sorted(_BY_NAME, key=len, reverse=True))
_AGENCY = rf"(?P<agency>(?<![A-Za-z])(?:{_ANY})(?![A-Za-z]))"

_PLACE = r"[^()（）\[\]【】\n]"
_DATELINE = (
    # SEOUL, Jan. 21 (Yonhap) --   |   LONDON (Reuters) -   |   WASHINGTON — (AP)
    rf"^[^\n()（）]{{0,70}}[(（]{_AGENCY}[)）]\s*(?:[-‐‑–—―:：]|$)",
    # [ソウル 19日 ロイター] -   |   【ソウル共同】   |   【ソウル聯合ニュース】
    rf"^\W{{0,4}}[(（\[【［]{_PLACE}{{0,24}}?{_AGENCY}{_PLACE}{{0,14}}[)）\]】］]"
    r"(?=\s*[-‐–—=＝]|\s|[\u3040-\u9fff\uac00-\ud7a3])",
    # (서울=연합뉴스) 홍길동 기자 =   |   [서울=뉴시스]   |   【パリ AFP=時事】
    rf"[(（\[【［]{_PLACE}{{0,24}}[=＝]\s*{_AGENCY}{_PLACE}{{0,14}}[)）\]】］]",
    # 新华社首尔1月26日电   |   中新社北京3月2日电
    rf"^[（(]?{_AGENCY}[^\n，。,.]{{1,24}}[电電訊讯]",
    # （中央社記者王小明台北26日電）
    rf"[（(]{_AGENCY}[^\n()（）]{{0,30}}[电電][)）]",
    # 연합뉴스 = / 新华社记者
    rf"^{_AGENCY}\s*(?:[=＝]|记者|記者|기자\s*=)",
)
_SIGNATURE = (
    rf"[（(\[【]{_AGENCY}(?:[^\n()（）\[\]【】]{{0,12}})?[)）\]】]\s*[.。]?\s*$",
    rf"^\W{{0,3}}(?:reporting by|with (?:reporting|files) (?:by|from)|—|--|By)\s+(?:the\s+)?"
    rf"{_AGENCY}\W*$",
    rf"{_AGENCY}\s*(?:[（(][^\n]{{0,20}}[)）])?\s*(?:配信|提供)\s*$",
)
_SOURCE_LINE = (
    r"(?:source|sources|출처|소스|제공|자료|来源|來源|稿源|配信元?|提供|情報源|出典)\s*[:：=＝]\s*"
    rf"{_AGENCY}",
    rf"(?:copyright|©|\(c\)|ⓒ|저작권자|版权|版權)[^\n]{{0,24}}?{_AGENCY}",
    rf"^\W{{0,3}}{_AGENCY}\s*(?:All rights reserved|제공|配信|供稿)",
)
_REUTERS_SIGNATURE = re.compile(
    r"(?:^|\n)\W{0,2}Reporting by [A-Z][^\n]{2,200}[;.,]\s*(?:[Ww]riting|[Ee]diting) by [A-Z]"
)
_BYLINE = re.compile(rf"(?:^|[\s,/|·(（]){_AGENCY}(?:$|[\s,/|·)）=])")
_EDITION = re.compile(
    r"\s*(?:\([^)]*\)|(?:English|Japan|Korea|World|News|com|日本語版?|英語版|中文网?))+$"
)
_FLAGS = re.MULTILINE | re.IGNORECASE
_DATELINES = tuple(re.compile(p, re.MULTILINE) for p in _DATELINE)
_SIGNATURES = tuple(re.compile(p, re.MULTILINE) for p in _SIGNATURE)
_SOURCE_LINES = tuple(re.compile(p.replace(_ANY, f"(?-i:{_ANY})"), _FLAGS) for p in _SOURCE_LINE)


def credited_agency(article: Article) -> str | None:
    """Return the short name of the agency that an article credits or that published it."""
    lines = [b.text for b in article.blocks if b.kind is not BlockKind.BODY]
    return agency_of(
        article.body, author=article.author, outlet=article.outlet, notes=(*lines[:8], *lines[-12:])
    )


def agency_of(
    body: str,
    *,
    author: str | None = None,
    outlet: str | None = None,
    notes: tuple[str, ...] = (),
) -> str | None:
    """Return the agency that a text credits, or None.

    Args:
        body: cleaned text, paragraphs by newline.
        author: the byline, if it stands apart.
        outlet: name of the publisher; an agency's own site is that agency.
        notes: removed lines around the body, read for source and copyright lines only.
    """
    if outlet and (own := _of_outlet(outlet)):
        return own
    head = body[:_HEAD_CHARS]
    for pattern in _DATELINES:
        if found := pattern.search(head):
            return _BY_NAME[found["agency"]]
    if author and len(author) <= _LINE_CHARS and (found := _BYLINE.search(author)):
        return _BY_NAME[found["agency"]]
    tail = body[-_TAIL_CHARS:]
    for pattern in _SIGNATURES:
        if found := pattern.search(tail):
            return _BY_NAME[found["agency"]]
    if _REUTERS_SIGNATURE.search(tail):
        return "reuters"
    last_lines = body[:_LINE_CHARS].split("\n")[:2] + tail.split("\n")[1:]
    for line in (*last_lines, *notes):
        if len(line) > _LINE_CHARS:
            continue
        for pattern in _SOURCE_LINES:
            if found := pattern.search(line):
                return _BY_NAME[found["agency"]]
    return None


def _of_outlet(outlet: str) -> str | None:
    """The agency whose own site an outlet is: its name alone, maybe with its language."""
    name = _EDITION.sub("", outlet.strip())
    return _BY_NAME.get(outlet.strip()) or _BY_NAME.get(name.strip())
