"""Makes articles in four languages, of realistic lengths and word frequencies, as many as wanted.

Words are made of syllables of the language and drawn by Zipf's law (exponent 1.07, near what news
corpora show); lengths are log-normal around 450 English words or 800-900 CJK characters, with
200 outlets and a bodies' median near 2.5 kB of UTF-8. Text compresses a little worse than real
news does, since no phrase is ever repeated. Deterministic for a seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LANGUAGES = ("en", "ko", "ja", "zh-Hans")
SHARES = (0.4, 0.25, 0.2, 0.15)
START = datetime(2025, 1, 1, tzinfo=UTC)
A_DAY = 50_000
# Planted words: (word, language, one in so many articles of the language, title too).
PLANTED = (
    ("opcon", "en", 500),
    ("submarine", "en", 60),
    ("전작권", "ko", 500),
    ("핵잠", "ko", 80),
    ("戦時作戦統制権", "ja", 500),
    ("原潜", "ja", 80),
    ("战时作战指挥权", "zh-Hans", 500),
    ("核潜", "zh-Hans", 80),
)
_EXPONENT = 1.07


@dataclass(frozen=True, slots=True)
class Made:
    """One made article."""

    title: str
    body: str
    language: str
    outlet: str
    at: datetime


def _vocabulary(rng: random.Random, language: str) -> list[str]:
    if language == "en":
        heads = (*"bcdfghlmnprstvw", "st", "tr", "pl", "gr", "ch", "sh")
        tails = (*"aeiou", "an", "er", "in", "on", "al", "is", "ent", "or", "ing", "ed")
        return list(
            dict.fromkeys(
                "".join(
                    rng.choice(heads) + rng.choice(tails) for _ in range(rng.choice((1, 2, 2, 3)))
                )
                for _ in range(90_000)
            )
        )
    if language == "ko":
        signs = [chr(code) for code in rng.sample(range(0xAC00, 0xD7A4), 900)]
        particles = ("은", "는", "이", "가", "을", "를", "의", "에", "에서", "으로", "했다", "")
        return [
            "".join(rng.choices(signs, k=rng.choice((1, 2, 2, 3)))) + rng.choice(particles)
            for _ in range(60_000)
        ]
    if language == "ja":
        kana = [chr(code) for code in range(0x3042, 0x3093)]
        kanji = [chr(code) for code in rng.sample(range(0x4E00, 0x7000), 1_800)]
        return [
            "".join(rng.choices(kanji, k=rng.choice((1, 2, 2))))
            + "".join(rng.choices(kana, k=rng.choice((1, 1, 2, 3))))
            for _ in range(50_000)
        ]
    signs = [chr(code) for code in rng.sample(range(0x4E00, 0x8000), 2_500)]
    return ["".join(rng.choices(signs, k=rng.choice((1, 2, 2, 2, 3)))) for _ in range(60_000)]


class Maker:
    """Draws articles."""

    def __init__(self, seed: int = 8) -> None:
        self._rng = random.Random(seed)
        self._words = {lang: _vocabulary(self._rng, lang) for lang in LANGUAGES}
        self._weights = {
            lang: list(itertools.accumulate(1 / (n + 2) ** _EXPONENT for n in range(len(words))))
            for lang, words in self._words.items()
        }
        self._planted = {
            lang: [(word, often) for word, own, often in PLANTED if own == lang]
            for lang in LANGUAGES
        }

    def _draw(self, language: str, count: int) -> list[str]:
        return self._rng.choices(
            self._words[language], cum_weights=self._weights[language], k=count
        )

    def make(self, n: int) -> Made:
        """Return the article number `n`."""
        rng = self._rng
        language = rng.choices(LANGUAGES, SHARES)[0]
        mean = {"en": 420, "ko": 230, "ja": 260, "zh-Hans": 330}[language]
        words = self._draw(language, max(30, int(rng.lognormvariate(0, 0.5) * mean)))
        for word, often in self._planted[language]:
            if rng.random() * often < 1:
                at = rng.randrange(len(words))
                words[at] = word if language == "en" else words[at] + word
        space, stop = (" ", ". ") if language in ("en", "ko") else ("", "。")
        length = 18 if language in ("en", "ko") else 14
        sentences = [space.join(words[i : i + length]) for i in range(0, len(words), length)]
        paragraphs = [
            stop.join(sentences[i : i + 3]) + stop.strip() for i in range(0, len(sentences), 3)
        ]
        return Made(
            title=space.join(self._draw(language, 9)),
            body="\n".join(paragraphs),
            language=language,
            outlet=f"Outlet {language} {rng.randrange(50)}",
            at=START + timedelta(seconds=86_400 / A_DAY * n),
        )

    def articles(self, start: int, count: int) -> Iterator[Made]:
        """Yield articles from number `start` on."""
        return (self.make(n) for n in range(start, start + count))
