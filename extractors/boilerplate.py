"""Cleaning: which lines of a page are the article, and which came along with it.

In: lines in page order, from plain text or HTML.  Out: a `Cleaned` with one block a line (a line
cut in two gives two), nothing lost, nothing merged, each removed block with reason and rule.
It fetches nothing, stores nothing, and judges no topic.

How it decides (measured in docs/adr/0010-cleaning.md).  A pass over the lines marks, in this
order: lines on which a rule fires; everything behind a heading that ends the article; second
copies inside the page; lines the site's memory knows; whole-line links; passages in another
language; menus and labels around the prose, by shape.  Passes repeat on what is left until one
changes nothing, so that cleaning cleaned text changes nothing.  A page on which a pass would leave
no prose at all is not judged by shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Final

from extractors.datelines import parse_timestamp
from extractors.known_lines import judge_by_memory
from extractors.language import article_language, base_language, line_language, tag_language
from extractors.lines import PROSE_WIDTH, Shape, line_key, shape_of
from extractors.models import Block, BlockKind, Line
from extractors.passages import judge_foreign
from extractors.provenance import wire_agency
from extractors.rules import CUT_CHARS, Hit, RuleSet, builtin_rules
from extractors.site_memory import HostMemory
from extractors.subject import SAME_SUBJECT, shared_words

MAX_PASSES: Final = 50
"""Passes end by themselves, as each removes a line; this bounds a page made to need one a line."""

RELATED_AFTER: Final = 0.3
"""A related heading ends the article only behind 30 % of its prose (research, rule 1)."""

RELATED_DIRECT: Final = 0.6
"""... or 60 % when sentences follow it at once: extractors drop lists of links and leave their
headings between the article's paragraphs."""

RELATED_PROSE: Final = 2
"""... and with at most this many long paragraphs in the body's language behind it."""

LONG_PARAGRAPH: Final = 100
"""Width of a paragraph that counts as long behind a related heading."""

RELATED_REST: Final = 0.25
"""... or when what follows is lighter than this share of the prose before it."""

TEASERS_TOGETHER: Final = 0.4
"""In a list of teasers at most this share of sentence lines follows another one; in articles with
sub-headings more than half do."""

DATA_RUN: Final = 4
TABLE_SHARE: Final = 0.8
"""So many lines right behind the last sentence, most with figures, are a table of the article; one
in five may be a heading of it."""

TEASERS_AFTER: Final = 0.2
"""Teasers may well outweigh a short article; their shape is the surer sign."""

CLOSING: Final = frozenset({"copyright", "endmark", "disclaimer"})
CLOSING_AFTER: Final = 0.6
CLOSING_WIDTH: Final = 400
"""A copyright notice, end mark or disclaimer up to this width closes the article behind 60 % of
its prose, when what follows weighs little or has the shape of teasers."""

BOX_ITEMS: Final = 4
RESUMED_PROSE: Final = 2
"""A box inside the article has up to so many titles, and so many paragraphs behind it in a row."""

BLURB_WIDTH: Final = 420
"""Blurbs of a list are narrower: the widest of 60 in the development data has 371."""

MAX_HEADINGS: Final = 40
"""Headings looked at on one page: bounds the work on a page that is nothing but headings."""

MENU_RUN: Final = 8
"""Short lines in a row, without a sentence among them, that make a menu (research, rule 7)."""

NAV_SHARE: Final = 0.3
"""Share of links or known section names that makes a run of short lines inside the text a menu."""

MENU_NAMES: Final = 4
MENU_KNOWN: Final = 0.6
"""So many names in one line, most of them names of sections, are a menu."""

PULL_WIDTH: Final = 36
"""A phrase at least this wide (seven English words) is repeated on purpose."""

LABEL_WIDTH: Final = 60
"""A line up to this width that is no sentence may be a label."""

HEAD_LABEL_WIDTH: Final = 18
"""Labels up to this width before the first sentence are navigation, wider ones titles."""

INSIDE_LABEL_WIDTH: Final = 80
"""Lines up to this width that are no sentence go for an invitation between paragraphs too."""

CUE_SENTENCE_WIDTH: Final = 90
"""A sentence up to this width may go for a phrase somewhere in it; longer ones talk about it."""

