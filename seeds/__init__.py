"""Starting material shipped in the wheel, read-only: topics, feeds, the demo's news site."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def path(*parts: str) -> Path:
    """Return the path of a shipped file or folder, e.g. `path("topics", "opcon.toml")`."""
    return Path(str(files("seeds").joinpath(*parts)))
