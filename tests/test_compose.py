"""What docker-compose.yaml, .env.example and the Dockerfile promise one another and the code."""

import ast
import re
from importlib import import_module

import pytest
import yaml

from sentiment.core.settings import OF_OTHERS, PROJECT, Settings
from sentiment_local.airflow_environment import airflow_environment
from sentiment_local.platform import POOLS

COMPOSE_TEXT = (PROJECT / "docker-compose.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict] = COMPOSE["services"]
EXAMPLE = dict(
    line.split("=", 1)
    for line in (PROJECT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
PINS = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (PROJECT / "requirements.in").read_text(), flags=re.MULTILINE))

# ${NAME}, ${NAME:-default}, which may hold another, ${NAME:?what to do}; $$ is a literal dollar sign.
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?((?:\$\{[^}]*\}|[^}])*)\}")
SECRET = re.compile(r"PASSWORD$|SECRET|_KEY$|_KEY_ID$|TOKEN$|SQL_ALCHEMY_CONN|STORE_URI")
NEEDED_BY_OTHERS = {
    name
    for service in SERVICES.values()
    for name, how in service.get("depends_on", {}).items()
    if how["condition"] == "service_healthy"
}
OWN = [name for name, service in SERVICES.items() if service["image"].startswith("review-sentiment:")]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_names_an_image_with_a_tag_that_is_not_latest_unless_we_build_it(name):
    tag = SERVICES[name]["image"].partition(":")[2]

    assert tag
    assert name in OWN or tag != "latest"


def test_every_role_but_database_and_storage_runs_the_one_image():
    assert set(SERVICES) - set(OWN) == {"postgres", "s3"}
    # One service builds it for all; of several that build one name, all but the first may fail.
    assert {name for name in OWN if "build" in SERVICES[name]} == {"airflow-init"}
    assert {SERVICES[name]["pull_policy"] for name in OWN} == {"never"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"postgres"}))
def test_a_proxy_of_docker_is_not_asked_for_another_service_nor_for_the_own_health(name):
    for variable in ("NO_PROXY", "no_proxy"):
        assert {"127.0.0.1", *set(SERVICES) & {"s3", "mlflow", "api-server", "scheduler", "spark-master"}} <= set(
            SERVICES[name]["environment"][variable].split(",")
        )


def test_a_change_of_slots_makes_the_container_anew_that_sets_them():
    slots = {name for name, _, _ in VARIABLE.findall(COMPOSE["configs"]["pools"]["content"])}
    assert slots
    assert slots <= SERVICES["airflow-init"]["environment"].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_has_a_health_check(name):
    check = SERVICES[name]["healthcheck"]

    assert check.get("test") or (name == "airflow-init" and check["disable"])


@pytest.mark.parametrize("name", sorted(NEEDED_BY_OTHERS & set(OWN)))
def test_one_that_others_wait_for_may_start_slowly_on_a_busy_machine(name):
    # Compose gives up what waits for one that is unhealthy, and checks within this time count for health alone.
    assert SERVICES[name]["healthcheck"]["start_period"] == "10m"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_the_health_of_those_it_needs(name):
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed == "airflow-init" else "service_healthy"
        assert (needed in SERVICES, how["condition"]) == (True, expected)


def test_every_port_is_published_on_the_loopback_unless_env_says_otherwise():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert len(ports) == 4
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in ports)
    assert EXAMPLE["BIND_ADDRESS"] == "127.0.0.1"


def test_every_variable_is_explained_in_the_example_and_nothing_else_is():
    assert {name for name, _, _ in VARIABLE.findall(COMPOSE_TEXT)} == set(EXAMPLE)


def test_a_default_says_the_same_in_the_example_and_in_the_compose_file():
    for name, kind, default in VARIABLE.findall(COMPOSE_TEXT):
        if kind == ":-":
            assert EXAMPLE[name] in {default, ""}, name