LINK_SHARE: Final = 0.85
"""Share of link text from which a line is a whole-line link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Result of cleaning. `title`, `published`, `author` only when a line of the text said so.

    `published` is UTC; `published_zoned` tells whether the line named a time zone.
    """

    blocks: tuple[Block, ...]
    language: str
    provenance: tuple[str, ...] = ()
    title: str | None = None
    published: datetime | None = None
    author: str | None = None
    published_zoned: bool = False

    @property
    def body(self) -> str:
        """The body blocks joined by a newline."""
        return "\n".join(b.text for b in self.blocks if b.kind is BlockKind.BODY)


class _Row:
    """A line on its way through the passes."""

    __slots__ = ("hits", "keep", "kind", "lang", "line", "reason", "rule", "shape")

    def __init__(self, line: Line) -> None:
        self.line = line
        self.shape: Shape = shape_of(line)
        self.hits: list[Hit] = []
        self.kind = BlockKind.BODY
        self.reason = ""
        self.rule = ""
        self.keep = False
        self.lang = ""

    @property
    def live(self) -> bool:
        return self.kind is BlockKind.BODY

    def drop(self, rule: str, reason: str, kind: BlockKind = BlockKind.BOILERPLATE) -> None:
        if self.kind is BlockKind.BODY:
            self.kind, self.rule, self.reason = kind, rule, reason


def clean_lines(
    lines: Sequence[Line],
    *,
    title: str | None = None,
    lang_hint: str | None = None,
    host: str | None = None,
    memory: HostMemory | None = None,
    rules: RuleSet | None = None,
    zone: tzinfo | None = None,
) -> Cleaned:
    """Sort the lines of one page into body, boilerplate and quarantine.

    Empty lines are left out. `zone` (the outlet's) is used for dates that name none, else UTC.
    """
    rules = rules or builtin_rules()
    meta = _Metadata(zone or UTC)
    rows = _rows(lines, rules, meta)
    for row in rows:
        row.hits = rules.hits(row.shape, host)
        row.keep = any(h.rule.action == "keep" for h in row.hits)
    title_key = line_key(title) if title else ""
    active, language = rows, "und"
    for _ in range(MAX_PASSES):
        language = _pass(active, title_key, lang_hint, memory, rules.section_names)
        left = [r for r in active if r.live]
        if len(left) == len(active):
            break
        active = left
    meta.collect(rows)
    return Cleaned(
        blocks=tuple(_block(row, language) for row in rows),
        language=language,
        provenance=meta.provenance,
        title=meta.title,
        published=meta.published,
        author=meta.author,
        published_zoned=meta.zoned,
    )


def _block(row: _Row, language: str) -> Block:
    return Block(
        text=row.line.text.strip(),
        kind=row.kind,
        reason=row.reason,
        lang=row.lang or _line_language(row.shape, language),
        rule=row.rule,
        link_share=row.line.link_share,
        tag=row.line.tag,
    )


def _line_language(shape: Shape, language: str) -> str:
    """The line's own language; the article's where the line is too short to tell."""
    if not shape.letters:
        return "und"
    base = base_language(language)
    if shape.family == _FAMILY.get(base, "latin"):
        if shape.family != "latin" or shape.width < PROSE_WIDTH:
            return language if base != "und" else tag_language(shape.text).lang
        return line_language(shape.text, language) if shape.prose else language
    return tag_language(shape.text, language).lang


_FAMILY: Final = {
    "ko": "hangul", "ja": "kana", "zh": "han", "ru": "cyrillic", "uk": "cyrillic",
    "bg": "cyrillic", "mk": "cyrillic", "be": "cyrillic", "sr": "cyrillic", "ar": "arabic",
    "fa": "arabic", "ur": "arabic", "hi": "devanagari", "mr": "devanagari", "ne": "devanagari",
    **{k: k for k in ("el", "he", "th", "ka", "hy", "bn", "ta", "te", "kn", "ml", "si", "my",
                      "km", "lo", "am", "gu", "pa")},
}  # fmt: skip


