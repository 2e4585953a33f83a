"""Genre: does a headline call its text comment, analysis or background instead of a report?

In: a headline in English, Korean, Japanese or Chinese. Out: yes or no. An editorial, an interview
or an explainer shares the words of the day's event and does not report it: of 259 texts in sets
that hold such pieces (benchmarks/stories/busy*) 33 say so in their headline, of the 934 in the
other sets five.
"""

from __future__ import annotations

import re

# What papers print over or beside a headline; many are words of news as well ("a timeline for
# OPCON", 기획재정부, 能力検証), so they count as labels only: set apart at an end, or in brackets.
_LABELS = (
    "analysis|opinion|editorial|explained|commentary|column|factbox|timeline|q&a|feature|profile"
    "|viewpoint|fact[ -]check|in depth|background|backgrounder|review|book review|essay|letters?"
    "|perspective|해설|분석|특집|기획|기고|시평|시론|논단|문답|르포|팩트체크|오피니언|전문가 ?진단"
    "|기자수첩|독자투고|서평|論説|論評|解説|寄稿|視点|オピニオン|特集|論点|分析|連載|書評|検証|評論"
    "|記者の目|评论|評論|观点|觀點|观察|觀察|深度|特稿|述评|述評|书评|書評|背景"
)
# Papers in the East put a word or two before a label: 국제분석, 国際解説, 国际锐评.
_COMPOUNDS = (
    "해설|분석|시평|시론|논평|解説|論評|分析|观察|觀察|评论|評論|锐评|銳評|快评|快評|短评|短評|述评|述評"
    "|漫谈|漫談|科普|观点|觀點"
)
# These name such a text wherever they stand.
_WORDS = (
    r"\b(?:op-ed\b|explainer\b|explained:)|사설|칼럼|인터뷰|社説|コラム|インタビュー|一問一答"
    r"|社评|社評|专访|專訪|解读|解讀|時評|时评|ルポ(?![ァ-ヶ])|Q&A|Ｑ＆Ａ"
)
_QUESTIONS = (
    r"^(?:why|how|what)\b|(?<![가-힣])왜(?![가-힣])|어떻게|なぜ|どうなる|とは(?:何か|[?？…　 ]|$)"
    r"|为何|為何|为什么|為什麼|如何|何以|怎么|怎麼"
)
_GENRE = re.compile(
    rf"^\W*(?:{_LABELS})(?:\s*[:：|｜/／—]|\s+[-–]\s)"  # Analysis: …, but not Background-check …
    rf"|^\W*[가-힣ァ-ヶー\u3400-\u9fff]{{0,4}}(?:{_COMPOUNDS})\s*[:：|｜丨/／—]"
    rf"|[\[【〔〈<][^\]】〕〉>A-Za-z]{{0,12}}(?:{_LABELS})[\]】〕〉>]|[（(](?:{_LABELS})[）)]"
    rf"|(?:[:：|｜/／—–]| -)[ 　]*(?:{_LABELS})\W*$|{_WORDS}|{_QUESTIONS}",
    re.IGNORECASE,
)


def is_comment(headline: str) -> bool:
    """Tell whether a headline labels its text as comment or background, or asks why."""
    return _GENRE.search(headline) is not None
