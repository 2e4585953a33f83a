"""What folding costs: per article as the store grows, and beside MinHash-LSH libraries.

  python benchmarks/bench_folding.py growth [--sizes 0,10000,100000,1000000]
  python benchmarks/bench_folding.py size
  python benchmarks/bench_folding.py peers LABELLED.jsonl

`growth` fills a store with generated sketches (24 hashes and three clues of the lexicon a text, a
year of texts), folds 600 new texts in batches of 200, and prints CPU milliseconds a text and their
ratio to 10,000 stored. A tenth of the clues makes up a third of what is drawn; one text in fifty
is on a topic, one in seven resembles another.
`size` folds generated texts and prints the bytes that each adds. `peers` needs datasketch and
rensa (`pip install datasketch rensa`); LABELLED has one document a line with `id`, `source`,
`title`, `text`, `lang`, `published` (hours) and `dup_cluster`. Times are CPU times; compare them
with each other only, in one run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from extractors.sketch import make_sketch
from extractors.stories import key_clues
from extractors.urls import key_of
from storage.database import Store
from storage.folding import FoldInput, fold_batch

START = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 200
HASHES = 24
DAYS = 365
CLUES = 4  # a text; 3.7 on 1,622 news texts, of which any two share one at .028 (these: .031)
ROUNDS = 5  # of the same work at each size; the median is shown
ON_TOPIC = 50  # one text in so many
ALIKE = 7  # one text in so many resembles another one: 867 pairs of 6,485 news texts


def text_of(rng: random.Random, sentences: int = 18) -> str:
    words = lambda: "".join(rng.choices("bcdfgklmnprstvaeiouaeiou", k=rng.randint(3, 9)))  # noqa: E731
    return "\n".join(" ".join(words() for _ in range(20)) + "." for _ in range(sentences))


def item_of(article_id: int, text: str, at: datetime, outlet: str = "o") -> FoldInput:
    return FoldInput(
        article_id=article_id, sketch=make_sketch(text, None, "en"), fetched_at=at,
        published_at=at, outlet=outlet, title=f"Headline {article_id}", language="en",
    )  # fmt: skip


def clue_names() -> list[str]:
    """The clues of the lexicon that texts are searched by."""
    lines = files("extractors").joinpath("lexicon.txt").read_text("utf-8").splitlines()
    names = [line.split("|")[0].strip() for line in lines if line and line[0] not in "#-"]
    return sorted(key_clues(tuple(names)))


def with_clues(item: FoldInput, names: list[str], rng: random.Random) -> FoldInput:
    clues = {names[int(len(names) * rng.random() ** 2)] for _ in range(CLUES)}
    topics = () if item.article_id % ON_TOPIC else ("t",)
    return replace(item, sketch=replace(item.sketch, clues=tuple(sorted(clues))), topics=topics)


def fill(store: Store, n: int) -> None:
    """Put `n` generated texts into the tables that folding reads, in the order of their time."""
    span = DAYS * 86_400
    begin = int(START.timestamp()) - span
    step = 100_000
    names = clue_names()
    hashes = [key_of(name) for name in names]
    features = item_of(1, text_of(random.Random(3)), START).sketch.features
    pick = (
        f"1 + floor({len(names)} * pow((hash(i * {CLUES} + k + 7) % 1000003) / 1000003.0, 2))::INT"
    )
    for low in range(0, n, step):
        high = min(n, low + step)
        at = f"({begin} + (i * {span} // {max(1, n)}))::BIGINT"
        story = f"i - (i % {ALIKE} = 1)::INT"  # with the text before, which it resembles
        with store.write() as tx:
            tx.con.execute(
                f"INSERT INTO core.sketch_hash SELECT hash(i * {HASHES} + k), i, i, {at}, 1 "
                f"FROM range({low}, {high}) t(i), range({HASHES}) u(k) ORDER BY i"
            )
            tx.con.execute(
                "INSERT INTO core.sketch (article_id, root, story_id, at_s, outlet, language, "
                f"shingles, features, clues, topics, rev) SELECT i, i, {story}, {at}, 'o', 'en', "
                f"300, ?::BLOB, string_agg((?::VARCHAR[])[{pick}], ' '), "
                f"CASE WHEN i % {ON_TOPIC} = 0 THEN ['t'] END, 1 "
                f"FROM range({low}, {high}) t(i), range({CLUES}) u(k) GROUP BY i ORDER BY i",
                [features, names],
            )
            tx.con.execute(
                f"INSERT INTO core.resemblance SELECT i, i - 1, {at}, -0.5, 1 "
                f"FROM range({low}, {high}) t(i) WHERE i % {ALIKE} = 1"
            )
            tx.con.execute(
                f"INSERT INTO core.clue SELECT (?::UBIGINT[])[{pick}], i, {at}, 1 "
                f"FROM range({low}, {high}) t(i), range({CLUES}) u(k) ORDER BY i",
                [hashes],
            )
            tx.con.execute(
                "INSERT INTO core.story (story_id, title, first_seen, last_seen, n_articles, "
                f"n_outlets, n_origins, outlets, current_article, rev) SELECT {story}, "
                f"any_value('Headline ' || i), to_timestamp(min({at})), to_timestamp(max({at})), "
                f"count(*), 1, 1, ['o'], min(i), 1 FROM range({low}, {high}) t(i) GROUP BY 1"
            )


def growth(sizes: list[int], folder: Path) -> None:
    rng = random.Random(1)
    texts = [text_of(rng) for _ in range(450)]
    texts += [f"{text}\n{text_of(rng, 2)}" for text in texts[:150]]  # a quarter are copies
    began = time.process_time()
    names = clue_names()
    items = [
        with_clues(
            item_of(10_000_000 + n, text, START + timedelta(minutes=n), f"o{n % 40}"), names, rng
        )
        for n, text in enumerate(texts)
    ]
    print(f"sketching: {(time.process_time() - began) / len(items) * 1e3:.2f} ms a text")
    stores = {}
    for size in sizes:
        stores[size] = store = Store(folder / f"growth{size}.duckdb")
        fill(store, size)
        with store.write() as tx:
            tx.con.execute("CREATE OR REPLACE SEQUENCE core.story_id START 20000000")
    rounds: dict[int, list[float]] = {size: [] for size in sizes}
    for n in range(ROUNDS):  # side by side: a shared machine is faster in one minute than the next
        for size, filled in stores.items():
            store = Store(folder / f"round{n}_{size}.duckdb")
            store.folder.mkdir()
            shutil.copyfile(filled.main, store.main)
            rounds[size].append(cost_of(store, items))
            shutil.rmtree(store.folder)
    base = median(rounds[10_000]) if 10_000 in rounds else 0.0
    for size, costs in rounds.items():
        ratio = f", {median(costs) / base:.2f} times that of 10,000" if base else ""
        spread = f"({min(costs):.2f} to {max(costs):.2f})"
        print(f"{size:>9,} stored: {median(costs):.2f} ms a text {spread}{ratio}; "
              f"file {stores[size].main.stat().st_size / 1e6:.0f} MB")  # fmt: skip


def cost_of(store: Store, items: Sequence[FoldInput]) -> float:
    """Return the CPU time of folding an item, in milliseconds."""
    spent = 0.0
    for low in range(0, len(items), BATCH):
        with store.write() as tx:
            began = time.process_time()
            fold_batch(tx, items[low : low + BATCH])
            spent += time.process_time() - began
    return spent / len(items) * 1e3


def size(folder: Path, n: int = 4_000) -> None:
    rng = random.Random(2)
    store = Store(folder / "size.duckdb")
    with store.write():
        pass
    empty = store.main.stat().st_size
    for low in range(0, n, BATCH):
        batch = [item_of(low + k + 1, text_of(rng), START + timedelta(minutes=low + k))
                 for k in range(BATCH)]  # fmt: skip
        with store.write() as tx:
            fold_batch(tx, batch)
    with store.write() as tx:
        blob = tx.con.execute("SELECT avg(octet_length(features)) FROM core.sketch").fetchone()
        rows = tx.con.execute("SELECT count(*) FROM core.sketch_hash").fetchone()
    assert blob and rows
    print(f"{(store.main.stat().st_size - empty) / n:.0f} bytes a text without copies (features "
          f"{blob[0]:.0f}, {rows[0] / n:.0f} hashes); a copy adds none")  # fmt: skip


def pairwise(gold: dict[str, str], found: dict[str, str]) -> tuple[float, float, float]:
    pairs = lambda counts: sum(n * (n - 1) // 2 for n in counts.values())  # noqa: E731
    both = pairs(Counter((gold[i], found[i]) for i in gold))
    mine, true = pairs(Counter(found.values())), pairs(Counter(gold.values()))
    p, r = both / max(1, mine), both / max(1, true)
    return p, r, 2 * p * r / max(1e-9, p + r)


def shingles(text: str) -> set[str]:
    """Five words, or eight characters of texts without blanks: as text-dedup and others do."""
    words = re.findall(r"\w+", text.casefold())
    if len(words) > len(text) / 12:
        return {" ".join(words[k : k + 5]) for k in range(max(1, len(words) - 4))}
    bare = "".join(words)
    return {bare[k : k + 8] for k in range(max(1, len(bare) - 7))}


def peers(path: Path, folder: Path) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows = sorted((r for r in rows if r.get("kind") != "roundup"), key=lambda r: r["published"])
    gold = {r["id"]: r["dup_cluster"] for r in rows}
    table: list[tuple[str, tuple[float, float, float], float]] = []
    began = time.process_time()
    items = [
        FoldInput(
            article_id=n, external_id=r["id"], outlet=r["source"], title=r["title"],
            language=r["lang"], sketch=make_sketch(r["text"], r["title"], r["lang"]),
            fetched_at=START + timedelta(days=400),
            published_at=START + timedelta(hours=float(r["published"])),
        )
        for n, r in enumerate(rows, 1)
    ]  # fmt: skip
    store, parent = Store(folder / "peers.duckdb"), {}
    for low in range(0, len(items), BATCH):
        with store.write() as tx:
            for fold in fold_batch(tx, items[low : low + BATCH]):
                parent[fold.article_id] = fold.duplicate_of or fold.article_id
    spent = time.process_time() - began
    found = {r["id"]: str(parent[n]) for n, r in enumerate(rows, 1)}
    table.append(("presswatch", pairwise(gold, found), spent / len(rows) * 1e3))
    for name, threshold in (
        ("datasketch", 0.7),
        ("datasketch", 0.3),
        ("rensa", 0.7),
        ("rensa", 0.4),
    ):
        if find_spec(name) is None:
            print(f"{name} is not installed: pip install {name}")
            continue
        began = time.process_time()
        found = lsh(rows, name, threshold)
        spent = time.process_time() - began
        table.append((f"{name} {threshold}", pairwise(gold, found), spent / len(rows) * 1e3))
    print("method            P      R      F1     CPU ms a text")
    for label, (p, r, f), ms in table:
        print(f"{label:<16} {p:.3f}  {r:.3f}  {f:.3f}  {ms:.2f}")


def lsh(rows: list[dict[str, str]], library: str, threshold: float) -> dict[str, str]:
    """Cluster by MinHash-LSH with 128 permutations, single link over signature Jaccard."""
    root: dict[str, str] = {}

    def find(key: str) -> str:
        while root[key] != key:
            key = root[key]
        return key

    made: dict[str, object] = {}
    buckets: defaultdict[tuple[int, tuple[int, ...]], list[str]] = defaultdict(list)
    for row in rows:
        key, grams = row["id"], shingles(row["text"])
        if library == "datasketch":
            from datasketch import MinHash

            sign = MinHash(num_perm=128)
            sign.update_batch([gram.encode() for gram in grams])
            digest = [int(value) for value in sign.hashvalues]
        else:
            from rensa import RMinHash

            sign = RMinHash(num_perm=128, seed=42)
            sign.update(list(grams))
            digest = list(sign.digest())
        root[key] = key
        width = 2 if threshold < 0.5 else 8
        candidates = set()
        for band in range(0, 128, width):
            slot = buckets[band, tuple(digest[band : band + width])]
            candidates.update(slot)
            slot.append(key)
        for other in candidates:
            same = sum(a == b for a, b in zip(digest, made[other], strict=True))  # type: ignore[call-overload]
            if same / 128 >= threshold:
                root[find(key)] = find(other)
        made[key] = digest
    return {key: find(key) for key in root}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["growth", "size", "peers"])
    parser.add_argument("labelled", nargs="?", type=Path)
    parser.add_argument("--sizes", default="0,10000,100000,1000000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.what == "growth":
            growth([int(size) for size in options.sizes.split(",")], Path(folder))
        elif options.what == "size":
            size(Path(folder))
        else:
            peers(options.labelled, Path(folder))


if __name__ == "__main__":
    main()