# --------------------------------------------------------------------------- rows
_GLUED_HEAD: Final = re.compile(r"^\s?(date\s\d{4}-\d\d-\d\d)\s+(?=\S)")
_GLUED_MIDDLE: Final = re.compile(r"(?<=[.!?。])\s(?=date\s\d{4}-\d\d-\d\d\s+\S)")


def _rows(lines: Sequence[Line], rules: RuleSet, meta: _Metadata) -> list[_Row]:
    rows: list[_Row] = []
    for line in lines:
        if not line.text.strip():
            continue
        for piece in _split_glued(line):
            row = _Row(piece)
            head = _GLUED_HEAD.match(piece.text)
            if head:
                # `date 2026-01-26 Title`: metadata that a text dump glued together
                date_row = _Row(_part(piece, head.group(1)))
                title_row = _Row(_part(piece, piece.text[head.end() :]))
                date_row.drop("general:glued-head", "date glued to the title at the head")
                title_row.drop("general:glued-head", "title glued to the date at the head")
                meta.head(date_row.shape.norm, title_row.line.text.strip())
                rows += [date_row, title_row]
                continue
            rows += _cut(row, rules)
    return rows


def _split_glued(line: Line) -> list[Line]:
    """A dump may glue the next page's head to a line: `... reserved. date 2026-01-26 Title`."""
    if "date " not in line.text:
        return [line]
    found = _GLUED_MIDDLE.search(line.text)
    if not found:
        return [line]
    return [_part(line, line.text[: found.start()]), _part(line, line.text[found.end() :])]


def _part(line: Line, text: str) -> Line:
    return Line(text=text.strip(), link_share=line.link_share, tag=line.tag)


CUT_WIDTH: Final = 60
"""Lines at least this wide are looked at for something glued to their end."""


def _cut(row: _Row, rules: RuleSet) -> list[_Row]:
    """Cut boilerplate off the end of a long line; the rest stays what it was."""
    ends: list[_Row] = []
    while row.shape.width >= CUT_WIDTH and len(ends) < 4:
        hit = rules.cuts(row.shape)
        if hit is None or hit.rule.pattern is None:
            break
        text = row.line.text.rstrip()
        # the rule fired on the normalised end: find it again in the text as it stands
        found = hit.rule.pattern.search(text, max(0, len(text) - CUT_CHARS))
        if found is None or found.start() < 30:
            break
        end = _Row(_part(row.line, text[found.start() :]))
        end.drop(hit.rule.name, hit.rule.reason)
        end.hits = [hit]
        ends.insert(0, end)
        row = _Row(_part(row.line, text[: found.start()]))
    return [row, *ends]


# --------------------------------------------------------------------------- one pass
def _pass(
    rows: list[_Row],
    title_key: str,
    lang_hint: str | None,
    memory: HostMemory | None,
    sections: frozenset[str],
) -> str:
    """Mark the rows that are not body, judging only by these rows; return the language."""
    for row in rows:
        if row.live and not row.keep:
            _by_rule(row, "any")
    language = article_language([r.line.text for r in rows if r.live], lang_hint)
    family = _FAMILY.get(base_language(language), "latin")
    _second_copies(rows)
    _ending(rows, family)
    _by_place(rows, _prose_bounds(rows, family, placed=True))
    bounds = _prose_bounds(rows, family)
    _headline(rows, title_key, bounds)
    if bounds is not None:
        _menu_rows(rows, bounds, sections)
    _pull_quotes(rows)
    if memory is not None and bounds is not None:
        judge_by_memory(rows, memory, title_key)
    _links(rows, family)
    judge_foreign(rows, language, family)
    bounds = _prose_bounds(rows, family)
    if bounds is not None:
        _menus(rows, bounds)
        _labels(rows, family, title_key)
    return language


def _by_rule(row: _Row, place: str, categories: frozenset[str] | None = None) -> None:
    for hit in row.hits:
        rule = hit.rule
        if rule.place != place or not _may_hit(hit, row.shape):
            continue
        if categories is not None and rule.category not in categories:
            continue
        if categories is _BOXED and (hit.phrase or hit.start > 0):
            continue
        row.drop(rule.name, rule.reason)
        return


