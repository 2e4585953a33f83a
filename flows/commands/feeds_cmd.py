"""`presswatch feeds`: health, check, add, remove, OPML in and out.

The list of feeds is a file that people edit by hand: every edit here appends or cuts out blocks
of text and leaves the rest, comments included, as it was.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extractors.errors import FetchError, UsageError
from extractors.feed_list import (
    FETCH_MODES,
    FeedConfig,
    append_feeds,
    default_name,
    host_name,
    load_feeds,
    parse_feeds,
    remove_feed,
    url_problem,
)
from flows.context import AppContext, common_options, example, pass_app

if TYPE_CHECKING:
    from extractors.discovery import FoundFeed
    from extractors.feed_check import FeedCheck

_HEADER = (
    "# The feeds that presswatch polls. Each starts with a line [[feed]]; see docs/feeds.md.\n"
)


@click.group("feeds", epilog=example("presswatch feeds list", "presswatch feeds check"))
def feeds() -> None:
    """Health of the feeds; check, add, remove, import and export them."""


@feeds.command("list", epilog=example("presswatch feeds list --sick"))
@click.option("--sick", is_flag=True, help="Only feeds that are not OK.")
@common_options
@pass_app
def list_feeds(app: AppContext, sick: bool) -> None:
    """Show each feed's state and the reason for it, sick ones first."""
    rows = _rows(app)
    if sick:
        rows = [row for row in rows if row["state"] not in ("OK", "NEW")]
    if app.as_json:
        app.emit_json(rows)
        return
    if not rows:
        app.say("no sick feeds" if sick else "no feeds yet: `presswatch feeds add URL` adds one")
        return
    now = datetime.now(UTC)
    table = [("STATE", "FEED", "ITEMS", "NEWEST", "NEXT POLL", "OUTLET", "WHY")]
    for row in rows:
        table.append(
            (
                row["state"],
                row["feed"],
                str(row["items"] if row["items"] is not None else ""),
                _ago(row["newest_item_at"], now),
                _ahead(row["next_poll_at"], now),
                row["outlet"] or "",
                row["state_reason"] or "",
            )
        )
    _print_table(table)
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    app.say(", ".join(f"{count} {state}" for state, count in sorted(counts.items())))


@feeds.command(
    "check", epilog=example("presswatch feeds check", "presswatch feeds check yonhap-en")
)
@click.argument("names", nargs=-1)
@click.option("--no-pages", is_flag=True, help="Do not look at article pages.")
@common_options
@pass_app
def check(app: AppContext, names: tuple[str, ...], no_pages: bool) -> None:
    """Look at feeds from this machine: status, format, items, age, article pages.

    NAMES are names from feeds.toml, or addresses; none means all. Nothing is stored.
    """
    configs = _chosen(app, names)
    results = asyncio.run(_check_all(app, configs, pages=not no_pages))
    if app.as_json:
        app.emit_json([asdict(result) for result in results])
    else:
        now = datetime.now(UTC)
        table = [("", "FEED", "HTTP", "FORMAT", "ITEMS", "NEWEST", "PAGES", "REMARKS")]
        for result in results:
            table.append(
                (
                    result.verdict,
                    result.feed,
                    str(result.status or ""),
                    result.kind,
                    str(result.entries),
                    _ago(result.newest_at, now),
                    result.pages,
                    result.message,
                )
            )
        _print_table(table)
    bad = sum(result.verdict == "bad" for result in results)
    warned = sum(result.verdict == "warn" for result in results)
    app.say(f"{len(results) - bad - warned} ok, {warned} with remarks, {bad} bad")
    if bad:
        sys.exit(1)


