"""Decides which topics an article is about, and by which words.

In: a `TopicSet` and a `MatchInput`. Out: `TopicHit`s whose `why` reproduces the score, or
`Explanation`s that also name near misses. Pure; knows no database and no Slack.

Score of a topic = best hit (rule's score x weight of its zone) + `repeat` for each further hit
that does not overlap another one (5 at most); the topic fires at `min_score`. It is an "alert"
when a hit stands in the title or the lead or when 3 sentences hold one, else a passing "mention".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from alerts.document import Document, Span, join_raw
from alerts.explain import (
    Evaluation,
    Explanation,
    Hit,
    IgnoredHit,
    Miss,
    make_why,
    sentence_around,
)
from alerts.models import Level, MatchInput, TopicHit
from alerts.normalise import NormalText
from alerts.screen import Entry
from alerts.topic_model import Near, Phrase, Rule, Topic
from alerts.topics import TopicSet

MAX_REPEATS = 5
# No page, however made, may cost much: more occurrences of one phrase tell nothing more.
MAX_OCCURRENCES = 200
# Passing mentions in long articles took 1 or 2 sentences (labelled items and seed articles; one
# of these names three of a topic's words in two sentences).
SENTENCES_FOR_ALERT = 3


def match_topics(topics: TopicSet, item: MatchInput) -> list[TopicHit]:
    """Return the topics that the article hits, in the order of the topic files' names."""
    candidates = topics.screen.find(NormalText(join_raw(item)))
    if not candidates:
        return []
    document = Document(item)
    hits = []
    for topic, entries in _by_topic(topics.screen.entries[i] for i in candidates):
        evaluation = _evaluate(topic, document, entries)
        if evaluation.fires:
            evaluation.ignored = _find_ignored(topic, document)
            hits.append(_hit(topic, document, evaluation))
    return hits


def match_some(
    topics: TopicSet,
) -> Callable[[MatchInput, frozenset[str]], list[TopicHit]]:
    """Return a function that matches an article by the named topics only (`storage.rematch`)."""
    subsets: dict[frozenset[str], TopicSet] = {}

    def match(item: MatchInput, topic_ids: frozenset[str]) -> list[TopicHit]:
        if topic_ids not in subsets:
            subsets[topic_ids] = topics.only(topic_ids)
        return match_topics(subsets[topic_ids], item)

    return match


def explain_topics(topics: TopicSet, item: MatchInput) -> list[Explanation]:
    """Return one explanation per topic: the hit if there is one, near misses, what was ignored."""
    found = topics.screen.find(NormalText(join_raw(item)))
    document = Document(item)
    by_topic = {t.id: e for t, e in _by_topic(topics.screen.entries[i] for i in found)}
    explanations = []
    for topic in topics.topics:
        evaluation = _evaluate(topic, document, by_topic.get(topic.id, []))
        evaluation.ignored = _find_ignored(topic, document)
        hit = _hit(topic, document, evaluation) if evaluation.fires else None
        explanations.append(Explanation.make(topic, document, evaluation, hit))
    return explanations


def _by_topic(entries: Iterable[Entry]) -> list[tuple[Topic, list[Entry]]]:
    """Group entries by topic; screens return them in the topics' order."""
    groups: list[tuple[Topic, list[Entry]]] = []
    for entry in entries:
        if not groups or groups[-1][0] is not entry.topic:
            groups.append((entry.topic, []))
        groups[-1][1].append(entry)
    return groups


def _hit(topic: Topic, document: Document, evaluation: Evaluation) -> TopicHit:
    return TopicHit(
        topic=topic.id,
        topic_version=topic.version,
        level=evaluation.level,
        score=round(evaluation.score, 3),
        why=make_why(topic, document, evaluation),
    )


def _source_objection(topic: Topic, item: MatchInput) -> str:
    """Return why the outlet is not one of the topic's sources, "" when it is or is unknown."""
    if topic.max_tier is not None and item.tier is not None and item.tier > topic.max_tier:
        return f"the outlet is of tier {item.tier}, the topic takes tiers up to {topic.max_tier}"
    country = (item.country or "").lower()
    if topic.countries and country and country not in topic.countries:
        return f"the outlet's country {country} is not in the topic's sources.countries"
    return ""


def _evaluate(topic: Topic, document: Document, entries: Sequence[Entry]) -> Evaluation:
    """Judge one topic: candidates of the screen in, counted hits and near misses out."""
    hits: list[Hit] = []
    misses: list[Miss] = []
    by_rule: dict[int, tuple[Rule, list[Phrase]]] = {}
    for entry in entries:
        by_rule.setdefault(id(entry.rule), (entry.rule, []))[1].append(entry.phrase)
    for rule, phrases in by_rule.values():
        for phrase in phrases:
            spans = document.occurrences(phrase, case=rule.case)[:MAX_OCCURRENCES]
            if spans and not document.allows(phrase.lang):
                reason = f"it counts in texts of language {phrase.lang} only"
                misses.append(Miss(rule, phrase, spans[0], document.zone(spans[0][0]), reason))
                continue
            for span in spans:
                zone = document.zone(span[0])
                contexts, reason = _conditions(rule, document, span, zone)
                if reason:
                    misses.append(Miss(rule, phrase, span, zone, reason))
                else:
                    points = rule.score * topic.weights[zone]
                    hits.append(Hit(rule, phrase, span, zone, points, contexts))
    hits = _without_overlaps(hits)
    score = 0.0
    if hits:
        best = max(hit.points for hit in hits)
        score = best + topic.weights["repeat"] * min(len(hits) - 1, MAX_REPEATS)
    counted = [h.span for h in hits]
    misses = [m for m in misses if not any(s[0] <= m.span[0] < s[1] for s in counted)]
    objection = _source_objection(topic, document.item) if hits else ""
    return Evaluation(
        hits=hits,
        misses=misses,
        score=score,
        fires=bool(hits) and score >= topic.min_score and not objection,
        level=_level(hits, document),
        objection=objection,
    )


