"""From feed to stored and matched: articles per second, the share of each stage, and the peers.

    python benchmarks/bench_pipeline.py                  400 pages made from the demo site
    python benchmarks/bench_pipeline.py --pages 200 --from pages.jsonl \\
        --peers-python VENV/bin/python

In: pages (made, or a folder or file of real ones), served from another process on loopback.  Out,
from one run of this script: (1) presswatch's whole way from feed to database on one core and on
two, and each stage's share of the processor time; (2) `trafilatura.extract` and the peers that can
be imported (here, or by `--peers-python`) on the same pages, as ratios to what presswatch spends on
the same part of the job; (3) what a run with nothing new costs: as a plain call, as `presswatch
run`, under `presswatch serve`.

Everything is measured `--repeat` times in turn and the median is shown.  Processor time, because
other work on the machine hardly changes it; seconds by the clock only where two cores are compared.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_prefect_modes import call, tree_cpu_s
from pipeline_pages import Page, made_pages, read_pages, serving
from pipeline_peers import EXTRACTORS, READERS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.desk import Desk  # noqa: E402

STAGES = {  # in the order of the pipeline; the text says what is in it
    "poll": "feeds fetched, parsed, entries queued",
    "fetch": "article pages over HTTP",
    "extract": "text and metadata out of the page (worker processes)",
    "clean and tag": "boilerplate out, language of each paragraph (worker processes)",
    "keys and sketch": "identity keys, fingerprint, words",
    "match": "topics",
    "fold": "copies, versions, stories",
    "store": "one transaction a batch",
    "search index": "grams",
    "site memory": "what is learnt of the site's boilerplate",
    "send": "outbox (no message here)",
    "publish": "the file that people open",
    "start of workers": "once a run: their libraries loaded, then one fork each",
    "rest": "once a run: imports, settings, ledger",
}
CLEAN_SAMPLE = 80  # pages on which the share of cleaning within the workers is measured


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=400, help="how many pages")
    parser.add_argument("--from", dest="source", type=Path, help="folder or file of real pages")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers-python", action="append", default=[], metavar="PATH")
    parser.add_argument("--without-empty-runs", action="store_true")
    args = parser.parse_args()
    pages = read_pages(args.source, args.pages) if args.source else made_pages(args.pages)
    size = sum(len(page.body) for page in pages) / len(pages) / 1000
    print(f"{len(pages)} pages of {size:.0f} KB on average, median of {args.repeat} rounds")
    peers = find_peers([sys.executable, *args.peers_python])
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as name, serving(pages) as bases:
        folder = Path(name)
        runs, others = measure(pages, bases, peers, folder, args.repeat)
        clean = share_of_cleaning(pages)
        print_pipeline(runs, clean)
        print_peers(runs, others, peers, clean, len(pages))
        if not args.without_empty_runs:
            print_empty_runs(folder, bases, args.repeat)
    return 0


# ------------------------------------------------------------------------------ measuring
def desk_for(folder: Path, bases: Sequence[str], jobs: int) -> Desk:
    """Return a desk whose feeds are the site's."""
    desk = Desk(
        folder,
        allow_addresses=[base.removeprefix("http://") for base in bases],
        jobs=jobs,
        story_vectors="off",
        max_pages_per_run=100_000,
    )
    desk.write_feeds(
        [
            {"name": f"outlet-{n}", "url": f"{base}/feed.xml", "outlet": f"Outlet {n}"}
            for n, base in enumerate(bases)
        ]
    )
    return desk


