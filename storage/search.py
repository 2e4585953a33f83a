"""Full-text search over stored articles, in all languages, without a DuckDB extension.

In: articles as they are stored (`index_articles`, inside the writer's transaction) and queries
(`search`, on the published file). Out: ranked results with snippets. DuckDB's own `fts` extension
has to be downloaded, is not incremental and takes a Japanese sentence for one word; this index
holds pairs of neighbouring CJK characters and whole words of other scripts
(`storage.search_terms`).

Ranking is BM25 (Robertson, Zaragoza, "The Probabilistic Relevance Framework", 2009) over the
clauses of a query; a CJK clause occurs as often as its rarest pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from alerts.normalise import han_fold
from extractors.errors import UsageError
from storage.search_terms import (
    PAIR_SHIFT,
    Clause,
    canonical_text,
    index_terms,
    is_cjk,
    mark,
    parse_query,
    run_terms,
    word_term,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from storage.database import Transaction

RECENT_POSTINGS = 4_000_000  # then they are sorted and moved: about 10,000 articles
ON_TOPIC = 2.0
"""How much more an article on any topic counts. A word in the title counts 1.6 times one in the
body (BM25 of weight 3 and of 1): so an article on a topic that has the word in its body comes
before the headline of a company of the same name."""
_K1, _B = 1.2, 0.75  # BM25's usual values (Manning et al., "Introduction to IR", 11.4.3)
_MEAN_WORDS = 400.0
_PAGE = 50  # articles read at once to verify a phrase: a body costs 5 ms and more to unpack
_MOST_READ = 1_000  # a search reads no more articles than this
_PREFIX_WORDS = 500  # words a beginning* may stand for
_ONE_BY_ONE = 40  # more terms than this are found faster by reading all postings once
_SNIPPET_CHARS = 160
_CATCH_UP = 2_000
_CODE_OF_0 = 0x100  # a weight travels as one character; no control or combining character


# ---------------------------------------------------------------------- writing
def index_articles(
    tx: Transaction,
    article_ids: Sequence[int],
    titles: Sequence[str | None],
    bodies: Sequence[str],
) -> None:
    """Add articles to the index, in the transaction that stores them.

    Args:
        tx: the open write transaction.
        article_ids: ids of new articles; an id must not be indexed twice.
        titles: their titles.
        bodies: their bodies (body blocks only, never removed text).
    """
    terms: list[str] = []
    weights: list[str] = []
    words: set[str] = set()
    for title, body in zip(titles, bodies, strict=True):
        counts, own = index_terms(title, body)
        terms.append(" ".join(map(str, counts)))
        weights.append("".join([chr(_CODE_OF_0 + weight) for weight in counts.values()]))
        words |= own
    # Numbers go in as text: a third of the time that lists of Python integers take.
    tx.con.execute(
        """
        INSERT INTO core.search_recent
        SELECT term, article_id, weight, ? FROM (
            SELECT unnest(string_split(terms, ' ')::UBIGINT[]) AS term, article_id,
                   unicode(unnest(string_split(weights, ''))) - ? AS weight
            FROM (SELECT unnest(?::BIGINT[]) AS article_id, unnest(?::VARCHAR[]) AS terms,
                         unnest(?::VARCHAR[]) AS weights)
            WHERE terms <> '')
        ORDER BY term, article_id
        """,
        [tx.rev, _CODE_OF_0, list(article_ids), terms, weights],
    )
    if words:
        tx.con.execute(
            "INSERT INTO core.search_recent_word SELECT unnest(?::VARCHAR[]), ?",
            [sorted(words), tx.rev],
        )
    row = tx.con.execute(
        "SELECT (SELECT count(*) FROM core.search_recent), "
        "(SELECT count(*) FROM core.search_state WHERE fold_from IS NULL)"
    ).fetchone()
    if row and row[1]:
        _write_folding(tx)
    if row and row[0] >= RECENT_POSTINGS:
        settle(tx)


def _write_folding(tx: Transaction) -> None:
    """Give the SQL macro `search` the table of Han characters that Python uses."""
    table = han_fold()
    wide = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    folded = {**wide, **table}
    tx.con.execute(
        "UPDATE core.search_state SET fold_from = ?, fold_to = ?, rev = ?",
        ["".join(map(chr, folded)), "".join(folded.values()), tx.rev],
    )


def settle(tx: Transaction) -> None:
    """Move the recent postings, sorted by term, to the large table."""
    tx.con.execute(
        "INSERT INTO core.search_posting SELECT term, article_id, weight, ? "
        "FROM core.search_recent ORDER BY term, article_id",
        [tx.rev],
    )
    tx.con.execute("DELETE FROM core.search_recent")
    tx.con.execute(
        "INSERT INTO core.search_word SELECT word, ? FROM (SELECT DISTINCT word "
        "FROM core.search_recent_word) ANTI JOIN core.search_word USING (word)",
        [tx.rev],
    )
    tx.con.execute("DELETE FROM core.search_recent_word")


def catch_up(tx: Transaction, limit: int = _CATCH_UP) -> int:
    """Index up to `limit` articles that were stored before there was an index; return how many."""
    state = tx.con.execute("SELECT upto, done_to FROM core.search_state").fetchone()
    if state is None or state[1] >= state[0]:
        return 0
    rows = tx.con.execute(
        "SELECT article_id, title, body FROM core.article "
        "WHERE article_id > ? AND article_id <= ? ORDER BY article_id LIMIT ?",
        [state[1], state[0], limit],
    ).fetchall()
    index_articles(tx, [r[0] for r in rows], [r[1] for r in rows], [r[2] or "" for r in rows])
    done = rows[-1][0] if len(rows) == limit else state[0]
    tx.con.execute("UPDATE core.search_state SET done_to = ?, rev = ?", [done, tx.rev])
    return len(rows)


def reindex_articles(
    tx: Transaction,
    article_ids: Sequence[int],
    titles: Sequence[str | None],
    bodies: Sequence[str],
) -> None:
    """Replace what the index holds of articles whose text changed (cleaned again, say)."""
    drop_articles(tx, article_ids)
    index_articles(tx, article_ids, titles, bodies)


def drop_articles(tx: Transaction, article_ids: Sequence[int]) -> None:
    """Take articles out of the index."""
    if not article_ids:
        return
    for table in ("search_posting", "search_recent"):
        tx.con.execute(
            f"DELETE FROM core.{table} WHERE article_id IN (SELECT unnest(?::BIGINT[])) "
            "AND article_id BETWEEN ? AND ?",
            [list(article_ids), min(article_ids), max(article_ids)],
        )


# ---------------------------------------------------------------------- asking
@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What results are limited to; None: not limited.

    Times are compared with `published_at`, or `fetched_at` where a page named no time.
    """

    language: str | None = None
    outlet: str | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result.

    `marks` are places (start, end) in `snippet`; `copies` counts the same text at other outlets
    among the results.
    """

    article_id: int
    score: float
    title: str | None
    outlet: str | None
    language: str
    at: datetime
    url: str | None
    story_id: int | None
    copies: int
    snippet: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The results in their order. `candidates`: how many texts the index offered (upper bound)."""

    hits: tuple[Hit, ...]
    candidates: int