def _by_place(rows: list[_Row], bounds: tuple[int, int] | None) -> None:
    if bounds is None:
        return
    first, last = bounds
    for i, row in enumerate(rows):
        if not row.live or row.keep or not row.hits:
            continue
        if i < first:
            _by_rule(row, "head")
            _by_rule(row, "edge")
        elif i > last:
            _by_rule(row, "tail")
            _by_rule(row, "edge")
        elif _OF_ITSELF.match(row.shape.low):
            _by_rule(row, "edge", _NOTICES)
            _by_rule(row, "tail", _NOTICES)
        elif not row.shape.sentence and row.shape.width <= INSIDE_LABEL_WIDTH:
            _by_rule(row, "edge", _BOXED)
            _by_rule(row, "tail", _BOXED)


def _prose_bounds(rows: list[_Row], family: str, *, placed: bool = False) -> tuple[int, int] | None:
    """Indexes of the first and last sentence of the body, None when there is none.

    With `placed`, sentences that a rule would take away at an edge of the page do not bound the
    body, unless there are no others.
    """
    prose = [i for i, r in enumerate(rows) if r.live and r.shape.prose and _own(r.shape, family)]
    if placed:
        prose = [i for i in prose if rows[i].keep or not _edge_hit(rows[i])] or prose
    return (prose[0], prose[-1]) if prose else None


def _edge_hit(row: _Row) -> bool:
    return any(h.rule.place != "any" and _may_hit(h, row.shape) for h in row.hits)


def _may_hit(hit: Hit, shape: Shape) -> bool:
    """Whether a rule may take the line: of sentences, only short ones by a phrase within them."""
    rule = hit.rule
    if rule.action not in ("remove", "ends", "box"):
        return False
    if shape.prose and not rule.prose:
        return False
    if hit.phrase and rule.category in _SPOKEN_TO_READERS and _reports(shape):
        return False
    if hit.phrase and rule.category == "copyright" and _tells(shape):
        return False
    if shape.norm.endswith("?") and (rule.category == "byline" or (hit.phrase and shape.prose)):
        return False  # an interviewer asks, or the article does
    if hit.phrase and rule.place != "any":
        return shape.width <= CUE_SENTENCE_WIDTH or (shape.prose and hit.start == 0)
    return True


_SPOKEN_TO_READERS: Final = frozenset(
    {"subscribe", "newsletter", "tipline", "share", "comment", "ui"}
)
_BOXED: Final = (_SPOKEN_TO_READERS - {"ui"}) | {"ad", "ai_disclaimer"}
"""What boxes between the paragraphs hold; names of sections may be sub-headings there."""

_NOTICES: Final = _BOXED | {"disclaimer", "copyright", "byline", "photo"}
_QUOTE_MARKS: Final = "\"'“”‘’「」『』《》 "
_BETWEEN_NAMES: Final = re.compile(r"[\s|·•/>»,]+")
_OF_ITSELF: Final = re.compile(
    r"(?:※|◎|\W{0,3}(?:(?:이|본|해당) ?(?:기사|콘텐츠|포스팅|글|뉴스|보도|칼럼|영상)|"
    r"(?:この|本)(?:記事|稿|コンテンツ|要約|サイト|ページ|企画|連載)|当(?:サイト|ページ)|"
    r"(?:本|该|該|以上)(?:文|稿|站|网|網|報|报|平台|內容|内容)|"
    r"this (?:article|story|content|post|report|page|site|piece|column|summary)\b))"
)
"""A line that talks about the article: between its paragraphs, edge rules hold for it too."""

# Papers report in the plain form and speak to their readers in the polite one.
_PLAIN: Final = re.compile(r"(?<!まし)(?<!でし)た。|という。|て(?:い|あ)る。|(?<!니)다\.")
_POLITE: Final = re.compile(r"です|ます|ました|ません|でした|ください|下さい|니다|세요|십시오|까요")


def _reports(shape: Shape) -> bool:
    """Tell whether a Japanese or Korean sentence reports: a newsroom asks nobody in that form."""
    if not shape.prose or not (shape.has_kana or shape.has_hangul):
        return False
    return bool(_PLAIN.search(shape.norm)) and not _POLITE.search(shape.norm)


