"""Cleaning changes no text: nothing added, nothing lost, twice the same as once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from extractors.boilerplate import clean_lines
from extractors.language import article_language, tag_language
from extractors.models import BlockKind, Line
from extractors.site_memory import learn_batch, lesson_of_blocks

# Lines as pages have them, in four languages, and what may stand between them.
PARTS = [
    "The council voted on the harbour wall on Monday, and the mayor said it would hold.",
    "Fishermen who had asked for it were glad, but nobody knew how it would be paid for.",
    "시장은 방파제를 다시 짓겠다고 밝혔다. 공사는 내년 봄에 시작되어 다섯 해가 걸릴 전망이다.",
    "어민들은 반겼지만 비용을 누가 낼지는 아무도 몰랐다고 한 주민이 말했다.",
    "市長は港の壁を建て直すと述べ、工事は来年の春に始まり五年かかる見通しだと説明した。",
    "漁師たちは喜んだが、費用を誰が払うのかは誰も知らなかったと住民の一人は話す。",
    "市长说，港口的防波堤将重建，工程明年春天开始，预计需要五年时间才能完成。",
    "漁民們都很高興，但是沒有人知道費用由誰來支付，一位居民這樣告訴記者。",
    "Related articles", "関連記事", "관련기사", "相关阅读", "By Jane Roe", "한가람 기자",
    "Advertisement", "Copyright © 2026 Harbour Herald", "无断転載を禁じます",
    "무단 전재 및 재배포 금지", "(完)", "-",
    "Home", "News", "World", "Sport", "Opinion", "국제", "정치", "経済", "国际", "12",
    "2026-01-26 06:00", "date 2026-01-26 Harbour wall to be built anew",
    "Published: 26 Jan. 2026, 06:00", "「壁」", "“Yes.”",
    "Ferry sinks in harbour", "여객선 항구서 침몰", "港で船が沈む", "渡轮在港口沉没",
    "▶인터뷰 : 한가람", "This text was translated with the help of AI.", "| 1 | 2 |", "   ", "",
    "https://harbour.example",
]  # fmt: skip
texts = st.one_of(
    st.sampled_from(PARTS),
    st.lists(st.sampled_from(PARTS), min_size=2, max_size=3).map(" ".join),
    st.text(max_size=120).map(lambda t: t.replace("\n", " ")),
)
pages = st.lists(
    st.builds(Line, text=texts, link_share=st.sampled_from([0.0, 0.0, 0.0, 1.0])), max_size=24
)


def squeezed(parts: list[str]) -> str:
    return "".join("".join(part.split()) for part in parts)


@given(pages)
@settings(max_examples=250, deadline=None)
def test_no_character_is_added_lost_or_moved(page: list[Line]) -> None:
    blocks = clean_lines(page).blocks
    assert squeezed([b.text for b in blocks]) == squeezed([line.text for line in page])


@given(pages)
@settings(max_examples=250, deadline=None)
def test_no_line_is_merged_or_lost(page: list[Line]) -> None:
    blocks = list(clean_lines(page).blocks)
    for line in page:
        rest = squeezed([line.text])
        while rest:
            part = squeezed([blocks.pop(0).text])
            assert part and rest.startswith(part)
            rest = rest[len(part) :]
    assert all(not squeezed([b.text]) for b in blocks)


@given(pages)
@settings(max_examples=250, deadline=None)
def test_cleaning_what_was_cleaned_changes_nothing(page: list[Line]) -> None:
    first = clean_lines(page)
    body = [b for b in first.blocks if b.kind is BlockKind.BODY]
    again = clean_lines(
        [Line(text=b.text, link_share=b.link_share, tag=b.tag) for b in body],
        lang_hint=first.language,
    )
    assert [(b.text, b.kind) for b in again.blocks] == [(b.text, b.kind) for b in body]


@given(pages)
@settings(max_examples=100, deadline=None)
def test_every_removed_block_says_why_and_every_body_block_is_silent(page: list[Line]) -> None:
    for block in clean_lines(page).blocks:
        assert bool(block.reason and block.rule) == (block.kind is not BlockKind.BODY)
        assert block.lang


@given(st.lists(pages, min_size=2, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_any_order_of_documents_gives_the_same_answer(
    documents: list[list[Line]], random: object
) -> None:
    def cleaned(order: list[int], *, remember: bool) -> dict[int, object]:
        plain = {i: clean_lines(documents[i]) for i in order}
        if not remember:
            return {i: c.blocks for i, c in plain.items()}
        memory = learn_batch(
            lesson_of_blocks(plain[i].blocks, host="harbour.example") for i in order
        ).get("harbour.example")
        return {i: clean_lines(documents[i], memory=memory).blocks for i in order}

    there, back = list(range(len(documents))), list(reversed(range(len(documents))))
    for remember in (False, True):
        assert cleaned(there, remember=remember) == cleaned(back, remember=remember)


@given(st.text(max_size=300), st.sampled_from([None, "en", "ja", "ko", "zh-TW", "xx"]))
@settings(max_examples=300, deadline=None)
def test_tagging_never_raises_and_is_repeatable(text: str, hint: str | None) -> None:
    assert tag_language(text, hint) == tag_language(text, hint)
    assert article_language([text, text], hint) == article_language([text, text], hint)