def _level(hits: Sequence[Hit], document: Document) -> Level:
    if any(hit.zone in ("title", "lead") for hit in hits):
        return "alert"
    if len(hits) < SENTENCES_FOR_ALERT:
        return "mention"
    raw = (document.raw_span(hit.span) for hit in hits)
    sentences = {sentence_around(document.item.body, start, end)[0] for _, start, end in raw}
    return "alert" if len(sentences) >= SENTENCES_FOR_ALERT else "mention"


def _without_overlaps(hits: list[Hit]) -> list[Hit]:
    """Keep the dearest (then longest, then first) of hits that overlap; return in text order."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (-h.points, h.span[0] - h.span[1], h.span[0])):
        if all(hit.span[1] <= k.span[0] or hit.span[0] >= k.span[1] for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.span)


def _conditions(
    rule: Rule, document: Document, span: Span, zone: str
) -> tuple[list[tuple[Phrase, Span]], str]:
    """Return the contexts found, and "" or the reason why the occurrence does not count."""
    if zone not in rule.zones:
        return [], f"the rule looks at {', '.join(sorted(rule.zones))} only"
    for phrase in rule.nots:
        for start, end in document.occurrences(phrase, case=rule.context_case, whole=False):
            if start <= span[0] and span[1] <= end:
                whole = document.found((start, end))
                return [], f"it is part of “{whole}”, which the rule excludes"
    contexts: list[tuple[Phrase, Span]] = []
    if rule.with_any:
        found = _anywhere(rule.with_any, document, span, case=rule.context_case)
        if found is None:
            return [], f"nowhere in the text is one of {rule.with_label}"
        contexts.append(found)
    for near in rule.near:
        found = _within(near, document, span, case=rule.context_case)
        if found is None:
            return [], f"none of {near.label} within {near.words} words"
        contexts.append(found)
    for near in rule.not_near:
        found = _within(near, document, span, case=rule.context_case, veto=True)
        if found is not None:
            return [], f"“{_found(document, found)}” stands within {near.words} words"
    if rule.without:
        found = _anywhere(rule.without, document, span, case=rule.context_case, veto=True)
        if found is not None:
            return [], f"“{_found(document, found)}” stands in the text"
    return contexts, ""


def _found(document: Document, found: tuple[Phrase, Span]) -> str:
    """Return a context as the text has it; an outlet's country has no words in the text."""
    term, span = found
    return term.text if term.country else document.found(span)


def _is_apart(other: Span, span: Span, *, veto: bool) -> bool:
    """Tell whether an occurrence is more than the hit's own words.

    A context must stand beside the hit; a veto may also reach across it (전략핵잠 over 핵잠수함).
    """
    if veto:
        return other[0] < span[0] or other[1] > span[1]
    return other[1] <= span[0] or other[0] >= span[1]


def _anywhere(
    terms: Sequence[Phrase], document: Document, span: Span, *, case: bool, veto: bool = False
) -> tuple[Phrase, Span] | None:
    for term in terms:
        if term.country:
            if (document.item.country or "").lower() == term.country:
                return term, span
            continue
        for other in document.occurrences(term, case=case):
            if _is_apart(other, span, veto=veto):
                return term, other
    return None


def _within(
    near: Near, document: Document, span: Span, *, case: bool, veto: bool = False
) -> tuple[Phrase, Span] | None:
    best: tuple[int, Phrase, Span] | None = None
    for term in near.terms:
        if term.country:
            if (document.item.country or "").lower() == term.country:
                return term, span
            continue
        for other in _neighbours(document.occurrences(term, case=case), span, veto=veto):
            words = document.words_between(span, other)
            if words <= near.words and (best is None or words < best[0]):
                best = (words, term, other)
    return (best[1], best[2]) if best else None


def _neighbours(spans: Sequence[Span], span: Span, *, veto: bool) -> Iterator[Span]:
    """Yield the nearest of sorted `spans` on either side that are apart from `span`."""
    at = bisect_left(spans, span)
    for candidates in (range(at - 1, -1, -1), range(at, len(spans))):
        for index in candidates:
            if _is_apart(spans[index], span, veto=veto):
                yield spans[index]
                break


def _find_ignored(topic: Topic, document: Document) -> list[IgnoredHit]:
    """Return the topic's phrases in text that does not count: removed blocks, the safety net."""
    pieces = [(text, kind) for kind, text in document.item.ignored]
    body = document.item.body
    pieces += [(body[span.start : span.end], span.reason) for span in document.ignored]
    found: list[IgnoredHit] = []
    for text, reason in pieces:
        piece = NormalText(text)
        phrases = {
            phrase.key: phrase
            for rule in topic.rules
            for phrase in rule.phrases
            if phrase.key in (piece.cjk if phrase.is_cjk else piece.latin)
        }
        found += [
            IgnoredHit(phrase, text, reason)
            for key, phrase in phrases.items()
            if not any(key != longer and key in longer for longer in phrases)
        ]
    return found