# What a court or a paper did about copyright; the notices ask in every other form.
_TOLD: Final = re.compile(
    r"(?<!まし)(?<!でし)た。|という。|てい(?:る|た)。"
    r"|[했였았었됐왔났갔졌렸쳤혔켰겼섰샀냈랐렀줬봤]다(?:\.|고 |며 |는 |면서 )"
)


def _tells(shape: Shape) -> bool:
    """Tell whether a Japanese or Korean sentence tells what happened."""
    if not shape.prose or not (shape.has_kana or shape.has_hangul):
        return False
    return bool(_TOLD.search(shape.norm)) and not _POLITE.search(shape.norm)


def _own(shape: Shape, family: str) -> bool:
    if shape.family == family:
        return True
    return family in ("kana", "han") and shape.family in ("kana", "han")


def _second_copies(rows: list[_Row]) -> None:
    """Some sites print the article twice: the second copy goes, short lines between with it."""
    seen: dict[str, int] = {}
    copies: list[int] = []
    for i, row in enumerate(rows):
        if not row.live or not row.shape.key:
            continue
        key = row.shape.norm
        if key in seen:
            copies.append(i)
        else:
            seen[key] = i
    sure = [i for i in copies if rows[i].shape.prose and not rows[i].keep]
    for i in sure:
        rows[i].drop("general:second-copy", "said already further up the page")
    marked = set(sure)
    for i in copies:
        near = any(k in marked for k in range(i - 3, i + 4))
        if near and not rows[i].shape.prose:
            rows[i].drop("general:second-copy", "short line between second copies")


def _ending(rows: list[_Row], family: str) -> None:
    """A heading that ends the article takes everything behind it along; a box only its items."""
    total = sum(r.shape.weight for r in rows if r.shape.prose and _live_prose(r, family))
    before = 0.0
    tried = 0
    for i, row in enumerate(rows):
        if _live_prose(row, family):
            before += row.shape.weight
            continue
        rule = next((h.rule for h in row.hits if h.rule.action in ("ends", "box")), None)
        if rule is None and not row.live and row.shape.width <= CLOSING_WIDTH:
            closing = next((h.rule for h in row.hits if h.rule.category in CLOSING), None)
            if closing is not None and total and _closes(rows, i, before, total, family):
                for r in rows[i + 1 :]:
                    r.drop(closing.name, "behind the line that closes the article")
                return
        if rule is None or row.live:
            continue
        tried += 1
        if tried > MAX_HEADINGS:
            return
        rest = rows[i + 1 :]
        long_after = [r for r in rest if _live_prose(r, family) and r.shape.width >= LONG_PARAGRAPH]
        weight = sum(r.shape.weight for r in rest if _live_prose(r, family))
        # A heading in another language ends nothing that goes on in the article's own.
        goes_on = weight > 0 and bool(row.shape.family) and not _own(row.shape, family)
        if goes_on:
            for r in rest:
                if _live_prose(r, family):
                    break
                r.drop(rule.name, "behind a heading of links in another language")
            continue
        if (
            rule.action == "ends"
            and total
            and not _resumes(rows, i, family)
            and (
                (
                    before >= _related_after(rows, i, family) * total
                    and (len(long_after) <= RELATED_PROSE or weight <= RELATED_REST * before)
                )
                or (before >= TEASERS_AFTER * total and _teasers(rest))
            )
        ):
            for r in rest:
                r.drop(rule.name, "after a heading that ends the article")
            return
        _box(rest, rule.name)


def _related_after(rows: Sequence[_Row], at: int, family: str) -> float:
    """The share of the prose that must stand before a heading for it to end the article."""
    following = [r for r in rows[at + 1 :] if r.live and r.shape.letters][:2]
    direct = len(following) == 2 and all(_live_prose(r, family) and not r.hits for r in following)
    return RELATED_DIRECT if direct and _same_subject(rows, at, following) else RELATED_AFTER


def _same_subject(rows: Sequence[_Row], at: int, passage: Sequence[_Row]) -> bool:
    told = (r.line.text for r in rows[:at] if r.live and r.shape.prose)
    return shared_words((r.line.text for r in passage), told) >= SAME_SUBJECT


