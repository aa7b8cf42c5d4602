"""The files of docs/deploy: Dagster takes them, and the values for Kubernetes have the keys of its Helm chart.

`tests/e2e/test_workers.py` runs the first two.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import distributions

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.config_schema import process_workspace_config
from packaging.specifiers import SpecifierSet

from tests.paths import ROOT

FOLDER = ROOT / "docs/deploy"
# As helm/dagster/values.schema.json of dagster-io/dagster has them; what is strict there takes no others.
DEPLOYMENT = """name image dagsterApiGrpcArgs codeServerArgs includeConfigInLaunchedRuns deploymentNamespace port env
    envConfigMaps envSecrets annotations nodeSelector affinity tolerations podSecurityContext securityContext resources
    livenessProbe readinessProbe startupProbe labels volumeMounts volumes schedulerName initContainers""".split()
LAUNCHER = """image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile envConfigMaps envSecrets envVars
    volumeMounts volumes labels failPodOnRunFailure resources schedulerName securityContext runK8sConfig""".split()
RUN = "containerConfig podSpecConfig podTemplateSpecMetadata jobSpecConfig jobMetadata".split()
DATABASE = """image enabled postgresqlHost postgresqlUsername postgresqlPassword postgresqlDatabase postgresqlParams
    postgresqlScheme service""".split()


@pytest.fixture(scope="module")
def values() -> dict:
    return yaml.safe_load((FOLDER / "kubernetes-values.yaml").read_text("utf-8"))


def test_the_workspace_is_one():
    assert process_workspace_config(yaml.safe_load((FOLDER / "workspace.yaml").read_text("utf-8"))).success


def test_the_instance_is_one_and_so_is_the_one_that_the_chart_makes(tmp_path, monkeypatch, values):
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql+psycopg2://nobody@nowhere/none")
    (tmp_path / "dagster.yaml").write_text((FOLDER / "dagster.yaml").read_text("utf-8"))
    written, _ = dagster_instance_config(str(tmp_path), "dagster.yaml")
    assert written["run_retries"] == {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False}
    # the chart writes a coordinator of its own beside what is added
    made = {"run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}}
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(made | values["additionalInstanceConfig"]))
    concurrency = dagster_instance_config(str(tmp_path), "made.yaml")[0]["concurrency"]
    assert concurrency["pools"] == written["concurrency"]["pools"]


def test_the_values_have_the_keys_of_the_chart(values):
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    for given, known in (
        (deployment, DEPLOYMENT),
        (launcher, LAUNCHER),
        (launcher["runK8sConfig"], RUN),
        (values["postgresql"], DATABASE),
    ):
        assert set(given) <= set(known)
    mounted = {volume["name"] for volume in deployment["volumes"]}
    assert {mount["name"] for mount in deployment["volumeMounts"]} == mounted
    home = next(variable["value"] for variable in deployment["env"] if variable["name"] == "DJ_HOME")
    assert home.startswith(deployment["volumeMounts"][0]["mountPath"])


def test_the_parts_of_compose_share_one_image_and_one_home():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]
    assert services.keys() == {"postgres", "code-server", "webserver", "daemon"}
    (server,) = yaml.safe_load((FOLDER / "workspace.yaml").read_text("utf-8"))["load_from"]
    command = services["code-server"]["command"]
    assert server["grpc_server"]["host"] in services
    assert str(server["grpc_server"]["port"]) == command[command.index("-p") + 1]
    parts = [service for name, service in services.items() if name != "postgres"]
    assert {part["image"] for part in parts} == {"dj-assets"}
    assert all(part["read_only"] and "data:/data" in part["volumes"] for part in parts)
    image = (FOLDER / "Dockerfile").read_text("utf-8")
    assert "USER dj\n" in image
    assert "DJ_HOME=/data/dj_home" in image
    assert all(port.startswith("127.0.0.1:") for port in services["webserver"]["ports"])


def test_the_locked_versions_take_the_oldest_python_that_is_supported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    oldest = f"{project['requires-python'].removeprefix('>=')}.0"
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text("utf-8").split()}
    # the lock also has packages of extras that are not installed for tests
    found = {package.metadata["Name"]: package.metadata["Requires-Python"] for package in distributions()}
    bounds = {name: found[name] for name in locked if found.get(name)}
    assert len(bounds) > len(locked) / 2
    assert {name: bound for name, bound in bounds.items() if not SpecifierSet(bound).contains(oldest)} == {}
