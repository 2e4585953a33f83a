"""Finds lines of a body that must not count although the cleaner let them through.

In: a body. Out: spans with a reason. A second line of defence behind extractors/boilerplate: a
related-articles block, a one-line "see also", a paragraph in another script than the article.
Matching blanks these spans out; explanations show what stood in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from alerts.normalise import HAN, HANGUL, KANA, NormalText, fold_cjk, han_fold

# Headings of blocks that belong to other articles; compared with a line's Latin key.
_HEADINGS_LATIN = (
    r"related(?: (?:articles?|stor(?:y|ies)|news|coverage|content|posts?|links?|topics?|reading|"
    r"reports?|items?|headlines?))?",
    r"(?:read|see|learn|find out) more(?: (?:on|about|from|at|in)\b.{0,40})?",
    r"more (?:on this(?: story| topic)?|from .{1,40}|stories|news|headlines|coverage|articles|"
    r"to read|like this|related .{1,20})",
    r"(?:read|see|watch|listen) (?:also|next)",
    r"(?:also|what to|keep|continue|suggested|further|recommended) (?:read(?:ing)?|see|watch)"
    r"(?: next)?",
    r"also (?:on|in|from|at) .{2,40}",
    r"you (?:may|might|could)(?: also)? (?:like|be interested in|enjoy|want to read|have missed)",
    r"recommended(?: (?:for you|stories|articles|reading|videos?))?",
    r"(?:most|top) (?:read|popular|viewed|shared|commented|stories|news|headlines)"
    r"(?: (?:stories|news|articles|now|today|this week))?",
    r"(?:trending|popular)(?: (?:now|today|stories|news|articles|posts|topics|on .{2,30}))?",
    r"latest (?:news|stories|headlines|articles|posts|from .{2,30})",
    r"(?:editors?'?s?|our) (?:picks?|choice)",
    r"(?:up next|next up|don't miss|in case you missed it|in other news|elsewhere on .{2,30})",
    r"(?:previous|next) (?:article|story|post)",
    r"(?:promoted|sponsored)(?: (?:content|stories|links))?",
    r"from (?:around|across) the web",
)
# The same in CJK keys: no spaces, Han folded (see normalise.fold_cjk).
_HEADINGS_CJK = (
    "(?:관련|연관|추천|인기|주요|최신|주목|다른|이전|다음|핫)(?:된)?"
    "(?:기사|뉴스|글|보도|콘텐츠|링크|이슈|영상|포스트)(?:더?보기|목록|들)?",
    "함께(?:보면|읽으면|볼)(?:좋은|만한)?(?:기사|뉴스|글)?",
    "(?:많이|가장많이)(?:본|읽은)(?:기사|뉴스)?",
    "(?:이시각|오늘의|실시간)(?:주요|인기|많이본)?(?:뉴스|기사|이슈)",
    "(?:기사|뉴스)?더보기",
    "당신이(?:좋아할|관심).{0,8}(?:뉴스|기사)?",
    "(?:関連|おすすめ|オススメ|お薦め|注目の?|人気の?|最新の?|新着|主要|話題の|前の|次の|その他の|他の)"
    "(?:記事|ニュース|リンク|トピックス?|コンテンツ|キーワード|動画|特集|ページ)(?:一覧|はこちら)?",
    "(?:あわせて|合わせて|併せて)(?:読みたい|どうぞ|読む)(?:記事)?",
    "(?:こちらも|この記事も)(?:おすすめ|オススメ|読まれています|どうぞ)",
    "(?:アクセス|記事|人気|週間|デイリー|閲覧)?ランキング",
    "(?:続きを読む|もっと(?:見る|読む)|この記事を読んだ(?:人|方).{0,16})",
    "(?:相关|相關|延伸|推荐|推薦|更多|热门|最新|往期|精彩|拓展|编辑|今日)"
    "(?:阅读|新闻|报道|文章|链接|内容|推荐|专题|资讯|消息|话题|视频|热点|回顾|精选)",
    "(?:猜你喜欢|为(?:您|你)推荐|(?:您|你)可能(?:感兴趣|喜欢|也会).{0,10}|大家都在看|点击排行|"
    "阅读排行|上一篇|下一篇|延伸阅读|看更多|热点推荐|相关)",
)
_EDGE = r"[\s\[\]()<>{}#▶►▷■□◆◇●○★☆※•·▲△▼▽→⇒»>|:：*=~.…-]*"


def _folded(pattern: str) -> str:
    return pattern.translate(han_fold())


_LATIN = "|".join(_HEADINGS_LATIN)
_CJK = "|".join(map(_folded, _HEADINGS_CJK))
_HEADING_LATIN = re.compile(rf"{_EDGE}(?:{_LATIN}){_EDGE}(?:\d+{_EDGE})?", re.IGNORECASE)
_HEADING_CJK = re.compile(rf"{_EDGE}(?:{_CJK}){_EDGE}(?:\d+{_EDGE})?")
_PROMO_LATIN = re.compile(rf"{_EDGE}(?:{_LATIN})\s*[:：|▶►>»]", re.IGNORECASE)
_PROMO_CJK = re.compile(rf"{_EDGE}(?:{_CJK})\s*[:：|▶►>»\])]")
_PROMO_START = re.compile(
    rf"{_EDGE}related (?:articles?|stories|news|coverage|links|reading)\b", re.IGNORECASE
)
_HEADING_WORDS = 4  # 이 시각 주요 뉴스
_SENTENCE_END = re.compile(r"[.!?。！？…]['\")\]]*$")
# A Latin letter carries about 1/2.6 of what a CJK character does (160 CJK ~ 420 Latin, measured
# on leads in four languages).
CJK_WEIGHT = 2.6
# A full sentence this long after a related-articles heading is the article going on. Near the
# end of a text only a long paragraph is: teasers may be sentences too (seed 004's are ~230).
_PROSE_FROM, _PROSE_FROM_NEAR_END, _NEAR_END = 100.0, 400.0, 0.6
# An article begins in its own language; a foreign first line (a dateline, a slogan) is short.
_OUTWEIGHS = 3.0
_BRACKETS = str.maketrans("【】〔〕「」", "[][][]")
# Shorter lines are too little to judge their script by.
_MIN_SCRIPT_WEIGHT = 14.0  # in Latin letters


@dataclass(frozen=True, slots=True)
class Ignored:
    """A span [start, end) of the body that does not count, and why."""

    start: int
    end: int
    reason: str


def _script(line: NormalText) -> tuple[str, float]:
    """Return the script of a line (latin, ko, ja, han or "") and how much it weighs."""
    hangul = len(HANGUL.findall(line.cjk))
    kana = len(KANA.findall(line.cjk))
    han = len(HAN.findall(line.cjk))
    letters = sum(c.isalpha() for c in line.latin)
    latin = letters - hangul - kana - han
    weight = latin + CJK_WEIGHT * (hangul + kana + han)
    if weight < _MIN_SCRIPT_WEIGHT:
        return "", weight
    if hangul * 10 >= letters * 3:
        return "ko", weight
    if kana * 10 >= letters:
        return "ja", weight
    if han * 10 >= letters * 3:
        return "han", weight
    return "latin", weight


def find_ignored(body: str, title: str = "") -> list[Ignored]:
    """Return the lines of `body` that do not belong to the article, in order.

    The article's script is that of its title and of the lines above any heading of a related
    block: such a block may be longer than a brief.
    """
    lines: list[tuple[int, int, NormalText]] = []
    at = 0
    for raw in body.split("\n"):
        if raw.strip():
            lines.append((at, at + len(raw), NormalText(raw.translate(_BRACKETS))))
        at += len(raw) + 1
    scripts = [_script(line) for _, _, line in lines]
    main = _main_script(title, lines, scripts)
    found: list[Ignored] = []
    heading = ""
    limit = 0.0
    for (start, end, line), (script, weight) in zip(lines, scripts, strict=True):
        if _is_heading(line):
            heading = body[start:end].strip()
            near_end = start > len(body) * _NEAR_END
            limit = _PROSE_FROM_NEAR_END if near_end else _PROSE_FROM
            found.append(Ignored(start, end, "heading of a related-articles block"))
        elif _is_promo(line):
            heading = body[start:end].strip()  # more of the kind may follow: until a sentence
            limit = 0.0
            found.append(Ignored(start, end, "a line that points to another article"))
        elif script and main and _foreign(script, main):
            found.append(Ignored(start, end, "a paragraph in another script than the article"))
        elif heading:
            if weight >= limit and _SENTENCE_END.search(line.cased):
                heading = ""
            else:
                found.append(Ignored(start, end, f"below “{heading[:40]}”"))
    return found


def _is_heading(line: NormalText) -> bool:
    return bool(_HEADING_LATIN.fullmatch(line.cased) or _HEADING_CJK.fullmatch(line.cjk))


def _is_promo(line: NormalText) -> bool:
    """Tell whether a line names another article: “관련기사: ...”, or the heading and titles."""
    if _PROMO_LATIN.match(line.cased) or _PROMO_CJK.match(line.cjk):
        return True
    if _SENTENCE_END.search(line.cased):
        return False
    if _PROMO_START.match(line.cased):
        return True
    words = line.latin.split(" ", _HEADING_WORDS + 1)[: _HEADING_WORDS + 1]
    return bool(line.cjk) and any(
        _HEADING_CJK.fullmatch(fold_cjk("".join(words[:n]))) for n in range(1, len(words))
    )


def _main_script(
    title: str,
    lines: list[tuple[int, int, NormalText]],
    scripts: list[tuple[str, float]],
) -> str:
    totals: dict[str, float] = {}
    for (_, _, line), (script, weight) in zip(lines, scripts, strict=True):
        if _is_heading(line):
            break
        if script:
            totals[script] = totals.get(script, 0.0) + weight
    if not totals:
        return _script(NormalText(title))[0]
    first = next(iter(totals))
    largest = max(totals, key=lambda s: totals[s])
    return largest if totals[largest] > _OUTWEIGHS * totals[first] else first


def _foreign(script: str, main: str) -> bool:
    """Han alone is at home in Chinese, Japanese and (older) Korean text."""
    if script == main:
        return False
    return not (script == "han" and main in ("ja", "ko"))


def blank_out(body: str, ignored: list[Ignored]) -> str:
    """Replace the ignored spans by blanks of the same length; phrases cannot reach across."""
    parts, at = [], 0
    for span in ignored:
        parts.append(body[at : span.start])
        length = span.end - span.start
        parts.append("\x00" + " " * (length - 1) if length else "")
        at = span.end
    parts.append(body[at:])
    return "".join(parts)