def test_a_variable_without_a_default_is_empty_in_the_example_and_says_what_to_do():
    for name, kind, advice in VARIABLE.findall(COMPOSE_TEXT):
        if kind != ":-":
            assert (kind, EXAMPLE[name]) == (":?", ""), name
            assert ".env" in advice, name


def test_no_secret_is_written_out_in_the_compose_file():
    values = [(name, value) for service in SERVICES.values() for name, value in service.get("environment", {}).items()]
    secrets = [(name, value) for name, value in values if SECRET.search(name) and not value.startswith("/opt/airflow/")]

    assert len({name for name, _ in secrets}) >= 8
    assert all(re.search(r"\$\{\w+:\?", value) for _, value in secrets)


def test_no_secret_is_given_to_a_command_where_every_user_could_read_it():
    for name, service in SERVICES.items():
        words = " ".join(service.get("command", [])) if name != "airflow-init" else ""
        assert not any(SECRET.search(variable) for variable, _, _ in VARIABLE.findall(words)), name


def test_no_secret_enters_the_image():
    assert not re.search(r"(PASSWORD|SECRET|FERNET|AWS_)", DOCKERFILE)
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert next(line for line in ignored if not line.startswith("#")) == "*"
    assert {line for line in ignored if line.startswith("!")} == {
        f"!{name}" for name in ("requirements.txt", "pyproject.toml", "dags", "plugins", "include", "benchmarks")
    }


def test_every_setting_that_is_named_exists():
    named = set(re.findall(r"\bSENTIMENT_(\w+)", COMPOSE_TEXT + DOCKERFILE + "\n".join(EXAMPLE)))

    assert "LAKE" in named
    assert {name.lower() for name in named - OF_OTHERS} <= set(Settings.model_fields)


def _imported(script: str) -> list[tuple[str, str]]:
    """The modules of ours that a script imports, with what it takes of each."""
    froms = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.ImportFrom)]
    return [(str(node.module), name.name) for node in froms for name in node.names if "sentiment" in str(node.module)]


def test_what_the_scripts_of_the_services_import_of_ours_is_there():
    imported = [found for script in re.findall(r"python -c '([^']+)'", COMPOSE_TEXT) for found in _imported(script)]
    assert imported
    for module, name in imported:
        assert hasattr(import_module(module), name), f"{module} has no {name}"


def test_links_lead_to_mlflow_as_a_browser_reaches_it_on_this_machine_where_nothing_else_is_said():
    port = "${SENTIMENT_MLFLOW_PORT:-5000}"
    assert any(f"{port}:5000" in published for published in SERVICES["mlflow"]["ports"])
    for name in ("api-server", "scheduler"):
        address = SERVICES[name]["environment"]["SENTIMENT_MLFLOW_PUBLIC_URL"]
        assert address == f"${{SENTIMENT_MLFLOW_PUBLIC_URL:-http://localhost:{port}}}"
    assert SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].startswith("${MLFLOW_ALLOWED_HOSTS:-")


def test_what_a_training_in_several_processes_leaves_is_found_by_the_task_that_called_it():
    (home,) = (volume for volume in SERVICES["scheduler"]["volumes"] if volume.startswith("sentiment-home:"))
    assert home in SERVICES["spark-worker"]["volumes"]


def _filled_in(value: str) -> str:
    """Return a value with the defaults of its variables, one of which may hold another."""
    filled = VARIABLE.sub(lambda found: found[3] if found[2] == ":-" else "x", value)
    return filled if filled == value else _filled_in(filled)


def test_the_tasks_find_lake_and_models_where_the_servers_keep_them(monkeypatch):
    for name, value in SERVICES["scheduler"]["environment"].items():
        monkeypatch.setenv(name, _filled_in(value))
    settings = Settings(_env_file=None)

    assert settings.lake_root == "s3://reviews/lake"
    assert settings.landing_root == "s3://reviews/landing"
    assert settings.products_root == "s3://reviews/products"
    assert settings.tracking_uri == "http://mlflow:5000"
    assert (
        f"--default-artifact-root={SERVICES['scheduler']['environment']['SENTIMENT_ARTIFACTS']}"
        in (SERVICES["mlflow"]["command"])
    )
    assert settings.spark_master == SERVICES["spark-worker"]["command"][-1]


