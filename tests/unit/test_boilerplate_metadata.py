"""Dates as pages print them, and the agency whose copy a text is."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from extractors.datelines import parse_timestamp
from extractors.lines import shape_of
from extractors.models import Line
from extractors.provenance import wire_agency


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Published: 26 Jan. 2026, 06:00", "2026-01-26T06:00"),
        ("Updated January 26, 2026 at 6:05 p.m. EST", "2026-01-26T23:05"),
        ("2026-01-26T06:00:12+09:00", "2026-01-25T21:00:12"),
        ("입력 2026.01.26. 오후 6:05", "2026-01-26T18:05"),
        ("2026년 1월 26일 06시 05분", "2026-01-26T06:05"),
        ("2026年1月26日 午前6時05分 公開", "2026-01-26T06:05"),
        ("发布时间：2026年01月26日 下午 6:05", "2026-01-26T18:05"),
        ("date 2026-01-26", "2026-01-26T00:00"),
        ("Jan. 26, 2026, 12:00 AM UTC", "2026-01-26T00:00"),
    ],
)
def test_a_date_is_read_as_utc(text: str, expected: str) -> None:
    found = parse_timestamp(text)
    assert found is not None
    assert found[0] == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "06:00", "2026", "31 February 2026", "99/99/2026", "no date"])
def test_what_is_no_date_gives_none(text: str) -> None:
    assert parse_timestamp(text) is None


def test_the_zone_of_the_line_wins_over_the_outlets() -> None:
    seoul = ZoneInfo("Asia/Seoul")
    assert parse_timestamp("26 Jan 2026 06:00", seoul) == (
        datetime(2026, 1, 25, 21, tzinfo=UTC),
        False,
    )
    assert parse_timestamp("26 Jan 2026 06:00 GMT", seoul) == (
        datetime(2026, 1, 26, 6, tzinfo=UTC),
        True,
    )


@pytest.mark.parametrize(
    ("first", "last", "agency"),
    [
        ("SEAPORT (Reuters) - The wall has fallen, the mayor said.", "", "reuters"),
        ("SEAPORT, Jan. 26 (Yonhap) -- The wall has fallen.", "", "yonhap"),
        ("(항구=연합뉴스) 한가람 기자 = 방파제가 무너졌다.", "", "yonhap"),
        ("【ソウル聯合ニュース】港の壁が崩れた。", "", "yonhap"),
        ("新华社海港1月26日电 防波堤倒塌。", "", "xinhua"),
        ("The wall has fallen.", "Reporting by Ann Lee; Editing by Tom Fry", "reuters"),
        ("港の壁が崩れた。", "市は調査を始めた。（共同）", "kyodo"),
        ("The mayor (left) - she is 61 - said so.", "He said (again) - no.", None),
    ],
)
def test_wire_copy_is_known_by_dateline_or_signature(
    first: str, last: str, agency: str | None
) -> None:
    assert wire_agency([shape_of(Line(text=t)) for t in (first, last)]) == agency
