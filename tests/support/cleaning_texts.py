"""Short articles of our own in four languages, and the cleaner on lists of lines."""

from __future__ import annotations

from collections.abc import Sequence

from extractors.boilerplate import Cleaned, clean_lines
from extractors.models import BlockKind, Line

ENGLISH = [
    "The council of Seaport voted on Monday to build the harbour wall anew, the mayor said.",
    "“We have waited for this for thirty years,” she told reporters at the city hall.",
    "The work will begin next spring and cost about 40 million crowns, according to the council.",
    "Fishermen who had asked for a new wall were glad, but nobody knew who would pay for it.",
]
JAPANESE = [
    "市長は港の壁を建て直すと述べ、工事は来年の春に始まり五年かかる見通しだと説明した。",
    "漁師たちは喜んだが、費用を誰が払うのかは誰も知らなかったと住民の一人は話している。",
    "市議会は来月にも予算案を審議する予定で、反対する議員も少なくないとみられる。",
]
KOREAN = [
    "시장은 방파제를 다시 짓겠다고 밝혔다. 공사는 내년 봄에 시작되어 다섯 해가 걸릴 전망이다.",
    "어민들은 반겼지만 비용을 누가 낼지는 아무도 몰랐다고 한 주민이 말했다.",
    "시의회는 다음 달 예산안을 심의할 예정이며 반대하는 의원도 적지 않은 것으로 알려졌다.",
]
CHINESE = [
    "市长说，港口的防波堤将重建，工程明年春天开始，预计需要五年时间才能完成。",
    "渔民们都很高兴，但是没有人知道费用由谁来支付，一位居民这样告诉记者。",
    "市议会下个月将审议预算案，据了解持反对意见的议员也不在少数。",
]


def clean(texts: Sequence[str], **more: object) -> Cleaned:
    return clean_lines([Line(text=text) for text in texts], **more)  # type: ignore[arg-type]


def removed(cleaned: Cleaned) -> list[str]:
    return [b.text for b in cleaned.blocks if b.kind is not BlockKind.BODY]


def body(cleaned: Cleaned) -> list[str]:
    return [b.text for b in cleaned.blocks if b.kind is BlockKind.BODY]
