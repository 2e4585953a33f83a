"""Settings of cleaning and language, made known to this process and its workers."""

from __future__ import annotations

import os

from extractors.errors import UsageError
from flows.settings import Settings


def prepare_cleaning(settings: Settings) -> None:
    """Check and put in force the operator's rules and the language engine.

    Worker processes are started later and inherit the environment.

    Raises:
        UsageError: a rule file is wrong, or the engine is not installed.
    """
    from extractors.language_engines import ENGINE_VARIABLE, set_default_engine
    from extractors.rules import FOLDER_VARIABLE, builtin_rules, load_rules

    folder = settings.path(settings.rules)
    if folder.is_dir():
        load_rules(folder)
        os.environ[FOLDER_VARIABLE] = str(folder.absolute())
    else:
        os.environ.pop(FOLDER_VARIABLE, None)
    builtin_rules.cache_clear()
    try:
        set_default_engine(settings.language_engine)
    except ImportError:
        raise UsageError(
            'language_engine = "py3langid" needs the extra: pip install "presswatch[langid]"'
        ) from None
    os.environ[ENGINE_VARIABLE] = settings.language_engine
