"""The files of deploy/ name what exists: packages, flows, settings, work pools."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.prefect_workers import DEPLOYMENT
from flows.settings import ENV_PREFIX, user_keys

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
pytestmark = pytest.mark.skipif(not DEPLOY.is_dir(), reason="deploy/ is not part of a wheel")


def load(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def deployments() -> dict[str, Any]:
    (data,) = load("prefect.yaml")
    return {entry["name"]: entry for entry in data["deployments"]}


def test_the_image_gets_every_package_of_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    copied = set(re.findall(r"^COPY (\w+) \1$", (DEPLOY / "Dockerfile").read_text(), re.M))
    let_in = set(re.findall(r"^!(\w+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.M))

    assert packages <= copied
    assert packages <= let_in


@pytest.mark.parametrize("name", ["presswatch", "presswatch-worker"])
def test_a_deployment_names_a_flow_and_its_parameters(name: str) -> None:
    deployment = deployments()[name]
    module, _, attribute = deployment["entrypoint"].rpartition(".")

    flow = getattr(importlib.import_module(module), attribute)

    assert set(deployment["parameters"]) <= set(flow.parameters.properties)


def test_the_writer_looks_for_the_deployment_that_is_made() -> None:
    worker = deployments()["presswatch-worker"]
    module, _, attribute = worker["entrypoint"].rpartition(".")
    flow = getattr(importlib.import_module(module), attribute)

    assert f"{flow.name}/{worker['name']}" == DEPLOYMENT


def test_every_worker_serves_the_pool_of_the_deployment() -> None:
    pool = deployments()["presswatch-worker"]["work_pool"]["name"]
    (compose,) = load("compose.yaml")
    kubernetes = next(d for d in load("kubernetes-worker.yaml") if d["kind"] == "Deployment")
    container = kubernetes["spec"]["template"]["spec"]["containers"][0]

    assert pool in compose["services"]["worker"]["command"]
    assert pool in compose["services"]["setup"]["command"][0]
    assert pool in container["args"]


def test_the_settings_in_the_files_exist() -> None:
    names = set()
    for path in (*DEPLOY.glob("*.yaml"), DEPLOY / "Dockerfile", *DEPLOY.glob("systemd/*")):
        names |= set(re.findall(ENV_PREFIX + r"[A-Z_]+", path.read_text("utf-8")))
    known = {ENV_PREFIX + key.upper() for key in user_keys()}

    assert names - known == {"PRESSWATCH_CONFIG", "PRESSWATCH_HOME"}


def test_the_settings_of_a_worker_on_kubernetes_are_settings() -> None:
    config = next(d for d in load("kubernetes-worker.yaml") if d["kind"] == "ConfigMap")
    values = tomllib.loads(config["data"]["presswatch.toml"])

    assert set(values) <= set(user_keys())
    assert values["workers"] == "prefect"


def test_a_worker_is_given_no_secret() -> None:
    (compose,) = load("compose.yaml")
    worker = compose["services"]["worker"]

    assert "env_file" not in worker
    assert not any(
        "secrets" in str(volume) or "data" in str(volume) for volume in worker["volumes"]
    )