def test_what_a_killed_scheduler_ran_is_missed_within_minutes(tmp_path):
    # The task's supervisor sends a heartbeat every five seconds.
    name = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
    (tmp_path / "airflow").mkdir()
    local = airflow_environment(Settings(home=tmp_path), "http://127.0.0.1:8080", "sqlite://")

    assert SERVICES["scheduler"]["environment"][name] == local[name] == "300"


def test_every_place_that_may_be_in_the_bucket_is_in_it():
    environment = SERVICES["scheduler"]["environment"]
    places = [name for name, field in Settings.model_fields.items() if "s3://" in (field.description or "")]

    assert {"LANDING", "PRODUCTS"} <= {name.upper() for name in places}
    assert all(environment[f"SENTIMENT_{name.upper()}"].startswith("s3://${S3_BUCKET") for name in places)


def test_the_spark_connection_names_the_master_as_spark_writes_it():
    connection = yaml.safe_load(SERVICES["scheduler"]["environment"]["AIRFLOW_CONN_SPARK_DEFAULT"])

    # The provider joins host and port when the host is an address with a scheme.
    assert connection["conn_type"] == "spark"
    assert f"{connection['host']}:{connection['port']}" == SERVICES["spark-worker"]["command"][-1]


def test_driver_and_executors_reach_storage_with_the_same_keys():
    storage = {name for name in SERVICES["scheduler"]["environment"] if name.startswith("AWS_")}

    assert storage == {
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert storage <= set(SERVICES["spark-worker"]["environment"])


def test_airflows_processes_share_the_keys_they_believe_one_another_by():
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        environment = SERVICES[name]["environment"]
        assert environment["AIRFLOW__API_AUTH__JWT_SECRET"].startswith("${AIRFLOW_JWT_SECRET:?"), name
        assert environment["AIRFLOW__CORE__FERNET_KEY"].startswith("${AIRFLOW_FERNET_KEY:?"), name
        assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api-server:8080/execution/", name


def test_the_pools_that_the_dags_use_are_created_with_one_slot_each():
    content = COMPOSE["configs"]["pools"]["content"]
    pools = yaml.safe_load(VARIABLE.sub(lambda found: EXAMPLE[found[1]], content))

    assert {name: pool["slots"] for name, pool in pools.items()} == dict.fromkeys(POOLS, 1)


def test_what_a_container_writes_fills_no_disk():
    assert {service["logging"]["options"]["max-size"] for service in SERVICES.values()} == {"20m"}


def test_every_named_volume_is_declared_and_used():
    mounted = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}

    assert mounted == set(COMPOSE["volumes"])


def test_the_image_runs_the_airflow_that_is_pinned():
    base = re.search(r"^FROM (\S+)$", DOCKERFILE, flags=re.MULTILINE)

    assert base
    assert base[1] == f"apache/airflow:{PINS['apache-airflow']}-python3.11"


def test_pyspark_and_pyspark_client_are_pinned_to_one_version():
    assert PINS["pyspark"] == PINS["pyspark-client"]


def test_the_image_does_not_run_as_root():
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, flags=re.MULTILINE)[-1] == "50000"


def test_the_command_is_in_the_image():
    assert "pip install --no-cache-dir --no-deps --editable ." in DOCKERFILE
    assert DOCKERFILE.index("COPY --chown=airflow:root include include") < DOCKERFILE.index("&& sentiment --version")


def test_what_the_dockerfile_copies_is_let_through_to_it():
    copied = re.findall(r"^COPY --chown=airflow:root (\S+)", DOCKERFILE, flags=re.MULTILINE)
    let_through = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert set(copied) == let_through
