"""What the archive costs at 10,000, 100,000 and 1,000,000 articles.

    python benchmarks/bench_archive.py FOLDER [--sizes 10000,100000] [--queries-only]
    python benchmarks/bench_archive.py LARGE --compare SMALL MIDDLE
    python benchmarks/bench_archive.py FOLDER --questions --sizes 10000,100000,1000000

Fills a store with made articles (generate_archive.py) through the store's own functions: article
rows, blocks, keys, topic hits, search index, in transactions as a run makes them. At each size it
measures ten batches of 200 and their publication, what is known already, common questions,
searches, and bytes. Trust ratios between sizes, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from generate_archive import A_DAY, PLANTED, Made, Maker

from extractors.models import Article, Block, RawDocument
from extractors.urls import key_of
from storage.articles import StoredArticle, insert_articles, reserve_article_ids
from storage.database import Store, Transaction
from storage.identity import article_keys, insert_article_keys, known_keys
from storage.query import named_queries
from storage.rows import insert_rows
from storage.search import Filters, index_articles, search

BATCH = 200
MULTIPLIED = 100_000
_COPIED = {
    "article": ("article_id", "published_at", "fetched_at", "story_id"),
    "block": ("article_id",),
    "article_key": ("article_id", "seen_at", "key"),
    "story": ("story_id", "first_seen", "last_seen"),
    "topic_hit": ("article_id", "story_id"),
    "search_posting": ("article_id",),
}
QUESTIONS = {
    "articles a day, last week": """SELECT CAST(fetched_at AS DATE) AS day, count(*) FROM articles
        WHERE fetched_at >= (SELECT max(fetched_at) FROM articles) - INTERVAL 7 DAY GROUP BY ALL""",
    "hits of a topic, last day": """SELECT a.outlet, a.title FROM topic_hits h
        JOIN articles a USING (article_id) WHERE h.topic = 'opcon'
        AND a.fetched_at >= (SELECT max(fetched_at) FROM articles) - INTERVAL 1 DAY""",
    "one article with its blocks": "SELECT * FROM blocks WHERE article_id = 5432",
    "outlets by articles, all time": "SELECT outlet, count(*) FROM articles GROUP BY ALL",
}


def store_made(tx: Transaction, batch: Sequence[Made], indexed: float | None = None) -> float:
    """Store a batch as the pipeline does; return the seconds that the index took."""
    ids = reserve_article_ids(tx, len(batch))
    rows, keys = [], []
    for n, made in zip(ids, batch, strict=True):
        url = f"https://{made.outlet.replace(' ', '-').lower()}.example/{n}"
        doc = RawDocument(doc_id=url, url=url, guid=url, feed=made.outlet, outlet=made.outlet)
        blocks = tuple(Block(text=text, lang=made.language) for text in made.body.split("\n"))
        article = Article(
            doc=doc, title=made.title, url=url, canonical_url=url, outlet=made.outlet,
            author=None, section=None, published_at=made.at, language=made.language, blocks=blocks,
        )  # fmt: skip
        rows.append(
            StoredArticle(
                article_id=n,
                article=article,
                fetched_at=made.at,
                host=None,
                body_hash=key_of(made.body),
                words=len(made.body.split()),
                story_id=n,
            )
        )
        keys.append((n, _keys(made, url), made.at))
    insert_articles(tx, rows)
    insert_article_keys(tx, keys)
    insert_rows(
        tx,
        "core.story",
        [
            {
                "story_id": n, "title": made.title, "first_seen": made.at, "last_seen": made.at,
                "n_articles": 1, "n_outlets": 1, "n_origins": 1, "languages": [made.language],
            }
            for n, made in zip(ids, batch, strict=True)
        ],
    )  # fmt: skip
    insert_rows(
        tx,
        "core.topic_hit",
        [
            {
                "article_id": n, "story_id": n, "topic": "opcon", "topic_version": "1",
                "level": "alert", "score": 1.0,
            }
            for n in ids
            if n % 200 == 0
        ],
    )  # fmt: skip
    began = time.perf_counter()
    index_articles(tx, ids, [made.title for made in batch], [made.body for made in batch])
    return time.perf_counter() - began


def _keys(made: Made, url: str) -> tuple[tuple[str, int], ...]:
    return article_keys(url=url, canonical_url=url, feed=made.outlet, guid=url)


def fill(store: Store, maker: Maker, have: int, size: int) -> None:
    """Store articles until there are `size`, 4,000 a transaction."""
    while have < size:
        count = min(4_000, size - have)
        batch = list(maker.articles(have, count))
        with store.write() as tx:
            for start in range(0, count, 1_000):
                store_made(tx, batch[start : start + 1_000])
        have += count
        print(f"  {have}", end="\r", file=sys.stderr)


def multiply(store: Store, have: int, size: int) -> int:
    """Store the first 100,000 articles again under new ids and times, until there are `size`.

    A shortcut: making and indexing a million articles one by one takes an hour. Each copy's
    postings are sorted runs of their own, as they would be; only the vocabulary stops growing.
    """
    while have < size:
        with store.write() as tx:
            row = tx.con.execute("SELECT max(article_id) FROM core.article").fetchone()
            shift = int(row[0]) if row else 0
            later = f"INTERVAL ({shift * 86_400 // A_DAY}) SECOND"
            for table, columns in _COPIED.items():
                times = [column for column in columns if column.endswith(("_at", "_seen"))]
                changes = ", ".join(
                    f"{column} + {later if column in times else shift} AS {column}"
                    for column in columns
                )
                tx.con.execute(
                    f"INSERT INTO core.{table} BY NAME "
                    f"SELECT * REPLACE ({changes}, {tx.rev} AS rev) FROM core.{table} "
                    f"WHERE {columns[0]} <= {MULTIPLIED}"
                )
            tx.con.execute(
                "INSERT INTO core.search_posting "
                f"SELECT term, article_id + {shift}, weight, {tx.rev} FROM core.search_recent "
                f"WHERE article_id <= {MULTIPLIED} ORDER BY term"
            )
            tx.con.execute(
                f"CREATE OR REPLACE SEQUENCE core.article_id START {shift + MULTIPLIED + 1}"
            )
        have += MULTIPLIED
        print(f"  {have}", end="\r", file=sys.stderr)
    return have


def clock(function: Callable[[], Any], times: int = 5) -> float:
    """Return the median of the seconds that `function` took."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def measure(store: Store, maker: Maker, have: int) -> tuple[dict[str, Any], int]:
    """Measure a store of `have` articles; return the figures and the new number of articles."""
    figures: dict[str, Any] = {"articles": have}
    store.publish()
    write, index, known, publish = [], [], [], []
    for n in range(10):
        batch = list(maker.articles(have, BATCH))
        keys = [_keys(made, f"https://x.example/{have + i}") for i, made in enumerate(batch)]
        with store.write() as tx:
            began = time.perf_counter()
            known_keys(tx, keys)
            known.append(time.perf_counter() - began)
            began = time.perf_counter()
            index.append(store_made(tx, batch))
            write.append(time.perf_counter() - began - index[-1])
        have += BATCH
        if n in (7, 8, 9):
            began = time.perf_counter()
            how = store.publish()
            publish.append((round(time.perf_counter() - began, 3), how))
    figures["write, ms an article"] = round(statistics.median(write) / BATCH * 1000, 3)
    figures["index, ms an article"] = round(statistics.median(index) / BATCH * 1000, 3)
    figures["known, ms an article"] = round(statistics.median(known) / BATCH * 1000, 3)
    figures["publish, s"] = publish
    figures.update(ask(store))
    with store.write() as tx:
        raw = tx.con.execute("SELECT sum(strlen(body)) FROM core.article").fetchone()
        postings = tx.con.execute(
            "SELECT (SELECT count(*) FROM core.search_posting), "
            "(SELECT count(*) FROM core.search_recent)"
        ).fetchone()
        blocks = tx.con.execute(
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'core'"
        ).fetchall()
        figures["256 kB pieces by table"] = {
            name: _pieces(tx, name) for name, _ in blocks if _pieces(tx, name) > 8
        }
    figures["file, bytes an article"] = round(store.main.stat().st_size / have)
    figures["body, bytes an article"] = round(raw[0] / have) if raw else None
    figures["postings"] = postings
    return figures, have


