"""`presswatch feeds`, called as a person does, against real files and a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.feed_server import FeedServer, item, rss

from extractors.errors import PresswatchError
from extractors.feed_list import load_feeds
from flows.cli import presswatch

LIST = """\
# Mine.

# A note about the first.
[[feed]]
url = "{url}"
name = "first"   # short
"""
ARTICLE = "<html><body><p>" + "A paragraph of an article. " * 40 + "</p></body></html>"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSWATCH_ALLOW_ADDRESSES", server.address)
    monkeypatch.setenv("PRESSWATCH_HOST_DELAY_S", "0")
    (tmp_path / "feeds.toml").write_text(LIST.format(url=server.url("/rss")), "utf-8")
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(presswatch, ["feeds", *args])


def test_list_shows_feeds_that_were_never_polled(desk: Path) -> None:
    result = call("list", "--json")

    assert result.exit_code == 0
    assert [(row["feed"], row["state"]) for row in json.loads(result.stdout)] == [("first", "NEW")]
    assert not (desk / "data").exists()


def test_check_tells_status_format_items_and_readable_pages(desk: Path, server: FeedServer) -> None:
    page = server.page("/article", ARTICLE, content_type="text/html")
    server.page("/rss", rss(item(1, link=page)))

    result = call("check", "--json")

    [row] = json.loads(result.stdout)
    assert (row["status"], row["kind"], row["entries"], row["pages"]) == (
        200,
        "rss20",
        1,
        "readable",
    )


def test_check_fails_with_one_for_a_bad_feed(desk: Path, server: FeedServer) -> None:
    server.page("/rss", "<html>no</html>")

    result = call("check")

    assert result.exit_code == 1
    assert "a web page came instead of the feed" in result.stdout


def test_check_says_when_article_pages_cannot_be_read(desk: Path, server: FeedServer) -> None:
    page = server.page("/article", "no", status="403 Forbidden")
    server.page("/rss", rss(item(1, link=page)))

    [row] = json.loads(call("check", "first", "--json").stdout)

    assert row["verdict"] == "warn" and row["pages"] == "HTTP 403"


def test_add_finds_the_feed_of_a_page_and_keeps_the_rest_of_the_file(
    desk: Path, server: FeedServer
) -> None:
    feed = server.page("/found.xml", rss(item(1)))
    home = server.page(
        "/home",
        '<link rel="alternate" type="application/rss+xml" href="/found.xml">',
        content_type="text/html",
    )
    before = (desk / "feeds.toml").read_text("utf-8")

    result = call("add", home, "--tier", "2", "--lang", "ko")

    after = (desk / "feeds.toml").read_text("utf-8")
    assert result.exit_code == 0, result.output
    assert after.startswith(before)
    added = load_feeds(desk / "feeds.toml")[1]
    assert (added.url, added.outlet, added.tier, added.lang) == (feed, "A feed", 2, "ko")


def test_add_to_a_folder_without_a_list_makes_one(desk: Path) -> None:
    (desk / "feeds.toml").unlink()

    result = call("add", "https://news.example/rss", "--no-check")

    assert result.exit_code == 0
    assert load_feeds(desk / "feeds.toml")[0].url == "https://news.example/rss"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("add", "/tmp/feed.xml"), "is a file path"),
        (("add", "file:///tmp/feed.xml"), "is a file path"),
        (("add", "http://169.254.169.254/"), "is not a public address"),
        (("add", "https://news.example/rss", "--no-check", "--name", "first"), "is taken"),
        (("remove", "frist"), "did you mean 'first'"),
        (("check", "frist"), "did you mean 'first'"),
    ],
)
def test_wrong_use_is_one_line(desk: Path, args: tuple[str, ...], words: str) -> None:
    result = call(*args)

    assert isinstance(result.exception, PresswatchError)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


def test_remove_cuts_out_the_feed_with_its_note(desk: Path) -> None:
    assert call("remove", "first").exit_code == 0
    assert (desk / "feeds.toml").read_text("utf-8").strip() == "# Mine."


def test_export_and_import_give_the_same_feeds(desk: Path) -> None:
    call(
        "add",
        "https://뉴스.example/rss?a=1&b=2",
        "--no-check",
        "--outlet",
        'A "B" <C>',
        "--country",
        "kr",
        "--tier",
        "1",
        "--fetch",
        "feed",
        "--lang",
        "ko",
    )
    before = load_feeds(desk / "feeds.toml")

    assert call("export", "--out", "out.opml").exit_code == 0
    (desk / "feeds.toml").unlink()
    result = call("import", "out.opml")

    assert result.exit_code == 0, result.output
    assert load_feeds(desk / "feeds.toml") == before
    assert "2 were there already" in call("import", "out.opml").stdout