def _resumes(rows: Sequence[_Row], at: int, family: str) -> bool:
    """A box inside the article: a title or some, then paragraphs in a row.

    Long ones in a row that go on about the same, wherever they stand, since most blurbs of a list
    stand each under its own headline; else a box of few titles with paragraphs up to the end.
    """
    rest = rows[at + 1 :]
    run = _paragraphs_in_a_row(rest, family)
    if run and (run[-1].shape.width >= BLURB_WIDTH or _same_subject(rows, at, run)):
        return True
    live = [r for r in rest if r.live and r.shape.letters and not r.hits]
    prose = [i for i, r in enumerate(live) if r.shape.prose and _own(r.shape, family)]
    if len(prose) < RESUMED_PROSE or not 1 <= prose[0] <= BOX_ITEMS:
        return False
    return prose[-1] - prose[0] + 1 == len(prose)


def _paragraphs_in_a_row(rest: Sequence[_Row], family: str) -> list[_Row]:
    """The longest run of them, or one wider than blurbs are; empty when they may be blurbs."""
    run: list[_Row] = []
    longest: list[_Row] = []
    for row in rest:
        if not row.live:
            if any(h.rule.category == "related" for h in row.hits):
                run = []
            continue  # an advertisement between two paragraphs
        shape = row.shape
        article = _live_prose(row, family) and shape.sentence and shape.width >= LONG_PARAGRAPH
        run = [*run, row] if article and not row.hits else []
        if run and shape.width >= BLURB_WIDTH:
            return [row]
        if len(run) > len(longest):
            longest = run
    if len(longest) > RESUMED_PROSE:
        return longest
    return longest if len(longest) == RESUMED_PROSE and not _teasers(rest) else []


def _closes(rows: Sequence[_Row], at: int, before: float, total: float, family: str) -> bool:
    """Behind a notice or an end mark, with most of the text before it, the site goes on."""
    if before < CLOSING_AFTER * total or _resumes(rows, at, family):
        return False
    rest = rows[at + 1 :]
    weight = sum(r.shape.weight for r in rest if _live_prose(r, family))
    return weight <= RELATED_REST * before or _teasers(rest)


def _teasers(rows: Sequence[_Row]) -> bool:
    """Headline and blurb in turn: sentences stand alone, each under a label of its own."""
    live = [r for r in rows if r.live and r.shape.letters]
    prose = [i for i, r in enumerate(live) if r.shape.prose]
    together = sum(1 for i in prose if i and live[i - 1].shape.prose)
    return len(prose) >= 2 and together <= TEASERS_TOGETHER * len(prose)


def _live_prose(row: _Row, family: str) -> bool:
    return row.live and row.shape.prose and _own(row.shape, family)


def _box(rest: Sequence[_Row], rule: str) -> None:
    """Items of a box inside the article: short lines until a sentence resumes."""
    for row in rest[:MENU_RUN]:
        if row.live and (row.shape.prose or row.shape.sentence or row.keep):
            return
        if row.live and row.shape.width > 2 * LABEL_WIDTH:
            return
        row.drop(rule, "item of a box of links")


_SITE_NAME = (
    r"[^\W\d][\w .&'-]{0,20}(?:신문|뉴스|일보|방송|통신|투데이|타임스|닷컴|경제|저널|"
    r"新聞|ニュース|オンライン|"
    r"プレス|デジタル|通信|テレビ|新闻网?|新聞網?|日[报報]|晚[报報]|[在线網网]|News|Times|Post|Herald|Daily|"
    r"Journal|Tribune|Press|Online|Gazette|Today)"
)
_TITLE_OF_PAGE: Final = re.compile(
    rf"^[^|_]{{8,110}}(?:\s?[|_]\s?[^|_.!?。]{{2,20}}|\s[-–—]\s{_SITE_NAME})$"
)
"""A title as the browser's window shows it: the headline and the name of the site."""


def _headline(rows: list[_Row], title_key: str, bounds: tuple[int, int] | None) -> None:
    if bounds is None:
        return
    first, last = bounds
    top = next((r for r in rows[:first] if r.live and not r.keep), None)
    if top is not None and not top.shape.sentence and _TITLE_OF_PAGE.match(top.shape.norm):
        top.drop("general:page-title", "the page's title with the name of the site")
    if not title_key:
        return
    for i, row in enumerate(rows):
        if row.live and row.shape.key == title_key and (i < first or i > last):
            row.drop("general:headline", "the title again")