def _pieces(tx: Transaction, table: str) -> int:
    row = tx.con.execute(
        f"SELECT count(DISTINCT block_id) FROM pragma_storage_info('core.{table}') "
        "WHERE block_id >= 0"
    ).fetchone()
    return int(row[0]) if row else 0


def ask(store: Store) -> dict[str, Any]:
    """Time common questions and searches on the published file, on a fresh connection."""
    figures: dict[str, Any] = {}
    with store.read() as con:
        for name, sql in QUESTIONS.items():
            figures[name + ", s"] = round(clock(lambda sql=sql: con.execute(sql).fetchall()), 3)
        queries = [word for word, _, _ in PLANTED]
        queries += ["submarine opcon", "sub*", '"opcon submarine"', "作战", "작권", "統制"]
        rows = con.execute(
            "SELECT split_part(body, ' ', 12), title FROM articles "
            "USING SAMPLE 10 ROWS (reservoir, 8)"
        ).fetchall()
        queries += [part[:12] for row in rows for part in row if part]
        taken = {}
        for query in queries:
            began = time.perf_counter()
            found = search(con, query)
            taken[query] = (
                round(time.perf_counter() - began, 3),
                len(found.hits),
                found.candidates,
            )
        began = time.perf_counter()
        search(con, "opcon", filters=Filters(topic="opcon", language="en"))
        figures["search with filters, s"] = round(time.perf_counter() - began, 3)
        times = sorted(value[0] for value in taken.values())
        figures["search median, s"] = statistics.median(times)
        figures["search worst, s"] = times[-1]
        figures["searches"] = taken
    return figures


