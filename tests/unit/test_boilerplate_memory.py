"""Site memory without a store: what counts as seen elsewhere, and what never does."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from extractors.boilerplate import clean_lines
from extractors.models import BlockKind, Line
from extractors.site_memory import (
    MAX_LESSONS,
    HostMemory,
    Lesson,
    learn_batch,
    lesson_of_blocks,
)

HOST = "tidings.example"
MOTTO = "Tide and tidings since the lighthouse was lit"
PROMO = "Our little ferry timetable hangs beside the door of the harbour office all summer long."
WORDS = ("gull", "rope", "mast", "anchor", "keel", "sail", "oar", "hull", "buoy", "deck", "reef")


def story(n: int) -> list[str]:
    kind = f"{WORDS[n % 11]} {WORDS[n // 11 % 11]}"
    return [
        f"The council of Seaport voted on the {kind} rule on Monday evening, the clerk said.",
        f"Fishermen who had asked for the {kind} said that they were glad of the {kind} result.",
        f"Nobody knew how the {kind} would be paid for before the {kind} season was over.",
        f"A second reading of the {kind} bill is planned for the week after the {kind} fair.",
    ]


def learned(pages: Sequence[Sequence[str]]) -> HostMemory | None:
    lessons = []
    for page in pages:
        blocks = clean_lines([Line(text=t) for t in page]).blocks
        lessons.append(lesson_of_blocks(blocks, host=HOST))
    return learn_batch(lessons).get(HOST)


def taken(page: Sequence[str], memory: HostMemory | None) -> list[str]:
    blocks = clean_lines([Line(text=t) for t in page], memory=memory).blocks
    assert [b.text for b in blocks] == list(page)
    return [b.text for b in blocks if b.kind is not BlockKind.BODY]


def test_a_page_teaches_others_and_never_itself() -> None:
    pages = [[*story(n), PROMO] for n in range(3)]
    memory = learned(pages)
    assert [taken(page, memory) for page in pages] == [[PROMO]] * 3
    assert taken(pages[0], learned(pages[:1])) == []
    assert taken(pages[0], learned(pages[:2])) == []


def test_copies_of_a_page_are_one_lesson() -> None:
    memory = learned([[*story(1), PROMO]] * 20)
    assert memory is not None
    assert len(memory) == 1


def test_versions_of_a_story_do_not_teach_it() -> None:
    versions = [[*story(5)[:3], f"Update {'x' * n}: the clerk added a word in the evening."]
                for n in range(1, 8)]  # fmt: skip
    memory = learned(versions)
    assert [taken(page, memory) for page in versions] == [[]] * 7


def test_a_blurb_of_another_article_does_not_take_that_articles_opening() -> None:
    lead = story(9)[0]
    pages = [[*story(n), "Related articles", "The council votes", lead] for n in range(4)]
    memory = learned(pages)
    assert taken(story(9), memory) == []


def test_a_background_sentence_inside_the_text_needs_more_witnesses() -> None:
    background = "The harbour wall was built in 1931, after a storm had taken the old pier away."
    pages = [[*story(n)[:2], background, *story(n)[2:]] for n in range(3)]
    assert taken(pages[0], learned(pages)) == []
    many = [[*story(n)[:2], background, *story(n)[2:]] for n in range(8)]
    assert taken(many[0], learned(many)) == [background]


def test_teasers_shared_with_one_other_page_go_with_their_headlines() -> None:
    teasers = []
    for word in ("Whale", "Choir", "Bakery"):
        teasers += [
            f"{word} makes the front page",
            f"The {word.lower()} that everybody talks about was seen by the quay again on Friday.",
        ]
    pages = [[*story(n), *teasers] for n in (1, 2)]
    memory = learned(pages)
    assert taken(pages[0], memory) == teasers


def test_the_title_is_never_taken() -> None:
    pages = [[MOTTO, *story(n)] for n in range(5)]
    memory = learned(pages)
    blocks = clean_lines([Line(text=t) for t in pages[0]], title=MOTTO, memory=memory).blocks
    assert "memory:host" not in [b.rule for b in blocks]


def test_memory_takes_most_of_a_page_only_when_many_stories_vouch_for_it() -> None:
    furniture = [f"{PROMO[:-1]} {word}." for word in WORDS[:5]]
    few = [[*story(n)[:2], *furniture] for n in range(4)]
    many = [[*story(n)[:2], *furniture] for n in range(6)]
    assert taken(few[0], learned(few)) == []
    assert taken(many[0], learned(many)) == furniture


def test_memory_never_takes_all_of_a_page() -> None:
    furniture = [f"{PROMO[:-1]} {word}." for word in WORDS[:5]]
    memory = learned([[*story(n), *furniture] for n in range(8)])
    assert taken(furniture, memory) == []


def test_sentences_of_a_template_differ_by_their_figures() -> None:
    pages = [
        [
            f"{n}日午前{n % 11}時{n + 2}分ごろ、地震がありました。",
            f"震源地は{word}の沖で、震源の深さは約{n}0キロと推定され、津波の心配はないとのことです。",
            f"{word}の港では漁師たちが船を沖に出して、波の様子を夜まで見守っていたとのことです。",
            f"この地震で、{word}市では最大震度{n % 5}を観測し、市の職員が夜も見回りを続けました。",
        ]
        for n, word in enumerate(WORDS, 1)
    ]  # fmt: skip
    memory = learned([[*page, MOTTO] for page in pages])
    assert [taken([*page, MOTTO], memory) for page in pages] == [[MOTTO]] * len(pages)


def test_the_order_of_documents_does_not_matter_and_memory_is_bounded() -> None:
    pages = [[*story(n), MOTTO] for n in range(MAX_LESSONS + 20)]
    there, back = learned(pages), learned(list(reversed(pages)))
    assert there is not None and back is not None
    assert len(there) == MAX_LESSONS
    assert there.lessons == back.lessons


def test_documents_without_a_host_or_a_sentence_teach_nothing() -> None:
    assert lesson_of_blocks(clean_lines([Line(text="Home")]).blocks, host=HOST) is None
    assert learn_batch([None, None]) == {}
    assert HostMemory(HOST, []).about(["a"]) is None


def test_memory_travels_to_worker_processes() -> None:
    pages = [[*story(n), PROMO] for n in range(3)]
    memory = learned(pages)
    again = pickle.loads(pickle.dumps(memory))
    assert taken(pages[1], again) == [PROMO]


def test_a_lesson_keeps_order_and_kinds_but_no_text() -> None:
    blocks = clean_lines([Line(text=t) for t in [*story(1), "Advertisement"]]).blocks
    lesson = lesson_of_blocks(blocks, host=HOST, story=7)
    assert isinstance(lesson, Lesson)
    assert (lesson.story, lesson.kinds) == (7, "ppppr")
    assert lesson.opening() == frozenset(lesson.keys[:2])


NOTICE = "Summaries above our articles are made by a machine and may differ from the text below."


def test_a_notice_above_every_article_makes_no_versions_of_them() -> None:
    pages = [[NOTICE, *story(n)] for n in range(3)]
    memory = learned(pages)
    assert [taken(page, memory) for page in pages] == [[NOTICE]] * 3


def test_a_standing_phrase_of_a_subject_stays_where_it_stands_alone() -> None:
    phrase = "The government protested by way of its embassy in the strongest terms on that day."
    pages = [[*story(n), *([phrase] if n < 3 else [])] for n in range(9)]
    memory = learned(pages)
    assert [taken(page, memory) for page in pages] == [[]] * 9


def test_a_sentence_behind_a_label_of_the_site_needs_one_other_story() -> None:
    pages = [[*story(n), MOTTO, PROMO] for n in range(2)]
    memory = learned(pages)
    assert [taken(page, memory) for page in pages] == [[MOTTO, PROMO]] * 2


def test_a_box_inside_the_text_is_known_from_one_other_story() -> None:
    box = ["Tidings by post", "Where shall we send them", PROMO, "behind the box"]
    pages = [[*story(n)[:2], *box, *story(n)[2:]] for n in range(2)]
    memory = learned(pages)
    assert [taken(page, memory) for page in pages] == [box] * 2


def test_paragraphs_that_two_stories_share_are_no_box() -> None:
    shared = [f"{PROMO[:-1]} {word}." for word in WORDS[:3]]
    pages = [[*story(n)[:2], *shared, *story(n)[2:]] for n in range(2)]
    memory = learned(pages)
    assert [taken(page, memory) for page in pages] == [[]] * 2
