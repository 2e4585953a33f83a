"""Ad hoc queries: what a person may do with them, and what they may not."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from support.archive import Piece, store_pieces

from extractors.errors import UsageError
from flows.cli import presswatch
from flows.context import AppContext
from flows.sql_output import table_text
from flows.sql_prompt import answer_line, completions, read_names
from storage.database import Store
from storage.query import Answer, ask, named_queries, sandbox, stream

KO = Piece(
    title="전작권 전환 협의", body="국방부는 협의한다고 밝혔다.", language="ko", outlet="한빛일보",
    topic="opcon", removed="관련기사",
)  # fmt: skip
EN = Piece(title="=HYPERLINK(1)", body="A drill.", topic="opcon")


@pytest.fixture
def filled(store: Store) -> Store:
    store_pieces(store, KO, EN)
    return store


def _run(store: Store, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(
        presswatch, ["--db", str(store.path), "sql", *arguments], obj=AppContext(), input=text
    )


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('/etc/passwd')",
        "FROM read_blob('/etc/passwd')",
        "FROM glob('/etc/*')",
        "FROM '/etc/passwd'",
        "FROM 'https://news.example/a.csv'",
        "COPY (SELECT 1) TO '/tmp/presswatch-test-must-not-exist.csv'",
        "EXPORT DATABASE '/tmp/presswatch-test-must-not-exist'",
        "ATTACH '/tmp/presswatch-test-must-not-exist.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT getenv('HOME')",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SET memory_limit = '100GB'",
        "SET allowed_paths = ['/etc/passwd']",
        "PRAGMA profile_output = '/tmp/presswatch-test-must-not-exist'",
        "FROM duckdb_secrets()",
        "INSERT INTO core.run SELECT * FROM core.run",
        "UPDATE core.article SET body = ''",
        "DELETE FROM core.article",
        "DROP VIEW articles",
        "CREATE TABLE mine (a INTEGER)",
        "CREATE VIEW mine AS SELECT 1",
        "SELECT 1; DELETE FROM core.article",
        "PREPARE q AS FROM read_text('/etc/passwd')",
        "FROM query('FROM read_text(''/etc/passwd'')')",
        "FROM store",  # a Python variable of the caller
    ],
)
def test_a_query_may_not(filled: Store, query: str) -> None:
    store = filled  # what a replacement scan would find
    with sandbox(store) as con:
        with pytest.raises(UsageError) as caught:
            ask(con, query)
        assert "\n" not in str(caught.value)
        assert ask(con, "SELECT count(*) FROM articles").rows == [(2,)]
    assert list(Path("/tmp").glob("presswatch-test-must-not-exist*")) == []


def test_the_file_that_is_written_is_the_only_one_in_reach(filled: Store, tmp_path: Path) -> None:
    wanted, other = tmp_path / "a'b.parquet", tmp_path / "other.parquet"
    done = _run(filled, "FROM articles", "--format", "parquet", "--out", str(wanted))
    assert done.exit_code == 0, done.output
    rows = duckdb.execute("SELECT title FROM read_parquet(?) ORDER BY 1", [str(wanted)]).fetchall()
    assert rows == [(EN.title,), (KO.title,)]
    evil = f"SELECT 1) TO '{other}' (FORMAT parquet); --"
    done = _run(filled, evil, "--format", "parquet", "--out", str(wanted))
    assert isinstance(done.exception, UsageError)
    assert not other.exists()


def test_files_are_in_reach_when_allowed(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "outlets.csv").write_text("outlet,owner\n한빛일보,H\n", "utf-8")
    query = f"SELECT owner FROM articles JOIN '{tmp_path / 'outlets.csv'}' USING (outlet)"
    assert isinstance(_run(filled, query).exception, UsageError)
    assert json.loads(_run(filled, query, "--allow-files", "--format", "json").output) == [
        {"owner": "H"}
    ]


def test_a_query_that_takes_too_long_is_stopped_even_while_its_rows_are_read(
    filled: Store,
) -> None:
    with sandbox(filled) as con:
        with pytest.raises(UsageError, match=r"took longer than 0\.2 s"):
            ask(con, "SELECT count(*) FROM range(1000000000000) a", timeout_s=0.2)
        with (
            pytest.raises(UsageError, match=r"took longer than 0\.2 s"),
            stream(con, "FROM range(1000000000000)", timeout_s=0.2) as running,
        ):
            for _ in running.chunks:
                pass
        assert ask(con, "SELECT 1").rows == [(1,)]


def test_the_watch_over_a_query_is_gone_when_the_query_is(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that still holds the connection at exit makes DuckDB print pages of leaks."""
    monkeypatch.setattr(threading.Timer, "run", _slow_to_end)
    with sandbox(filled) as con:
        ask(con, "select 1")
        with pytest.raises(UsageError):
            ask(con, "select nonsense")
        assert not [t for t in threading.enumerate() if isinstance(t, threading.Timer)]