def _menu_rows(rows: list[_Row], bounds: tuple[int, int], known: frozenset[str]) -> None:
    """Names of sections in a row, beside the article."""
    first, last = bounds
    for i, row in enumerate(rows):
        if not row.live or row.keep or row.shape.sentence or first <= i <= last:
            continue
        names = [name for name in _BETWEEN_NAMES.split(row.shape.low) if name]
        held = sum(name in known for name in names)
        if len(names) >= MENU_NAMES and held >= MENU_KNOWN * len(names):
            row.drop("general:menu-row", "names of sections in a row")


def _pull_quotes(rows: list[_Row]) -> None:
    """A phrase that stands in a longer paragraph word for word, printed once more as a box."""
    prose = [r.shape.low for r in rows if r.live and r.shape.prose]
    for row in rows:
        shape = row.shape
        if not row.live or row.keep or not PULL_WIDTH <= shape.width <= 200:
            continue
        phrase = shape.low.strip(_QUOTE_MARKS)
        if any(phrase in text and len(text) > 1.3 * len(phrase) for text in prose):
            row.drop("general:pull-quote", "a phrase of the article printed once more")


def _links(rows: list[_Row], family: str) -> None:
    """Whole-line links: teasers, wherever they stand; sentences only outside the article."""
    prose = [
        i for i, r in enumerate(rows) if _live_prose(r, family) and r.shape.link_share < LINK_SHARE
    ]
    if not prose:
        return
    for i, row in enumerate(rows):
        shape = row.shape
        if not row.live or row.keep or shape.link_share < LINK_SHARE or not shape.letters:
            continue
        if i < prose[0] or i > prose[-1] or not shape.sentence:
            row.drop("general:link-line", "the whole line is a link")


# --------------------------------------------------------------------------- shape
def _is_label(row: _Row) -> bool:
    s = row.shape
    return s.width <= LABEL_WIDTH and not s.sentence and not s.prose and "|" not in s.text


def _menus(rows: list[_Row], bounds: tuple[int, int]) -> None:
    """Runs of short lines: menus beside the article, lists (winners, dishes) inside it."""
    first, last = bounds
    run: list[_Row] = []
    start = 0
    for i, row in enumerate([*rows, None]):
        if row is not None and row.live and _is_label(row) and not row.keep:
            start = start if run else i
            run.append(row)
            continue
        if row is not None and not row.live:
            continue
        if len(run) >= MENU_RUN and not _is_data(run) and not _is_outline(run):
            inside = first < start and i <= last
            if not inside or _is_nav(rows[start:i]):
                for r in run:
                    r.drop("general:menu", "many short lines in a row")
        run = []


_POINT: Final = re.compile(
    r"\(?(?P<n>\d{1,2})(?:[.)]\s?|\s|(?=[^\d\s.,:/%年月日년월일]))(?=[^\W\d])"
    r"|(?P<c>[一二三四五六七八九十]{1,2})、"
)


def _is_outline(run: Sequence[_Row], share: float = 0.4) -> bool:
    """Tell whether the points of a release are numbered: 1, 2, 3 in their order."""
    numbers = []
    for row in run:
        found = _POINT.match(row.shape.norm)
        if found:
            digits = "一二三四五六七八九十"
            numbers.append(int(found["n"]) if found["n"] else 1 + digits.find(found["c"][-1]))
    steps = sum(b - a == 1 for a, b in pairwise(numbers))
    return len(numbers) >= share * len(run) and 2 * steps >= len(numbers) - 1 >= 2


def _is_nav(rows: Sequence[_Row]) -> bool:
    """Many lines of the run are links, or names of sections, or went by a rule."""
    marked = sum(1 for r in rows if not r.live or r.hits or r.shape.link_share >= LINK_SHARE)
    return marked >= NAV_SHARE * len(rows)