@feeds.command(
    "add",
    epilog=example(
        "presswatch feeds add https://example.org/",
        "presswatch feeds add https://example.org/rss --name example --tier 2",
    ),
)
@click.argument("url")
@click.option("--name", help="Unique name (default: made from the address).")
@click.option("--outlet", help="Name of the publisher (default: the feed's title).")
@click.option("--lang", help="Language of the feed, e.g. ko.")
@click.option("--country", help="Country of the publisher, e.g. KR.")
@click.option("--tier", type=click.IntRange(1, 4), help="1 agencies … 4 aggregators.")
@click.option("--fetch", type=click.Choice(FETCH_MODES), help='"feed": use the feed\'s own text.')
@click.option("--all", "take_all", is_flag=True, help="Add every feed that was found.")
@click.option("--no-check", is_flag=True, help="Write the address as it is, without fetching it.")
@common_options
@pass_app
def add(
    app: AppContext,
    url: str,
    name: str | None,
    outlet: str | None,
    lang: str | None,
    country: str | None,
    tier: int | None,
    fetch: str | None,
    take_all: bool,
    no_check: bool,
) -> None:
    """Find the feed of URL (a feed, a page or a site) and add it to feeds.toml."""
    path = _list_path(app)
    address = url if "://" in url or _looks_like_path(url) else f"https://{url}"
    if not address.lower().startswith("feed:"):
        problem = url_problem(address)
        if problem:
            raise UsageError(problem.replace("`url` ", ""))
    known = load_feeds(path) if path.exists() else ()
    if no_check:
        found = [FeedConfig(url=address, name=default_name(address), outlet=host_name(address))]
    else:
        try:
            offers = asyncio.run(_discover(app, address))
        except FetchError as error:
            if error.outcome == "forbidden_address":
                raise UsageError(str(error)) from error
            raise
        if not offers:
            app.say(f"no feed found at {address}")
            sys.exit(1)
        found = [_config_of(offer) for offer in offers]
        if len(found) > 1 and not take_all:
            app.say(f"{len(found)} feeds found; the first is taken (--all takes all):")
            for offer in offers:
                app.say(f"  {offer.url}  {offer.title}  {offer.entries} items, {offer.how}")
            found = found[:1]
    urls = {feed.url for feed in known}
    fresh = [feed for feed in found if feed.url not in urls]
    if not fresh:
        raise UsageError(f"{found[0].url} stands already in {path}")
    if name and len(fresh) > 1:
        raise UsageError("--name names one feed, but several were found: leave out --all")
    taken = {feed.name for feed in known}
    if name and name in taken:
        raise UsageError(f"the name {name!r} is taken in {path}: choose another with --name")
    from extractors.opml import unique_names

    fresh = [
        replace(
            feed,
            name=name or feed.name,
            outlet=outlet or feed.outlet,
            lang=lang or feed.lang,
            country=country.upper() if country else feed.country,
            tier=tier if tier is not None else feed.tier,
            fetch=fetch or feed.fetch,
        )
        for feed in fresh
    ]
    added = unique_names(fresh, taken)
    _write_list(path, append_feeds(_text(path), added))
    if app.as_json:
        app.emit_json([asdict(feed) for feed in added])
        return
    for feed in added:
        click.echo(f"added {feed.name}: {feed.url}")


@feeds.command("remove", epilog=example("presswatch feeds remove yonhap-en"))
@click.argument("names", nargs=-1, required=True)
@common_options
@pass_app
def remove(app: AppContext, names: tuple[str, ...]) -> None:
    """Cut feeds out of feeds.toml. What was stored of them stays."""
    path = _list_path(app)
    load_feeds(path)
    text = _text(path)
    for name in names:
        text = remove_feed(text, name)
    _write_list(path, text)
    for name in names:
        click.echo(f"removed {name}")


