"""Settings: precedence, errors that name the line, secrets that never show."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from extractors.errors import UsageError
from flows.settings import (
    Settings,
    load_secrets,
    load_settings,
    render_settings,
    toml_value,
    user_keys,
)


def _write(folder: Path, text: str) -> Path:
    path = folder / "presswatch.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, 'db = "from-file.duckdb"\njobs = 3\n')
    env = {"PRESSWATCH_DB": "/from/env.duckdb"}

    assert load_settings(path, env={}).db_path == tmp_path / "from-file.duckdb"
    assert load_settings(path, env=env).db_path == Path("/from/env.duckdb")
    assert load_settings(path, env=env, overrides={"db": "/cli.duckdb"}).db == "/cli.duckdb"
    assert load_settings(path, env=env).jobs == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jobs = 2\nslack_chanel = 'x'\n", r"line 2: unknown key `slack_chanel`: did you mean"),
        ("zebra = 1\n", r"unknown key `zebra`: `presswatch init` shows all keys"),
        ("\njobs = 'two'\n", r"line 2: `jobs` must be a whole number, e\.g\. 0"),
        ("host_delay_s = -1\n", r"must not be negative"),
        ("respect_robots = 1\n", r"must be true or false"),
        ("allow_addresses = [1]\n", r"must be a list of strings"),
        ("[slack]\nchannel = '#x'\n", r"unknown key `slack`"),
        ("jobs = \n", r"not valid TOML"),
    ],
)
def test_a_wrong_file_names_file_line_key_and_what_to_write(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected) as caught:
        load_settings(_write(tmp_path, text), env={})
    assert "presswatch.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_environment_variable_is_named() -> None:
    with pytest.raises(UsageError, match="PRESSWATCH_JOBS: 'many' is not a value for `jobs`"):
        load_settings(env={"PRESSWATCH_JOBS": "many"})


def test_a_named_file_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load_settings(tmp_path / "no.toml", env={})


def test_lists_can_come_from_the_environment() -> None:
    env = {"PRESSWATCH_ALLOW_ADDRESSES": "127.0.0.1:80, 10.0.0.0/8"}

    assert load_settings(env=env).allow_addresses == ("127.0.0.1:80", "10.0.0.0/8")


def test_what_init_writes_shows_every_key_with_its_default_and_is_valid() -> None:
    text = render_settings()
    enabled = "\n".join(
        line[2:]
        for line in text.splitlines()
        if line.startswith("# ") and " = " in line and line[2:].split(" = ")[0] in user_keys()
    )
    values = tomllib.loads(enabled)

    assert set(values) == set(user_keys())
    for name, value in values.items():
        assert toml_value(user_keys()[name].default) == toml_value(
            tuple(value) if isinstance(value, list) else value
        )
    assert tomllib.loads(text) == {}


def test_secrets_never_show_in_a_repr_nor_belong_to_the_settings() -> None:
    token = "xoxb" + "-1-abc"
    secrets = load_secrets({"SLACK_BOT_TOKEN": token, "SLACK_WEBHOOK_URL": " "})

    assert secrets.bot_token == token
    assert secrets.webhook_url is None
    assert token not in repr(secrets)
    assert not any("token" in name or "webhook" in name for name in Settings.__dataclass_fields__)