# What lists of headlines carry besides: a rank in front, a date or a number of readers behind.
_LIST_FIGURES: Final = re.compile(
    r"^\W{0,3}\d{1,2}(?!\d|[.:]\d)"
    r"|[\s(]{0,3}(?:\d{2,4}[/.-])?\d{1,2}[/.-]\d{1,2}(?:\s\d{1,2}:\d{2})?\)?$"
    r"|[\s(]{1,2}\d{1,2}:\d{2}\)?$"
    r"|(?<=[一-鿿가-힣ぁ-ヶ)])\(?\d{1,8}\)?$"
)


def _is_data(run: Sequence[_Row], share: float = 0.5) -> bool:
    """Lists of figures (scores, dates, quake readings) are the article; menus hold few digits."""
    held = sum(1 for r in run if any(map(str.isdigit, _LIST_FIGURES.sub("", r.shape.norm))))
    return held >= share * len(run)


_RESULT: Final = re.compile(
    r"(?<![\d.:/-])\d{1,3}\s?(?:[-–:対對]\s?|,\s[^\W\d][\w .'&-]{1,30}\s)\d{1,3}(?![\d:/-])"
)
"""Two figures against each other: `5-4`, `Town 34, Village 21`."""


def _table_length(tail: Sequence[_Row]) -> int:
    """How many lines from the first on are a table of the article, 0 when that is none."""
    best = 0
    for n in range(DATA_RUN, len(tail) + 1):
        table = _is_data(tail[:n], TABLE_SHARE) and _is_data([tail[n - 1]])
        if table or _is_outline(tail[:n]):
            best = n
    return best


_INTRODUCES: Final = re.compile(
    r"(?:[:：]|次の通り|次のとおり|以下の通り|以下のとおり|如下|다음과 같다)[。.]?$"
)


def _labels(rows: list[_Row], family: str, title_key: str) -> None:
    """Labels before the first sentence and short lines behind the last are not the article."""
    bounds = _prose_bounds(rows, family)
    if bounds is None:
        return
    first, last = bounds
    head = [r for r in rows[:first] if r.live]
    for n, row in enumerate(head):
        heads_results = n + 1 < len(head) and _RESULT.search(head[n + 1].shape.norm)
        if row.keep or heads_results or not _is_label(row) or row.shape.width > HEAD_LABEL_WIDTH:
            continue
        row.drop("general:head-label", "short label before the first sentence")
    tail = [r for r in rows[last + 1 :] if r.live]
    if not tail or _INTRODUCES.search(rows[last].line.text.strip()[-20:]):
        return
    for row in tail[_table_length(tail) :]:
        s = row.shape
        if row.keep or s.sentence or "|" in s.text or s.width > 2 * LABEL_WIDTH:
            continue
        row.drop("general:tail-label", "short line behind the last sentence")


# --------------------------------------------------------------------------- metadata
_CLOCK: Final = re.compile(r"\d\s?[:：時时시.]\s?\d\d")


class _Metadata:
    """What lines said about the article before they were taken away."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.title: str | None = None
        self.published: datetime | None = None
        self.zoned = False
        self._with_clock = False
        self.author: str | None = None
        self.provenance: tuple[str, ...] = ()

    def head(self, date: str, title: str) -> None:
        if self.title is None:
            self.title = title
            self._publish(date)

    def _publish(self, text: str) -> None:
        """Take the first date; a first one with a time of day is better."""
        with_clock = bool(_CLOCK.search(text))
        if self.published is not None and (self._with_clock or not with_clock):
            return
        found = parse_timestamp(text, self.zone)
        if found is not None:
            self.published, self.zoned = found
            self._with_clock = with_clock

    def collect(self, rows: list[_Row]) -> None:
        marks: dict[str, None] = {}
        for row in rows:
            for hit in row.hits:
                rule = hit.rule
                if rule.provenance:
                    marks[rule.provenance] = None
                if rule.field == "published":
                    self._publish(row.shape.norm)
                elif rule.field == "author" and self.author is None and rule.pattern:
                    found = rule.pattern.search(row.shape.norm)
                    if found and found.groupdict().get("author"):
                        self.author = found.group("author").strip(" ,|/")
        agency = wire_agency([r.shape for r in rows if r.live])
        if agency:
            marks["wire"] = None
            marks[f"wire:{agency}"] = None
        self.provenance = tuple(marks)
