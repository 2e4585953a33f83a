"""Documents become articles; JSON in and out keeps design.md §3."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from extractors.documents import article_to_json, document_from_json, process_document
from extractors.errors import ParseError
from extractors.models import BlockKind, RawDocument, Status

SENTENCE = "The harbour board agreed on Tuesday to dredge the northern channel before winter. "
PAGE = (
    "<html><head><title>Harbour board to dredge channel</title></head><body><article>"
    "<h1>Harbour board to dredge channel</h1>"
    + "".join(f"<p>{SENTENCE * 3}{n}.</p>" for n in range(5))
    + "</article></body></html>"
)

AGREED_KEYS = "id title text language published author provenance blocks topics error"


def of_text(text: str) -> RawDocument:
    return RawDocument(doc_id="t", text=text)


def test_blocks_of_a_text_are_its_lines_in_their_order() -> None:
    lines = [SENTENCE.strip(), f"  {SENTENCE}Second.  ", f"{SENTENCE}Third."]
    article = process_document(of_text("\n\n".join(lines)))
    assert [b.text for b in article.blocks] == [line.strip() for line in lines]


def test_a_short_first_line_that_is_no_sentence_is_the_title_of_a_text() -> None:
    headline = "Harbour board to dredge northern channel"
    assert process_document(of_text(f"{headline}\n{SENTENCE * 3}")).title == headline


@pytest.mark.parametrize("first", [SENTENCE.strip(), "x", "A" * 300])
def test_a_first_line_that_is_no_headline_gives_no_title(first: str) -> None:
    assert process_document(of_text(f"{first}\n{SENTENCE * 5}")).title is None


def test_the_headline_repeated_as_a_line_is_kept_as_boilerplate_with_a_reason() -> None:
    html = PAGE.replace("<article>", "<article><p>Harbour board to dredge channel</p>")
    article = process_document(RawDocument(doc_id="p", html=html))
    repeated = [b for b in article.blocks if b.text == "Harbour board to dredge channel"]
    assert all(b.kind is BlockKind.BOILERPLATE and b.reason for b in repeated)
    assert "Harbour board to dredge channel" not in article.body


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", Status.EMPTY),
        (b"   \n", Status.EMPTY),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), Status.NOT_HTML),
        (b"%PDF-1.7 text", Status.NOT_HTML),
        (bytes(range(256)) * 40, Status.NOT_HTML),
        (b'<?xml version="1.0"?><rss><channel><title>x</title></channel></rss>', Status.NOT_HTML),
    ],
)
def test_what_is_no_page_is_named(content: bytes, status: Status) -> None:
    article = process_document(RawDocument(doc_id="x", html=content))
    assert article.status is status
    assert article.error


def test_plain_text_served_as_a_page_is_read_as_text() -> None:
    article = process_document(RawDocument(doc_id="x", html=(SENTENCE * 4).encode()))
    assert (article.status, article.method) == (Status.OK, "text")


def test_a_feeds_text_is_used_when_there_is_no_page() -> None:
    article = process_document(RawDocument(doc_id="x", title="T", feed_content=SENTENCE * 4))
    assert (article.status, article.title) == (Status.FEED_CONTENT, "T")
    assert article.body.startswith("The harbour board")


def test_the_title_of_the_feed_wins_over_a_page_that_shows_another() -> None:
    article = process_document(
        RawDocument(doc_id="x", html=PAGE, title="Harbour board to dredge channel - The Gazette")
    )
    assert article.title == "Harbour board to dredge channel"


def test_feed_and_page_that_nearly_agree_give_the_feeds_finer_time() -> None:
    stated = datetime(2026, 1, 20, 3, 4, 5, tzinfo=UTC)
    html = PAGE.replace("<head>", '<head><meta name="date" content="2026-01-20">')
    article = process_document(RawDocument(doc_id="x", html=html, published_at=stated))
    assert article.published_at == stated


def test_an_old_page_that_a_feed_dates_anew_keeps_its_old_date() -> None:
    html = PAGE.replace("<head>", '<head><meta name="date" content="2025-03-01T10:00:00Z">')
    article = process_document(
        RawDocument(doc_id="x", html=html, published_at=datetime(2026, 1, 20, tzinfo=UTC))
    )
    assert article.published_at == datetime(2025, 3, 1, 10, tzinfo=UTC)


def test_output_has_the_agreed_keys_and_the_offset_of_the_page() -> None:
    seoul = timezone(timedelta(hours=9))
    doc = RawDocument(doc_id="x", html=PAGE, published_at=datetime(2026, 1, 20, 6, tzinfo=seoul))
    value = article_to_json(process_document(doc))
    agreed = AGREED_KEYS.split()
    assert list(value)[: len(agreed)] == agreed
    assert value["published"] == "2026-01-20T06:00:00+09:00"
    assert set(value["blocks"][0]) >= {"text", "kind", "reason", "lang"}
    json.dumps(value)


# ---------------------------------------------------------------- JSON in


def test_a_page_file_is_read_beside_the_jsonl_and_unpacked(tmp_path: Path) -> None:
    (tmp_path / "page.html.gz").write_bytes(gzip.compress(b"<p>x</p>"))
    doc = document_from_json({"id": "a", "html_path": "page.html.gz"}, tmp_path)
    assert doc.html == b"<p>x</p>"


def test_a_page_file_that_unpacks_without_end_is_cut(tmp_path: Path) -> None:
    (tmp_path / "bomb.html.gz").write_bytes(gzip.compress(b"<p>harbour </p>" * 4_000_000))
    doc = document_from_json({"id": "a", "html_path": "bomb.html.gz"}, tmp_path)
    assert len(doc.html or "") == 20_000_000


def test_optional_keys_land_in_the_document_and_others_in_its_metadata(tmp_path: Path) -> None:
    doc = document_from_json(
        {
            "id": "a",
            "text": "x",
            "url": "https://a.example/1",
            "source": "The Gazette",
            "lang": "en",
            "country": "KR",
            "published": "2026-01-20T06:00:00+09:00",
            "cluster": 7,
        },
        tmp_path,
    )
    assert (doc.outlet, doc.lang_hint, doc.country) == ("The Gazette", "en", "KR")
    assert doc.published_at == datetime(2026, 1, 19, 21, tzinfo=UTC)
    assert doc.metadata == {"cluster": 7}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1], "a JSON object, not a list"),
        ({"text": "x"}, "`id`"),
        ({"id": True, "text": "x"}, "`id`"),
        ({"id": "a"}, "exactly one of"),
        ({"id": "a", "text": "x", "html": "y"}, "found text and html"),
        ({"id": "a", "text": 5}, "`text` must be a string"),
        ({"id": "a", "text": "x", "published": "soon"}, "`published`"),
        ({"id": "a", "html_path": "missing.html"}, "cannot be read"),
        ({"id": "a", "html_path": "bad\0name"}, "not a file name"),
    ],
)
def test_what_is_wrong_is_one_sentence(value: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(ParseError) as caught:
        document_from_json(value, tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "."])
def test_only_ordinary_files_are_read_as_pages(name: str, tmp_path: Path) -> None:
    """A named pipe would be waited for, for ever."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ParseError, match="not an ordinary file"):
        document_from_json({"id": "a", "html_path": name}, tmp_path)


def test_lone_surrogates_in_json_do_not_reach_the_article(tmp_path: Path) -> None:
    doc = document_from_json(json.loads('{"id": "a", "text": "har\\ud800bour board"}'), tmp_path)
    value = article_to_json(process_document(doc))
    json.dumps(value, ensure_ascii=False).encode("utf-8")
