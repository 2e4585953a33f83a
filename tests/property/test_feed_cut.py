"""Cutting seen items out gives exactly the full parse minus those items, or nothing is cut."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.errors import ParseError
from extractors.feed_cut import cut_seen, pack, unpack
from extractors.feeds import parse_feed

NOW = datetime(2026, 11, 22, tzinfo=UTC)

words = st.text(alphabet="abc 한국日本&;'\"=-", max_size=12)
# Pieces that make cutting dangerous: CDATA and comments with tags inside, nesting, other names.
pieces = st.sampled_from(
    [
        "<![CDATA[<item>x</item>]]>",
        "<!-- <item> -->",
        "<!-- </item> -->",
        "<![CDATA[",
        "]]>",
        "-->",
        "<!--",
        "<item>",
        "</item>",
        "<item/>",
        "<items></items>",
        "<b>x</b>",
        "&lt;item&gt;",
        "",
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    atom = draw(st.booleans())
    tag = "entry" if atom else "item"
    items = []
    for n in range(draw(st.integers(0, 6))):
        link = (
            f'<link href="http://x.example/{n}"/>' if atom else f"<link>http://x.example/{n}</link>"
        )
        ident = f"<id>{n}</id>" if atom else f"<guid>{n}</guid>"
        title = draw(words).replace("&", "&amp;").replace("<", "")
        body = draw(pieces) if draw(st.integers(0, 4)) == 0 else ""
        items.append(f"<{tag}>{ident}{link}<title>{title}</title><x>{body}</x></{tag}>")
    between = draw(st.sampled_from(["", "\n  ", "<!-- note -->"]))
    head = draw(st.sampled_from(["<title>t</title>", "<!-- c -->", "<![CDATA[y]]>", "<!--"]))
    if atom:
        text = f'<feed xmlns="http://www.w3.org/2005/Atom">{head}{between.join(items)}</feed>'
    else:
        text = f'<rss version="2.0"><channel>{head}{between.join(items)}</channel></rss>'
    return text, items


def entries(text: bytes) -> dict[str, object]:
    try:
        parsed = parse_feed(text, None, "http://x.example/rss", "f", now=NOW)
    except ParseError:
        return {}
    return {entry.guid: entry for entry in parsed.entries}


@settings(max_examples=150, deadline=None)
@given(documents(), st.data())
def test_a_cut_document_gives_the_same_entries_for_what_is_left(
    document: tuple[str, list[str]], data: st.DataObject
) -> None:
    text = document[0].encode()
    whole = cut_seen(text, ())
    if not whole.hashes:
        assert cut_seen(text, {1, 2, 3}).content == text
        return
    seen = set(data.draw(st.lists(st.sampled_from(whole.hashes), unique=True)))

    cut = cut_seen(text, seen)
    before, after = entries(text), entries(cut.content)

    assert cut.hashes == whole.hashes
    assert cut.kept + cut.dropped == len(cut.hashes)
    assert all(before.get(guid) == entry for guid, entry in after.items())
    distinct = len(set(whole.hashes)) == len(whole.hashes)
    if distinct and len(before) == len(whole.hashes):
        assert len(after) == cut.kept


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_can_be_cut_without_an_error(data: bytes, wrapped: bool) -> None:
    text = b"<rss><item>" + data + b"</item></rss>" if wrapped else data

    cut = cut_seen(text, cut_seen(text, ()).hashes)

    assert cut.kept == 0
    assert len(cut.content) <= len(text)


def test_an_unchanged_item_is_cut_whatever_its_place() -> None:
    a, b, c = (f"<item><guid>{n}</guid><title>{n}</title></item>" for n in "abc")
    first = cut_seen(f"<rss><channel>{a}{b}</channel></rss>".encode(), ())
    second = cut_seen(f"<rss><channel>{c}{a}{b}</channel></rss>".encode(), first.hashes)

    assert second.content == f"<rss><channel>{c}</channel></rss>".encode()
    assert (second.kept, second.dropped) == (1, 2)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_hashes_survive_packing(hashes: list[int]) -> None:
    assert unpack(pack(hashes)) == tuple(hashes)