@feeds.command("import", epilog=example("presswatch feeds import subscriptions.opml"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common_options
@pass_app
def import_feeds(app: AppContext, file: Path) -> None:
    """Add the feeds of an OPML file to feeds.toml; those it has already are left out."""
    from extractors.opml import MAX_BYTES, parse_opml, unique_names

    path = _list_path(app)
    with file.open("rb") as opened:
        offered, complaints = parse_opml(opened.read(MAX_BYTES + 1), str(file))
    known = load_feeds(path) if path.exists() else ()
    urls = {feed.url for feed in known}
    fresh = unique_names(
        (feed for feed in offered if feed.url not in urls), {feed.name for feed in known}
    )
    if fresh:
        _write_list(path, append_feeds(_text(path), fresh))
    for complaint in complaints:
        app.say(complaint)
    if app.as_json:
        app.emit_json([asdict(feed) for feed in fresh])
        return
    click.echo(f"added {len(fresh)} feeds, {len(offered) - len(fresh)} were there already")


@feeds.command("export", epilog=example("presswatch feeds export --out feeds.opml"))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@common_options
@pass_app
def export(app: AppContext, out: Path | None) -> None:
    """Write the list of feeds as OPML, to standard output or a file."""
    from extractors.opml import render_opml

    configs = load_feeds(_list_path(app))
    text = render_opml(configs, datetime.now(UTC))
    if out is None:
        sys.stdout.write(text)
        return
    out.write_text(text, "utf-8")
    app.say(f"wrote {len(configs)} feeds to {out}")


def _list_path(app: AppContext) -> Path:
    return app.settings.path(app.settings.feeds)


def _text(path: Path) -> str:
    return path.read_text("utf-8-sig") if path.exists() else _HEADER


def _write_list(path: Path, text: str) -> None:
    """Replace the list of feeds atomically, after reading back what would be written."""
    parse_feeds(text, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    if path.exists():
        part.chmod(path.stat().st_mode & 0o777)
    part.replace(path)


def _looks_like_path(text: str) -> bool:
    return text.startswith(("/", "./", "../", "~", "file:", "feed:")) or Path(text).exists()


def _config_of(found: FoundFeed) -> FeedConfig:
    return FeedConfig(
        url=found.url, name=default_name(found.url), outlet=found.title or host_name(found.url)
    )


def _chosen(app: AppContext, names: Sequence[str]) -> list[FeedConfig]:
    addresses = [name for name in names if "://" in name or _looks_like_path(name)]
    for address in addresses:
        problem = url_problem(address)
        if problem:
            raise UsageError(problem.replace("`url` ", ""))
    chosen = [
        FeedConfig(url=address, name=default_name(address), outlet=host_name(address))
        for address in addresses
    ]
    wanted = [name for name in names if name not in addresses]
    if names and not wanted:
        return chosen
    known = load_feeds(_list_path(app))
    if not names:
        return [feed for feed in known if feed.enabled]
    by_name = {feed.name: feed for feed in known}
    for name in wanted:
        if name not in by_name:
            import difflib

            close = difflib.get_close_matches(name, by_name, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"{_list_path(app)}: no feed has the name {name!r}{hint}")
        chosen.append(by_name[name])
    return chosen


async def _check_all(
    app: AppContext, configs: Sequence[FeedConfig], *, pages: bool
) -> list[FeedCheck]:
    from extractors.feed_check import check_feed
    from extractors.feed_parser import SafeParser
    from extractors.fetch import Fetcher
    from extractors.robots import RobotsCache
    from flows.fetching import address_guard, fetch_settings

    done = 0
    robots = RobotsCache() if app.settings.respect_robots else None

    async def one(config: FeedConfig) -> FeedCheck:
        nonlocal done
        result = await check_feed(config, fetcher, parser, robots, pages=pages)
        done += 1
        app.say(f"{done}/{len(configs)} {result.feed}: {result.message or result.verdict}")
        return result

    async with Fetcher(fetch_settings(app.settings), address_guard(app.settings)) as fetcher:
        with SafeParser() as parser:
            return list(await asyncio.gather(*(one(config) for config in configs)))


async def _discover(app: AppContext, url: str) -> list[FoundFeed]:
    from extractors.discovery import discover_feeds
    from extractors.feed_parser import SafeParser
    from extractors.fetch import Fetcher
    from flows.fetching import address_guard, fetch_settings

    async with Fetcher(fetch_settings(app.settings), address_guard(app.settings)) as fetcher:
        with SafeParser(workers=1) as parser:
            return await discover_feeds(
                url, fetcher, parser, on_try=lambda address: app.say(f"looking at {address}")
            )


def _rows(app: AppContext) -> list[dict[str, Any]]:
    """Return the feeds of the database, and those of feeds.toml that were never polled."""
    from storage.feeds import feed_rows

    rows: list[dict[str, Any]] = []
    if app.store.path.exists() or app.store.main.exists():
        with app.store.read() as con:
            rows = feed_rows(con)
    path = _list_path(app)
    configs = load_feeds(path) if path.exists() else ()
    seen = {row["feed"] for row in rows}
    for config in configs:
        if config.name not in seen:
            rows.append(
                {
                    "feed": config.name,
                    "outlet": config.outlet,
                    "state": "NEW",
                    "state_reason": "not polled yet",
                    "url": config.url,
                    "lang": config.lang,
                    "country": config.country,
                    "tier": config.tier,
                    "active": config.enabled,
                    "kind": None,
                    "items": None,
                    "interval_s": None,
                    "usual_gap_s": None,
                    "last_ok": None,
                    "newest_item_at": None,
                    "next_poll_at": None,
                    "failures": 0.0,
                    "last_error": None,
                }
            )
    return [row for row in rows if row["active"]]


def _ago(moment: datetime | None, now: datetime) -> str:
    from extractors.health import words

    return f"{words(now - moment)} ago" if moment is not None else ""


def _ahead(moment: datetime | None, now: datetime) -> str:
    from extractors.health import words

    if moment is None:
        return ""
    return f"in {words(moment - now)}" if moment > now + timedelta(seconds=1) else "due"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print columns; the last one is as long as it is."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)

    widths = [max(width(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [text + " " * (widths[n] - width(text)) for n, text in enumerate(row[:-1])]
        click.echo("  ".join([*cells, row[-1]]).rstrip())