def _slow_to_end(timer: threading.Timer) -> None:
    timer.finished.wait(timer.interval)
    time.sleep(0.2)


def test_a_query_that_needs_too_much_memory_is_stopped(filled: Store) -> None:
    with sandbox(filled, memory="30MB") as con, pytest.raises(UsageError, match="more memory"):
        ask(con, "SELECT list(a::VARCHAR || repeat('x', 900)) FROM range(1000000) t(a)")
    with pytest.raises(UsageError, match="not an amount"), sandbox(filled, memory="lots"):
        pass


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT titel FROM articles", "title"),
        ("SELECT * FROM articel", "articles"),
        ("SELECT (", "syntax error"),
        ("no_such_question", "--examples"),
        ("", "empty"),
        (" ; ", "empty"),
        ("/* a remark */", "empty"),
        ("DELETE FROM articles", "read-only"),
        ("UPDATE articles SET title = ''", "read-only"),
        ("INSERT INTO articles SELECT * FROM articles", "read-only"),
        ("articles", "from articles limit 10"),
    ],
)
def test_a_bad_query_gives_one_line_that_helps(filled: Store, query: str, words: str) -> None:
    done = _run(filled, query)
    assert isinstance(done.exception, UsageError)
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)


def test_csv_is_safe_in_a_spreadsheet_and_json_keeps_values(filled: Store) -> None:
    query = "SELECT title, provenance, published_at FROM articles ORDER BY article_id DESC"
    table = list(csv.reader(io.StringIO(_run(filled, query, "--format", "csv").output)))
    assert [row[0] for row in table] == ["title", "'" + EN.title, KO.title]
    rows = json.loads(_run(filled, query, "--format", "json").output)
    assert [row["title"] for row in rows] == [EN.title, KO.title]
    assert rows[0]["published_at"] == "2026-11-20T09:00:00+00:00"


def test_a_query_comes_from_standard_input_with_values(filled: Store) -> None:
    done = _run(filled, "-", "-p", "x=ko", "--format", "csv",
                text="SELECT title FROM articles WHERE language = $x")  # fmt: skip
    assert done.output == f"title\n{KO.title}\n"


def test_a_table_lines_up_with_double_width_characters() -> None:
    answer = Answer(columns=("a", "b"), types=("VARCHAR", "BIGINT"), rows=[("전작권", 1), ("x", 2)])
    from rich.cells import cell_len

    lines = [line for line in table_text(answer, width=80).splitlines() if line[:1] in "│┃"]
    assert len({cell_len(line) for line in lines}) == 1
    assert all(cell_len(line) <= 40 for line in table_text(answer, width=40).splitlines())


def test_many_columns_are_shown_one_below_the_other_and_control_characters_never() -> None:
    names = tuple(f"column_{n}" for n in range(30))
    answer = Answer(
        columns=names, types=("VARCHAR",) * 30, rows=[("\x1b[31mred\x07\u202e",) * 30], more=True
    )
    text = table_text(answer, width=80)
    assert "column_29: " in text
    assert "there are more" in text
    assert not any(char in text for char in "\x1b\x07\u202e")


def test_a_table_shows_so_many_rows_and_says_that_there_are_more(filled: Store) -> None:
    done = _run(filled, "SELECT a FROM range(5000) t(a)", "--rows", "3")
    assert "3 rows shown, there are more" in done.output