def compare(stores: Sequence[Store], rounds: int = 8) -> dict[str, Any]:
    """Measure the same work on several stores in turns.

    Processor time of this process, so that what else the machine does counts little. Returns for
    each work the median milliseconds at each store, and the last one's ratio to the first.
    """
    work: dict[str, list[list[float]]] = {}
    for n in range(rounds):
        # Documents of which half are known already, as when a feed is read again.
        batch = list(Maker(1000 + n).articles(5_000_000 + n * BATCH, BATCH))
        new = [_keys(made, f"https://y.example/{n}/{i}") for i, made in enumerate(batch)]
        for place, store in enumerate(stores):
            taken: dict[str, float] = {}
            lap = _Laps(taken)
            with store.write() as tx:
                lap("open")
                row = tx.con.execute("SELECT max(article_id) FROM core.article").fetchone()
                top = int(row[0]) if row else 1
                rng = random.Random(n)
                old = tx.con.execute(
                    "SELECT kind, key FROM core.article_key WHERE kind <> 'title' "
                    "AND article_id IN (SELECT unnest(?::BIGINT[]))",
                    [[rng.randint(1, top) for _ in range(BATCH // 2)]],
                ).fetchall()
                lap.start()
                found = known_keys(tx, [*new, *([(kind, key)] for kind, key in old)])
                lap("known")
                assert not any(found[: len(new)]) and all(found[len(new) :])
                store_made(tx, batch)
                lap("write and index")
            lap("commit")
            how = store.publish()
            lap("publish")
            if n < 2:
                continue  # the spare is made, caches are warm
            if how != "rows":
                print("published", how, file=sys.stderr)
            taken["all"] = sum(taken.values())
            for name, seconds in taken.items():
                work.setdefault(name, [[] for _ in stores])[place].append(seconds)
    for place, store in enumerate(stores):
        for name, times in ask_named(store).items():
            work.setdefault(f"sql {name}", [[] for _ in stores])[place] = times
    answers = {}
    for name, several in work.items():
        medians = [statistics.median(at_one) * 1000 for at_one in several]
        ratio = round(medians[-1] / max(medians[0], 0.1), 2)
        answers[name + ", ms"] = [*(round(m, 1) for m in medians), ratio]
    return answers


class _Laps:
    """Writes the processor time since the last call under a name."""

    def __init__(self, taken: dict[str, float]) -> None:
        self._taken = taken
        self.start()

    def start(self) -> None:
        self._mark = time.process_time()

    def __call__(self, name: str) -> None:
        self._taken[name] = time.process_time() - self._mark
        self.start()


def ask_named(store: Store, hours: float = 4, times: int = 5) -> dict[str, list[float]]:
    """Time every named question over the newest `hours` of the archive: processor seconds.

    The articles' times are made, so "now" is when the newest one came; and a window of hours is
    in every archive, so that the same number of articles is looked at.
    """
    values = {"topic": "opcon", "article": "2432", "story": "2432", "hours": "24"}
    taken: dict[str, list[float]] = {}
    with store.read() as con:
        row = con.execute("SELECT max(fetched_at) FROM articles").fetchone()
        assert row is not None
        now = f"TIMESTAMPTZ '{row[0].isoformat()}'"
        con.execute(
            f"CREATE OR REPLACE TEMP MACRO days_ago(n) AS {now} - to_hours(CAST(n AS BIGINT))"
        )
        hits_of = con.execute(
            "SELECT macro_definition FROM duckdb_functions() WHERE function_name = 'hits_of'"
        ).fetchone()
        assert hits_of is not None
        con.execute(
            "CREATE OR REPLACE TEMP MACRO hits_of(wanted_topic, days := 7) AS TABLE "
            + hits_of[0].replace("now() - to_days", f"{now} - to_hours")
        )
        for query in named_queries():
            params = {
                name: values.get(name, str(hours) if name == "days" else default)
                for name, default, _ in query.params
            }
            seconds = []
            for _ in range(times):
                began = time.process_time()
                con.execute(query.sql, params).fetchall()
                seconds.append(time.process_time() - began)
            taken[query.name] = seconds
    return taken


def make_rows(store: Store, count: int) -> None:
    """Fill a store with rows made in SQL: an article a minute, a story for three, a hit for ten."""
    began = "TIMESTAMPTZ '2026-01-01 00:00:00+00'"
    with store.write() as tx:
        tx.con.execute(
            f"""
            INSERT INTO core.article (article_id, url, outlet, title, language, body, published_at,
                                      fetched_at, story_id, words, status, rev)
            SELECT i, 'https://x.example/' || i, 'Outlet ' || (i % 40), 'Title of ' || i,
                   ['en', 'ko', 'ja', 'zh-Hans'][1 + i % 4], repeat('body words ', 40),
                   {began} + to_minutes(i), {began} + to_minutes(i), i // 3 + 1, 80, 'ok', 1
            FROM range(1, {count} + 1) t(i)
            """
        )
        tx.con.execute(
            f"""
            INSERT INTO core.topic_hit (article_id, story_id, topic, topic_version, level, score,
                                        why, rev)
            SELECT i, i // 3 + 1, ['opcon', 'ssn', 'aukus'][1 + i % 3], 'v',
                   CASE WHEN i % 20 = 0 THEN 'alert' ELSE 'mention' END, 10, '{{}}', 1
            FROM range(10, {count} + 1, 10) t(i)
            """
        )
        tx.con.execute(
            """
            INSERT INTO core.story (story_id, title, first_seen, last_seen, n_articles, n_outlets,
                                    n_origins, rev)
            SELECT story_id, 'Story ' || story_id, min(fetched_at), max(fetched_at), count(*),
                   count(DISTINCT outlet), 1, 1
            FROM core.article GROUP BY story_id ORDER BY story_id
            """
        )
    store.publish()


def ask_made(folder: Path, sizes: Sequence[int]) -> None:
    """Print what the named questions cost over a day, at each size, and the last to the first."""
    taken = []
    for size in sizes:
        store = Store(folder / f"{size}" / "archive.duckdb")
        make_rows(store, size)
        taken.append(ask_named(store, hours=24, times=9))
    print(f"{'ms of processor time':20}" + "".join(f"{size:>12,}" for size in sizes) + "   ratio")
    for name in sorted(taken[0]):
        medians = [statistics.median(times[name]) * 1000 for times in taken]
        cells = "".join(f"{median:>12.1f}" for median in medians)
        print(f"{name:20}{cells}{medians[-1] / max(medians[0], 0.1):>8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--queries-only", action="store_true")
    parser.add_argument(
        "--compare", type=Path, nargs="+", default=(), help="smaller archives: in turns with FOLDER"
    )
    parser.add_argument(
        "--questions", action="store_true", help="the named questions only, on rows made in SQL"
    )
    options = parser.parse_args()
    if options.questions:
        ask_made(options.folder, [int(size) for size in options.sizes.split(",")])
        return
    if options.compare:
        folders = [*options.compare, options.folder]
        print(json.dumps(compare([Store(folder / "archive.duckdb") for folder in folders])))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    store = Store(options.folder / "archive.duckdb")
    if options.queries_only:
        print(json.dumps(ask(store), ensure_ascii=False, indent=1))
        return
    maker = Maker()
    with store.write() as tx:
        row = tx.con.execute("SELECT count(*) FROM core.article").fetchone()
    have = int(row[0]) if row else 0
    for size in map(int, options.sizes.split(",")):
        began = time.perf_counter()
        start = have
        fill(store, maker, have, min(size, MULTIPLIED))
        have = max(have, min(size, MULTIPLIED))
        have = multiply(store, have, size)
        filled = time.perf_counter() - began
        figures, have = measure(store, maker, have)
        figures["filling, ms an article"] = round(filled / max(1, size - start) * 1000, 2)
        print(json.dumps(figures, ensure_ascii=False, indent=1), flush=True)


if __name__ == "__main__":
    main()