def search(
    con: DuckDBPyConnection,
    words: str,
    *,
    filters: Filters | None = None,
    limit: int = 20,
    newest_first: bool = False,
) -> Found:
    """Return the articles that hold all of `words`, best first.

    Args:
        con: a connection to the published file.
        words: see `storage.search_terms.parse_query`.
        filters: language, outlet, topic, time.
        limit: most results.
        newest_first: order by time instead of by rank.

    Raises:
        UsageError: there is nothing to look for in `words`.
    """
    clauses = parse_query(words)
    wanted = [clause for clause in clauses if not clause.negative]
    if not wanted:
        raise UsageError(
            f"nothing to search for in {words!r}: give at least one word that must be there"
        )
    ranked = _rank(con, wanted, filters or Filters(), newest_first)
    verify = [clause for clause in clauses if clause.negative or not clause.is_exact]
    hits: list[Hit] = []
    for hit, title, body in _read(con, ranked, _PAGE if verify else limit):
        if verify:
            texts = canonical_text(title, body)
            if any(clause.is_in(*texts) == clause.negative for clause in verify):
                continue
        snippet, marks = _snippet(body or "", wanted)
        hits.append(
            Hit(
                article_id=hit[0], score=round(hit[1], 3), copies=hit[2], at=hit[3], title=title,
                outlet=hit[4], language=hit[5], url=hit[6], story_id=hit[7],
                snippet=snippet, marks=tuple(marks),
            )
        )  # fmt: skip
        if len(hits) >= limit:
            break
    return Found(hits=tuple(hits), candidates=ranked[0][-1] if ranked else 0)


