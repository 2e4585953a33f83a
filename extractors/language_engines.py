"""The statistical engines, asked where scripts, letters and function words do not settle it.

In: a script, a text in it.  Out: a language, or None.  langdetect with a factory of our own, locked
and seeded, or py3langid.  Both load when first asked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Final

SAMPLE_CHARS: Final = 400
"""Characters looked at for words: 200, 400 and 1,000 gave 100 % on paragraphs alike (research)."""

LATIN_PROFILES: Final = ("en", "fr", "de", "es", "pt", "it", "nl", "pl", "tr", "id", "vi", "sv")
"""Languages langdetect chooses from: 12 gave .987 on short lines, all 31 Latin ones .976."""

DEVANAGARI_PROFILES: Final = ("hi", "mr", "ne")
CYRILLIC_PROFILES: Final = ("ru", "uk", "bg", "mk")

ENGINES: Final = ("hybrid", "py3langid")
ENGINE_VARIABLE: Final = "PRESSWATCH_LANGUAGE_ENGINE"


class _Langdetect:
    """langdetect behind a factory of our own: locked, seeded, few languages, text cut first."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = tuple(languages)
        self._lock = threading.Lock()
        self._factory: Any = None

    def _ready(self) -> Any:
        if self._factory is None:
            with self._lock:
                if self._factory is None:
                    from importlib import resources

                    from langdetect.detector_factory import DetectorFactory

                    folder = resources.files("langdetect") / "profiles"
                    factory = DetectorFactory()
                    factory.load_json_profile(
                        [(folder / lang).read_text(encoding="utf-8") for lang in self._languages]
                    )
                    factory.set_seed(0)
                    self._factory = factory  # published only when complete
        return self._factory

    def detect(self, text: str) -> str | None:
        from langdetect.lang_detect_exception import LangDetectException

        detector = self._ready().create()
        detector.set_max_text_length(SAMPLE_CHARS)
        detector.append(text[:SAMPLE_CHARS])
        try:
            found = detector.get_probabilities()
        except LangDetectException:
            return None
        return str(found[0].lang) if found else None


class _Py3langid:
    """py3langid with an identifier of our own: its `set_languages` is process-global otherwise."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = sorted(set(languages))
        self._lock = threading.Lock()
        self._identifier: Any = None

    def detect(self, text: str) -> str | None:
        with self._lock:  # its scratch arrays are not known to be safe across threads
            if self._identifier is None:
                from py3langid.langid import MODEL_FILE, LanguageIdentifier

                identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
                identifier.set_languages(self._languages)
                self._identifier = identifier
            return str(self._identifier.classify(text[:SAMPLE_CHARS])[0])


_LANGDETECT: Final = {
    "latin": _Langdetect(LATIN_PROFILES),
    "devanagari": _Langdetect(DEVANAGARI_PROFILES),
    "cyrillic": _Langdetect(CYRILLIC_PROFILES),
}
_PY3LANGID: Final = {
    "latin": _Py3langid(LATIN_PROFILES),
    "devanagari": _Py3langid(DEVANAGARI_PROFILES),
    "cyrillic": _Py3langid(CYRILLIC_PROFILES),
}
# The environment reaches worker processes too; `set_default_engine` checks what is set there.
_default_engine = os.environ.get(ENGINE_VARIABLE, "hybrid")
if _default_engine not in ENGINES:
    _default_engine = "hybrid"


def set_default_engine(engine: str) -> None:
    """Choose what `tag_language` asks when function words do not settle it.

    Raises `ValueError` for an unknown name, `ImportError` when py3langid is not installed.
    """
    global _default_engine
    if engine not in ENGINES:
        raise ValueError(f"unknown language engine {engine!r}: one of {', '.join(ENGINES)}")
    if engine == "py3langid":
        import py3langid  # noqa: F401
    _default_engine = engine


def default_engine() -> str:
    """Return the engine in use when none is named."""
    return _default_engine


def detect(script: str, text: str, engine: str) -> str | None:
    """Return the language of a text in this script, None when the engine cannot tell."""
    table: dict[str, Any] = dict(_PY3LANGID if engine == "py3langid" else _LANGDETECT)
    found: str | None = table[script].detect(text)
    return found