def measure(
    pages: Sequence[Page],
    bases: Sequence[str],
    peers: dict[str, tuple[str, str]],
    folder: Path,
    repeat: int,
) -> tuple[dict[int, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Run presswatch on one and two cores and each peer, in turn, `repeat` times."""
    from extractors.decode import decode_page

    dump = folder / "pages.json"
    rows = []
    for n, page in enumerate(pages):
        text = decode_page(page.body, page.content_type, None)[0]
        rows.append((f"http://news.example/news/{n}", base64.b64encode(page.body).decode(), text))
    dump.write_text(json.dumps(rows), "utf-8")
    feeds = [f"{base}/feed.xml" for base in bases]
    runs: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
    others: dict[str, list[dict[str, Any]]] = {name: [] for name in peers}
    for turn in range(repeat):
        for cores in runs if turn % 2 else reversed(list(runs)):
            desk = desk_for(folder / f"run-{turn}-{cores}", bases, cores)
            result = ask(
                [sys.executable, str(HERE / "pipeline_run.py"), str(desk.config), str(cores)]
            )
            if result["errors"] or not result["articles"]:
                raise SystemExit(f"the run did not do its work: {result}")
            runs[cores].append(result)
        for name, (python, _) in list(peers.items()):
            arguments = feeds if name in READERS else []
            script = str(HERE / "pipeline_peers.py")
            try:
                others[name].append(ask([python, script, name, str(dump), *arguments]))
            except SystemExit as error:  # a peer that does not work here is left out, and said
                print(f"{name} left out: {str(error).splitlines()[-1]}")
                del peers[name], others[name]
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return runs, others


def ask(command: Sequence[str]) -> dict[str, Any]:
    """Run a script that prints JSON."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


def find_peers(pythons: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return name -> (interpreter, version) of the peers that can be imported."""
    found: dict[str, tuple[str, str]] = {}
    for python in pythons:
        for name, version in ask([python, str(HERE / "pipeline_peers.py"), "--list"]).items():
            found.setdefault(name, (python, version))
    return found


def share_of_cleaning(pages: Sequence[Page]) -> float:
    """Return the share of `clean_lines` (boilerplate, language) in what a worker does to a page."""
    from extractors import boilerplate, documents
    from extractors.models import RawDocument

    spent = 0.0
    inner = boilerplate.clean_lines

    def timed(*args: Any, **kwargs: Any) -> Any:
        nonlocal spent
        begin = time.process_time()
        try:
            return inner(*args, **kwargs)
        finally:
            spent += time.process_time() - begin

    step = max(1, len(pages) // CLEAN_SAMPLE)
    sample = [
        RawDocument(doc_id=str(n), html=page.body, content_type=page.content_type, title=page.title)
        for n, page in enumerate(pages[::step])
    ]
    documents.process_document(sample[0])
    boilerplate.clean_lines = timed
    try:
        begin = time.process_time()
        for document in sample:
            documents.process_document(document)
        return spent / (time.process_time() - begin)
    finally:
        boilerplate.clean_lines = inner


# ------------------------------------------------------------------------------ printing
def median(results: Sequence[dict[str, Any]], *keys: str) -> float:
    """Return the median of one figure over the rounds; a missing one is 0."""
    values = []
    for result in results:
        value: Any = result
        for key in keys:
            value = value.get(key, 0.0)
        values.append(float(value))
    return statistics.median(values)


def print_pipeline(runs: dict[int, list[dict[str, Any]]], clean: float) -> None:
    """Print the whole and the stages."""
    articles = median(runs[1], "articles")
    print("\n| from feed to stored and matched | 1 core | 2 cores |\n|---|---:|---:|")
    rates = [articles / median(runs[n], "wall_s") for n in (1, 2)]
    print(f"| articles per second by the clock | {rates[0]:.1f} | {rates[1]:.1f} |")
    cpu = [1000 * median(runs[n], "cpu_s") / articles for n in (1, 2)]
    print(f"| processor time per article, ms | {cpu[0]:.1f} | {cpu[1]:.1f} |")
    print(f"| two cores against one, by the clock | 1.00 | {rates[1] / rates[0]:.2f} |")
    print("\n| stage | ms per article | share | what it is |\n|---|---:|---:|---|")
    worked = median(runs[1], "cpu", "extract")
    cells = {stage: median(runs[1], "cpu", stage) for stage in STAGES}
    cells["extract"], cells["clean and tag"] = worked * (1 - clean), worked * clean
    whole = sum(cells.values())
    for stage, text in STAGES.items():
        ms = 1000 * cells[stage] / articles
        print(f"| {stage} | {ms:.2f} | {100 * cells[stage] / whole:.1f} % | {text} |")


def print_peers(
    runs: dict[int, list[dict[str, Any]]],
    others: dict[str, list[dict[str, Any]]],
    peers: dict[str, tuple[str, str]],
    clean: float,
    pages: int,
) -> None:
    """Print the peers against the same part of presswatch and against the whole of it."""
    extract = 1000 * median(runs[1], "cpu", "extract") / pages
    poll = 1000 * median(runs[1], "cpu", "poll") / pages
    whole = 1000 * median(runs[1], "cpu_s") / pages
    base = others.get("trafilatura")
    bare = 1000 * median(base, "cpu_s") / pages if base else 0.0
    print(
        "\n| who | part of the job | ms per page | against bare trafilatura | pages with a text |"
        "\n|---|---|---:|---:|---:|"
    )

    def line(name: str, part: str, ms: float, texts: str) -> None:
        print(f"| {name} | {part} | {ms:.2f} | {ms / bare if bare else 0:.2f} | {texts} |")

    for name, results in others.items():
        part = {**EXTRACTORS, **READERS}[name][1]
        texts = f"{median(results, 'texts'):.0f} of {median(results, 'items'):.0f}"
        ms = 1000 * median(results, "cpu_s") / pages
        line(f"{name} {peers[name][1]}", part, ms, texts)
    line("presswatch", "extraction, metadata, boilerplate, language", extract, "")
    line("presswatch", "feeds polled, entries stored", poll, "")
    line("presswatch", "the whole way", whole, f"{median(runs[1], 'articles'):.0f} of {pages}")
    absent = sorted({*EXTRACTORS, *READERS} - set(others))
    if absent:
        print(f"\nNot installed, so not measured: {', '.join(absent)}.")


# ------------------------------------------------------------------------------ nothing new
def print_empty_runs(folder: Path, bases: Sequence[str], repeat: int) -> None:
    """Print what a run costs that finds nothing new, in the three ways of running it."""
    desk = desk_for(folder / "empty", bases, 1)
    ask([sys.executable, str(HERE / "pipeline_run.py"), str(desk.config), "2"])
    desk.run("run", "--quiet", code=None)  # the first start makes Prefect's database
    rows: dict[str, list[tuple[float, float]]] = {}
    for _ in range(repeat):
        plain = [sys.executable, str(HERE / "pipeline_run.py"), str(desk.config), "2"]
        rows.setdefault("a plain call of the core, new process", []).append(costs(plain, desk))
        whole = [sys.executable, "-m", "flows", "run", "--quiet"]
        rows.setdefault("`presswatch run` (embedded Prefect)", []).append(costs(whole, desk))
    rows["a run under `presswatch serve`"], idle = serve_costs(desk, repeat)
    print("\n| a run with nothing new | seconds | processor seconds |\n|---|---:|---:|")
    for name, values in rows.items():
        wall, cpu = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    print(f"| `presswatch serve` between runs, a minute | 60 | {idle:.1f} |")


def costs(command: Sequence[str], desk: Desk) -> tuple[float, float]:
    """Return seconds and processor seconds of a process and all below it."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=desk.folder,
        env={**os.environ, "PRESSWATCH_CONFIG": str(desk.config)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def serve_costs(desk: Desk, repeat: int) -> tuple[list[tuple[float, float]], float]:
    """Return (seconds, processor seconds) of runs under `serve`, and those of an idle minute."""
    process = desk.start("serve", "--every", "1h")
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if " UTC  " in line:  # the run at the start has ended
                break
        url = json.loads((desk.folder / "serve.json").read_text("utf-8"))["url"]
        deployment = call(f"{url}/deployments/name/monitor/presswatch")["id"]
        time.sleep(15)  # the first round of Prefect's services
        idle_s = 20.0
        before = tree_cpu_s(process.pid)
        time.sleep(idle_s)
        idle = (tree_cpu_s(process.pid) - before) / idle_s
        rows = []
        for _ in range(repeat):
            before, began = tree_cpu_s(process.pid), time.perf_counter()
            run = call(f"{url}/deployments/{deployment}/create_flow_run", {})["id"]
            while (state := call(f"{url}/flow_runs/{run}"))["state_type"] != "COMPLETED":
                time.sleep(0.5)
            time.sleep(2)  # its process drains and ends
            passed = time.perf_counter() - began
            cpu = tree_cpu_s(process.pid) - before - idle * passed
            rows.append((float(state["total_run_time"]), cpu))
        return rows, idle * 60
    finally:
        process.terminate()
        process.communicate(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