def empty_filter(con: DuckDBPyConnection, filters: Filters) -> str | None:
    """Return the first filter ("language", "outlet", "topic") that no article at all passes."""
    for name in ("language", "outlet", "topic"):
        if getattr(filters, name):
            conditions, params = _conditions(Filters(**{name: getattr(filters, name)}))
            row = con.execute(
                f"SELECT count(*) FROM core.article a WHERE {conditions[0]}", params
            ).fetchone()
            if row is not None and row[0] == 0:
                return name
    return None


def _rank(
    con: DuckDBPyConnection, wanted: Sequence[Clause], filters: Filters, newest_first: bool
) -> list[tuple[Any, ...]]:
    """Ask the index; return (article_id, score, copies, candidates), best first."""
    parts: list[str] = []
    for n, clause in enumerate(wanted):
        sql = _clause_sql(con, clause)
        if sql is None:
            return []
        parts.append(f"c{n} AS MATERIALIZED ({sql})")
        parts.append(
            f"i{n} AS (SELECT ln(1 + (total - df + 0.5) / (df + 0.5)) AS idf FROM "
            f"(SELECT count(*) AS df FROM c{n}), (SELECT count(*) AS total FROM core.article))"
        )
    joins = "c0" + "".join(f" JOIN c{n} USING (article_id)" for n in range(1, len(wanted)))
    long = f"{_K1} * ({1 - _B} + {_B} * a.words / {_MEAN_WORDS})"
    score = " + ".join(
        f"(SELECT idf FROM i{n}) * c{n}.tf * {_K1 + 1} / (c{n}.tf + {long})"
        for n in range(len(wanted))
    )
    score = f"({score}) * CASE WHEN t.article_id IS NULL THEN 1 ELSE {ON_TOPIC} END"
    conditions, params = _conditions(filters)
    order = "its_time DESC, score DESC" if newest_first else "score DESC, its_time DESC"
    return con.execute(
        f"""
        WITH {", ".join(parts)}
        SELECT article_id, score, count(*) OVER same - 1 AS copies, count(*) OVER () AS candidates
        FROM (
            SELECT article_id, coalesce(a.duplicate_of, article_id) AS root, {score} AS score,
                   coalesce(a.published_at, a.fetched_at) AS its_time
            FROM {joins} JOIN core.article a USING (article_id)
                 LEFT JOIN (SELECT DISTINCT article_id FROM core.topic_hit) t USING (article_id)
            {"WHERE " + " AND ".join(conditions) if conditions else ""}
        )
        WINDOW same AS (PARTITION BY root)
        QUALIFY row_number() OVER (PARTITION BY root ORDER BY article_id) = 1
        ORDER BY {order}, article_id
        LIMIT {_MOST_READ}
        """,
        params,
    ).fetchall()


def _conditions(filters: Filters) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    params: list[Any] = []
    if filters.language:
        conditions.append("(a.language = ? OR starts_with(a.language, ? || '-'))")
        params += [filters.language, filters.language]
    if filters.outlet:
        conditions.append("contains(lower(a.outlet), lower(?))")
        params.append(filters.outlet)
    if filters.topic:
        conditions.append("a.article_id IN (SELECT article_id FROM core.topic_hit WHERE topic = ?)")
        params.append(filters.topic)
    if filters.since:
        conditions.append("coalesce(a.published_at, a.fetched_at) >= ?")
        params.append(filters.since)
    if filters.until:
        conditions.append("coalesce(a.published_at, a.fetched_at) < ?")
        params.append(filters.until)
    return conditions, params