@pytest.mark.parametrize("query", [query.name for query in named_queries()])
def test_every_named_question_has_a_header_and_runs(filled: Store, query: str) -> None:
    known = {named.name: named for named in named_queries()}[query]
    assert known.question.endswith("?")
    assert "-- columns: " in known.sql and "-- cost: " in known.sql
    values = {"topic": "opcon", "article": "1", "story": "1"}
    given = [f"-p{name}={values[name]}" for name, default, _ in known.params if default is None]
    done = _run(filled, query, "--format", "json", *given)
    assert done.exit_code == 0, done.exception
    assert isinstance(json.loads(done.output), list)


def test_named_questions_answer_what_they_say(filled: Store) -> None:
    said = json.loads(
        _run(filled, "said_on_topic", "-ptopic=opcon", "-pdays=36500", "--format", "json").output
    )
    assert {row["title"] for row in said} == {KO.title, EN.title}
    removed = json.loads(_run(filled, "removed_text", "-particle=1", "--format", "json").output)
    assert [(row["reason"], row["text"]) for row in removed] == [("related stories", "관련기사")]


def test_examples_are_listed_with_what_they_need(filled: Store) -> None:
    done = _run(filled, "--examples")
    assert "presswatch sql first_reports -p topic=... -p days=7" in done.output
    assert isinstance(_run(filled, "first_reports").exception, UsageError)
    assert "takes: days, topic" in str(_run(filled, "first_reports", "-pday=1").exception)


def test_a_value_of_the_wrong_kind_is_named_with_its_parameter(filled: Store) -> None:
    done = _run(filled, "said_on_topic", "-p", "topic=opcon", "-p", "days=abc")
    assert str(done.exception) == "query failed: -p days=abc: 'abc' is not a whole number"


@pytest.mark.parametrize("option", ["--rows=0", "--timeout=0", "--timeout=-1"])
def test_a_limit_that_makes_no_sense_is_wrong_use(filled: Store, option: str) -> None:
    done = _run(filled, "SELECT 1", option)
    assert done.exit_code == 2
    assert option.split("=")[0] in done.output


def test_a_plan_keeps_its_lines(filled: Store) -> None:
    lines = _run(filled, "EXPLAIN SELECT count(*) FROM articles").output.splitlines()
    assert len(lines) > 3
    assert not any("explain_value" in line or "┃" in line for line in lines)


def test_the_search_macro_ranks_articles_on_a_topic_first(store: Store) -> None:
    company = Piece(title="Opcon wins heat order", body="The company is pleased.")
    talks = Piece(title="Talks in Seoul", body="They spoke of OPCON and dates.", topic="opcon")
    store_pieces(store, company, talks)
    with sandbox(store) as con:
        rows = ask(con, "SELECT title FROM search('opcon')").rows
    assert rows == [(talks.title,), (company.title,)]


def test_the_search_macro_finds_what_the_command_finds(filled: Store) -> None:
    with sandbox(filled) as con:
        for words in ("작권", "전작권 협의", "ＨＹＰＥＲＬＩＮＫ", "drill"):
            assert len(ask(con, "FROM search($w)", {"w": words}).rows) == 1, words
        assert ask(con, "FROM search('권작')").rows == []


def test_the_prompt_completes_columns_of_the_view_in_use(filled: Store) -> None:
    with sandbox(filled) as con:
        names = read_names(con)
    assert ("published_at", 3) in list(completions(names, "select * from articles where pub"))
    assert [text for text, _ in completions(names, "from articles a where articles.lang")] == [
        "language"
    ]
    assert next(completions(names, "from topic_h"))[0] == "topic_hits"


def test_the_prompt_answers_and_survives_errors(filled: Store) -> None:
    with sandbox(filled) as con:
        names = read_names(con)

        def say(text: str) -> str:
            return answer_line(con, text, names, timeout_s=5, rows=10)

        assert "2 rows" in say("from articles;")
        assert "query failed" in say("from nothing;")
        assert "articles" in say("\\d")
        assert "language" in say("\\d articles")
        assert "first_reports" in say("\\e")
        assert "opcon" in say("\\e list_topics")
        assert say("\\e said_on_topic").startswith("said_on_topic needs a value")
