"""The demo's news site over real HTTP on loopback."""

from __future__ import annotations

import gzip
import http.client
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest

from flows.demo_site import DemoSite

NOW = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite(now=NOW, slow_s=0.0) as running:
        yield running


def get(
    url: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[http.client.HTTPResponse, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def feed_url(site: DemoSite, name: str) -> str:
    return next(str(row["url"]) for row in site.feeds() if row["name"] == name)


def test_each_outlet_is_a_host_of_its_own_and_on_the_allow_list(site: DemoSite) -> None:
    hosts = [urlsplit(site.base_url(o)).netloc for o in site.outlets]
    assert len(set(hosts)) == len(hosts) == 12
    assert site.address.split(",") == hosts
    assert all(host.startswith("127.0.") for host in hosts)


def test_feed_rows_have_the_shape_of_the_feeds_file(site: DemoSite) -> None:
    rows = site.feeds()
    assert len({row["name"] for row in rows}) == len(rows) == 16
    for row in rows:
        assert set(row) == {"url", "name", "outlet", "lang", "country", "tier", "fetch"}
        assert row["fetch"] in ("page", "feed") and 1 <= row["tier"] <= 4


def test_every_page_is_served_in_the_charset_that_its_outlet_uses(site: DemoSite) -> None:
    expected = site.expected()["charsets"]
    for outlet in site.outlets:
        if outlet == "strait":
            continue
        article = next(a for a in site.articles(outlet) if a.kind == "article")
        response, body = get(site.article_url(article.id))
        said = expected.get(outlet, {"bytes": "utf-8", "header": "utf-8"})
        header = response.headers["Content-Type"]
        assert response.status == 200
        assert header == "text/html" + (f"; charset={said['header']}" if said["header"] else "")
        assert article.title in unescape(body.decode(said["bytes"]))


def test_the_conditional_feed_answers_304_only_to_both_validators_verbatim(
    site: DemoSite,
) -> None:
    url = feed_url(site, "lanyang-all")
    first, body = get(url)
    sent = {
        "If-None-Match": first.headers["ETag"],
        "If-Modified-Since": first.headers["Last-Modified"],
    }
    again, nothing = get(url, sent)
    assert (first.status, again.status, nothing) == (200, 304, b"")
    assert len(body) > 1000
    stripped, _ = get(url, {**sent, "If-None-Match": sent["If-None-Match"].removeprefix("W/")})
    assert stripped.status == 200
    assert [r.status for r in site.requests] == [200, 304, 200]
    assert site.requests[1].validators == tuple(sent.values())


def test_a_page_asked_for_with_a_feeds_validators_answers_304(site: DemoSite) -> None:
    feed, _ = get(feed_url(site, "lanyang-all"))
    page = site.article_url("lanyang-rail")
    answered, _ = get(page, {"If-Modified-Since": feed.headers["Last-Modified"]})
    plain, _ = get(page)
    assert (answered.status, plain.status) == (304, 200)


def test_the_troubled_feeds_are_in_the_trouble_that_they_are_said_to_be(site: DemoSite) -> None:
    cut, body = get(feed_url(site, "oldtown-local"))
    assert cut.status == 200 and cut.headers["ETag"]
    assert body.count(b"</item>") == 2 and b"</rss>" not in body
    html, page = get(feed_url(site, "capital-markets"))
    assert html.status == 200 and page.startswith(b"<!doctype html>")
    busy, _ = get(feed_url(site, "namdo-sports"))
    assert (busy.status, busy.headers["Retry-After"]) == (503, "600")
    gone, _ = get(feed_url(site, "minato-old"))
    assert gone.status == 404


def test_a_moved_feed_redirects_within_its_own_host(site: DemoSite) -> None:
    moved, _ = get(feed_url(site, "oldtown-all"))
    assert moved.status == 301
    target = moved.headers["Location"]
    assert urlsplit(target).netloc == urlsplit(site.base_url("oldtown")).netloc
    assert get(target)[1].count(b"<item>") == 6


def test_links_of_the_feeds_lead_to_pages_whatever_parameters_they_carry(site: DemoSite) -> None:
    _, feed = get(feed_url(site, "hangang-all"))
    link = feed.decode().split("<item>")[1].split("<link>")[1].split("</link>")[0]
    link = link.replace("&amp;", "&")
    assert "utm_source=rss" in link and "idxno=" in link
    assert get(link)[0].status == 200
    _, relative = get(feed_url(site, "capital-all"))
    assert b"<link>/articles/" in relative and b"<guid" not in relative
    other = site.base_url("hangang") + "/news/view.html?idxno=99999&utm_source=rss"
    assert get(other)[0].status == 404


def test_pages_of_the_feed_only_outlet_are_forbidden_and_its_feed_holds_the_text(
    site: DemoSite,
) -> None:
    assert get(site.article_url("strait-ferries"))[0].status == 403
    _, feed = get(feed_url(site, "strait-all"))
    assert "took out the slot machines" in feed.decode()


def test_a_page_is_compressed_for_those_who_accept_it(site: DemoSite) -> None:
    url = site.article_url("harbor-oysters")
    packed, body = get(url, {"Accept-Encoding": "gzip"})
    plain, text = get(url)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(body) == text


def test_head_sends_the_headers_of_get_and_no_body(site: DemoSite) -> None:
    url = site.article_url("oldtown-bridge")
    head, nothing = get(url, method="HEAD")
    full, body = get(url)
    assert nothing == b""
    assert head.headers["Content-Length"] == full.headers["Content-Length"] == str(len(body))


def test_advancing_adds_articles_corrects_one_and_leaves_the_quiet_feed_alone(
    site: DemoSite,
) -> None:
    quiet, _ = get(feed_url(site, "lanyang-all"))
    before = get(site.article_url("harbor-aukus"))[1].decode()
    old = {a.id for a in site.articles()}
    site.advance(NOW + timedelta(hours=2))
    new = {a.id for a in site.articles()}
    after = get(site.article_url("harbor-aukus"))[1].decode()
    assert (site.state, new - old) == (2, set(site.expected()["second"]["new"]))
    assert "crew of 134" in before and "crew of 138" in after
    assert get(site.article_url("namdo-opcon"))[0].status == 200
    again, _ = get(
        feed_url(site, "lanyang-all"),
        {
            "If-None-Match": quiet.headers["ETag"],
            "If-Modified-Since": quiet.headers["Last-Modified"],
        },
    )
    assert again.status == 304


def test_new_articles_are_not_served_before_the_site_advances(site: DemoSite) -> None:
    with pytest.raises(KeyError):
        site.article_url("namdo-opcon")


def test_the_same_moment_gives_the_same_bytes(site: DemoSite) -> None:
    with DemoSite(now=NOW, slow_s=0.0) as other:
        assert other.address != site.address  # two sites at once
        here = [(a.id, a.published_at, a.lines) for a in site.articles()]
        there = [(a.id, a.published_at, a.lines) for a in other.articles()]
    assert here == there


def test_the_ports_are_free_after_closing() -> None:
    site = DemoSite(now=NOW)
    site.start()
    ip, port = site.address.split(",")[0].split(":")
    site.close()
    site.close()
    with socket.socket() as probe:
        assert probe.connect_ex((ip, int(port))) != 0


def test_closing_does_not_wait_for_a_slow_answer_or_an_idle_client() -> None:
    site = DemoSite(now=NOW, slow_s=3600.0)
    site.start()
    parts = urlsplit(feed_url(site, "prism-all"))
    assert parts.hostname is not None
    slow = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    slow.request("GET", parts.path)
    site.close()  # the test would hang here, and be killed, if it waited
    slow.close()
    assert site.address == ""


def test_robots_txt_allows_articles(site: DemoSite) -> None:
    response, body = get(site.base_url("hanbit") + "/robots.txt")
    assert response.status == 200
    assert b"Disallow: /search" in body


def test_one_address_is_enough_where_loopback_has_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows import demo_server

    real = demo_server.LoopbackServer.server_bind

    def only_the_first(self: demo_server.LoopbackServer) -> None:
        if self.server_address[0] != "127.0.0.1":
            raise OSError(49, "Can't assign requested address")
        real(self)

    monkeypatch.setattr(demo_server.LoopbackServer, "server_bind", only_the_first)
    with DemoSite(now=NOW, slow_s=0.0) as site:
        hosts = site.address.split(",")
        assert len(set(hosts)) == 12
        assert all(host.startswith("127.0.0.1:") for host in hosts)
        assert get(site.article_url("hanbit-exports"))[0].status == 200