def _clause_sql(con: DuckDBPyConnection, clause: Clause) -> str | None:
    """Return SQL that yields (article_id, tf) of a clause; None when no article can have it."""
    pieces = list(clause.pieces)
    sources: list[str] = []
    if clause.prefix:
        terms = _words_beginning(con, pieces.pop())
        if not terms:
            return None
        if len(terms) <= _ONE_BY_ONE:
            found = " UNION ALL ".join(_postings(f"term = {term}") for term in terms)
        else:
            found = _postings(f"term IN ({', '.join(map(str, terms))})")
        sources.append(
            f"SELECT article_id, sum(weight)::DOUBLE AS tf FROM ({found}) GROUP BY article_id"
        )
    exact: list[int] = []
    for piece in pieces:
        if not is_cjk(piece):
            exact.append(word_term(piece))
        elif len(piece) > 1:
            exact.extend(run_terms(piece))
        else:
            low = ord(piece) << PAIR_SHIFT
            condition = f"term BETWEEN {low} AND {low + (1 << PAIR_SHIFT) - 1}"
            sources.append(
                f"SELECT article_id, sum(weight)::DOUBLE AS tf FROM ({_postings(condition)}) "
                "GROUP BY article_id"
            )
    sources += [
        f"SELECT article_id, weight::DOUBLE AS tf FROM ({_postings(f'term = {term}')})"
        for term in dict.fromkeys(exact)
    ]
    if len(sources) == 1:
        return sources[0]
    return (
        f"SELECT article_id, min(tf) AS tf FROM ({' UNION ALL '.join(sources)}) "
        f"GROUP BY article_id HAVING count(*) = {len(sources)}"
    )


def _postings(condition: str) -> str:
    return (
        f"SELECT article_id, weight FROM core.search_posting WHERE {condition} UNION ALL "
        f"SELECT article_id, weight FROM core.search_recent WHERE {condition}"
    )


def _words_beginning(con: DuckDBPyConnection, prefix: str) -> list[int]:
    rows = con.execute(
        "SELECT DISTINCT word FROM (FROM core.search_word UNION ALL FROM core.search_recent_word) "
        "WHERE starts_with(word, ?) ORDER BY length(word), word LIMIT ?",
        [prefix, _PREFIX_WORDS],
    ).fetchall()
    return [word_term(row[0]) for row in rows]


def _read(
    con: DuckDBPyConnection, ranked: Sequence[tuple[Any, ...]], page_size: int
) -> Iterator[tuple[tuple[Any, ...], str | None, str | None]]:
    """Read the ranked articles, a page at a time, in their order."""
    for start in range(0, len(ranked), page_size):
        page = ranked[start : start + page_size]
        ids = [row[0] for row in page]
        # One equality each: DuckDB looks up `IN (...)` of more than two by reading the whole
        # column, bodies included (20 of a million: 9.5 s against 0.44 s).
        rows = con.execute(
            " UNION ALL ".join(
                "SELECT article_id, coalesce(published_at, fetched_at), outlet, language, "
                "coalesce(canonical_url, url), story_id, title, body FROM core.article "
                f"WHERE article_id = {int(article_id)}"
                for article_id in ids
            )
        ).fetchall()
        by_id = {row[0]: row for row in rows}
        for article_id, score, copies, _ in page:
            row = by_id[article_id]
            yield (article_id, score, copies, *row[1:6]), row[6], row[7]


def _snippet(body: str, clauses: Sequence[Clause]) -> tuple[str, list[tuple[int, int]]]:
    """Cut the stretch of `body` with the most different hits, and mark them."""
    text = " ".join(body[:20_000].split())
    spans = mark(text, clauses)
    best = 0
    most = 0
    for start, _ in spans:
        inside = {text[a:b].lower() for a, b in spans if start <= a and b <= start + _SNIPPET_CHARS}
        if len(inside) > most:
            best, most = start, len(inside)
    begin = max(0, best - _SNIPPET_CHARS // 4)
    if begin:
        space = text.find(" ", begin, best)
        begin = space + 1 if space >= 0 else begin
    end = min(len(text), begin + _SNIPPET_CHARS)
    if end < len(text):
        space = text.rfind(" ", best, end)
        end = space if space > begin + _SNIPPET_CHARS // 2 else end
    head, tail = ("… " if begin else ""), (" …" if end < len(text) else "")
    shift = len(head) - begin
    marks = [(a + shift, b + shift) for a, b in spans if begin <= a and b <= end]
    return head + text[begin:end] + tail, marks
