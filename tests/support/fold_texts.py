"""Texts made for folding tests: random but repeatable articles, and the ways they are re-used."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from extractors.sketch import make_sketch
from storage.folding import FoldInput

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_SYLLABLES = [first + vowel for first in "bdfgklmnprstv" for vowel in "aeiou"]
_HANGUL = "가나다라마바사아자차카타파하고노도로모보소오조초코토포호구누두루무부수우주추"
_KANJI = "山川田中村上下木林森石水火土金空海風雨雪花鳥月星光音色心手足目口耳道町市国"
_KANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろ"


def article(seed: int, language: str = "en", sentences: int = 14) -> str:
    """An article of so many sentences, one paragraph each; the same for the same arguments."""
    rng = random.Random(f"{seed}/{language}")
    return "\n".join(_sentence(rng, language) for _ in range(sentences))


def _sentence(rng: random.Random, language: str) -> str:
    if language == "ja":
        return "".join(rng.choice(_KANJI) + rng.choice(_KANA) for _ in range(18)) + "。"
    if language == "zh":
        return "".join(rng.choice(_KANJI) for _ in range(30)) + "。"
    if language == "ko":
        words = ["".join(rng.choice(_HANGUL) for _ in range(rng.randint(2, 4))) for _ in range(12)]
        return " ".join(words) + "다."
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3))) for _ in range(14)]
    return " ".join(words).capitalize() + "."


def edited(text: str, share: float, seed: int = 1) -> str:
    """The text with a share of its words (or characters, in one-word lines) replaced."""
    rng = random.Random(seed)
    out = []
    for line in text.split("\n"):
        parts = line.split(" ") if " " in line else list(line)
        glue = " " if " " in line else ""
        out.append(glue.join(_other(rng, glue) if rng.random() < share else part for part in parts))
    return "\n".join(out)


def _other(rng: random.Random, glue: str) -> str:
    return "".join(rng.choices("qxzjvw", k=5)) if glue else rng.choice("龍鳳龜鶴麒麟鷹獅")


def market_wrap(day: int) -> str:
    """A daily template: the same words, other figures."""
    rng = random.Random(day)
    index, change = rng.uniform(2000, 4000), rng.uniform(1, 60)
    return (
        f"SEOUL, March {day} -- Shares closed {'higher' if day % 2 else 'lower'} as investors "
        "weighed the path of interest rates and the outlook for exports of semiconductors.\n"
        f"The benchmark index moved {change:.2f} points, or {change / index:.2%}, to end at "
        f"{index:.2f} after a choppy session.\n"
        f"Trade volume came to {rng.randint(300, 900)} million shares worth {rng.randint(5, 19)}.4 "
        f"trillion won, with winners outnumbering losers {rng.randint(300, 600)} to "
        f"{rng.randint(200, 500)}.\n"
        f"Foreigners bought a net {rng.randint(20, 900)} billion won of local shares, while "
        f"institutions sold {rng.randint(20, 900)} billion won.\n"
        "Tech shares led the move, with chip makers, battery makers and car makers all following "
        "the trend set overnight on Wall Street, analysts at local brokerages said."
    )


def weather(day: int) -> str:
    """A daily template that is partly written anew: much the same words, other figures."""
    sky, place = [("clear", "hills"), ("cloudy", "valleys"), ("wet", "islands")][day % 3]
    low, high = 3 * day, 5 * day + 11
    return (
        f"SEOUL, March {day} -- Skies over the country will be {sky} today, with fog in the "
        f"{place}, the weather agency said.\n"
        f"Morning lows range from {low} to {low + 7} degrees Celsius and afternoon highs from "
        f"{high} to {high + 6} degrees. Fine dust levels will be good in all regions.\n"
        f"Waves will be 0.{day} to {day}.5 meters high in the Yellow Sea and {day}.0 to "
        f"{day + 2}.5 meters in the East Sea. People in the {place} are asked to take care.\n"
        f"Expected lows and highs: Seoul {low}/{high}, Busan {low + 5}/{high + 4}, Jeju "
        f"{low + 9}/{high + 5}.\nThe next forecast will be issued at 5 p.m."
    )


def fold_input(
    article_id: int,
    text: str,
    *,
    title: str = "A headline that says little",
    outlet: str = "The Desk",
    language: str = "en",
    hours: float = 0.0,
    topics: tuple[str, ...] = (),
    agency: str | None = None,
    version_of: int | None = None,
) -> FoldInput:
    """An article as the writer hands it to folding, published `hours` after `START`."""
    at = START + timedelta(hours=hours)
    return FoldInput(
        article_id=article_id,
        external_id=f"x{article_id}",
        outlet=outlet,
        title=title,
        language=language,
        published_at=at,
        fetched_at=START + timedelta(days=400),
        sketch=make_sketch(text, title, language),
        topics=topics,
        agency=agency,
        version_of=version_of,
    )
