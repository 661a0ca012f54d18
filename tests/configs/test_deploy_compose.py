"""The compose file: accepted by the real tool, hardened, and true to the studio's settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_files import DEPLOY, ROOT, compose, example_env, filled, variables

from configs.llm_services import SERVICES_FILE, load_services, services_file
from configs.models import load_models
from configs.settings import known_keys, load_settings

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
NETWORKS: dict[str, Any] = compose()["networks"]
GPU = ("studio", "vllm")
REQUIRED = ("WAREHOUSE", "GRAFANA_PASSWORD", "VLLM_API_KEY")
needs_tool = pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose (Debian) is not installed")
each_service = pytest.mark.parametrize("name", SERVICES)


def networks_of(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


def check(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """`docker-compose config` with the example's values, filled in."""
    values = {**example_env(), "WAREHOUSE": "/srv/models", "GRAFANA_PASSWORD": "p", "VLLM_API_KEY": "k", **changes}
    file = tmp_path / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    command = ["docker-compose", "--env-file", str(file), "-f", str(DEPLOY / "compose.yaml"), "config"]
    clean = {k: v for k, v in os.environ.items() if k not in variables()}
    return subprocess.run(command, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)


@needs_tool
def test_the_real_tool_accepts_the_example_filled_in(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)["services"]
    assert set(made) == set(SERVICES)
    assert made["vllm"]["volumes"][0] == "/srv/models:/models:ro"
    assert all(port.startswith("127.0.0.1:") for service in made.values() for port in service.get("ports", ()))


@needs_tool
@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    done = check(tmp_path, **{name: ""})
    assert done.returncode != 0 and f"set {name} in .env" in done.stderr


def test_the_example_names_every_variable_and_holds_no_secret() -> None:
    example = example_env()
    assert set(variables()) <= set(example)
    assert set(example) - set(variables()) == {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
    demanded = {name for name, (operator, _) in variables().items() if operator == ":?"}
    assert demanded == set(REQUIRED) and all(example[name] == "" for name in demanded)
    for name, (operator, default) in variables().items():
        assert operator == ":?" or example[name] == default, f"{name}: the example says another default"


def test_the_filled_in_file_stays_out_of_git_and_of_the_image() -> None:
    ignored = subprocess.run(["git", "check-ignore", "configs/deploy/.env"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.returncode == 0
    assert "**/.env" in (ROOT / ".dockerignore").read_text().splitlines()


def test_what_must_be_there_is_there() -> None:
    assert set(SERVICES) == {"studio", "studio-cpu", "vllm", "redis", "prometheus", "grafana"}
    profiles = {name: service.get("profiles") for name, service in SERVICES.items()}
    assert [n for n, p in profiles.items() if p == ["gpu"]] == ["studio", "vllm"]
    assert profiles["studio-cpu"] == ["cpu"]
    assert all(profiles[name] is None for name in ("redis", "prometheus", "grafana")), "monitoring runs on both"


@each_service
def test_every_service_is_pinned_watched_and_restarted(name: str) -> None:
    service = SERVICES[name]
    tag = service["image"].rpartition(":")[2]
    assert tag and tag != "latest"
    assert service["restart"] == "unless-stopped" and service["logging"]["options"]["max-size"]
    health = service["healthcheck"]
    assert health["test"][0] in ("CMD", "CMD-SHELL") and {"interval", "timeout", "retries", "start_period"} < set(
        health
    )
    for other, how in service.get("depends_on", {}).items():
        assert how["condition"] == "service_healthy" and other in SERVICES
        assert SERVICES[other].get("profiles") in (None, service.get("profiles")), "no wait for what is not started"


@each_service
def test_every_service_has_as_few_rights_as_possible(name: str) -> None:
    service = SERVICES[name]
    user, _, _ = str(service["user"]).partition(":")
    assert int(user) > 0, "not root"
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert "docker.sock" not in str(service)
    assert service.get("read_only", False) is (name not in GPU), "the NVIDIA hooks write into GPU containers"
    for mount in service.get("volumes", ()):
        source, _, rest = filled(mount, {"WAREHOUSE": "/srv/models"}).partition(":")
        assert rest.endswith(":ro") or source in compose()["volumes"], f"{mount} could be written"


@each_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(filled(port).startswith("127.0.0.1:") for port in ports)
    assert bool(ports) == ("front" in networks_of(name))


def test_vllm_is_reached_by_the_studio_alone() -> None:
    assert "ports" not in SERVICES["vllm"] and networks_of("vllm") == {"engine"}
    assert {name for name in SERVICES if "engine" in networks_of(name)} == {"studio", "vllm"}
    assert {name for name in SERVICES if "cache" in networks_of(name)} == {"studio", "studio-cpu", "redis"}
    assert all(NETWORKS[name] == {"internal": True} for name in ("engine", "cache", "monitoring"))
    assert SERVICES["vllm"]["environment"]["VLLM_API_KEY"] == SERVICES["studio"]["environment"]["VLLM_API_KEY"]


def test_both_engines_have_the_same_card_and_may_lock_memory() -> None:
    for name in GPU:
        (device,) = SERVICES[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
        assert filled(device["device_ids"][0]) == "0"
        assert SERVICES[name]["ulimits"]["memlock"] == {"soft": -1, "hard": -1} and SERVICES[name]["shm_size"]


def test_one_folder_of_models_for_all_engines() -> None:
    mounts = {name: [m for m in s.get("volumes", ()) if "WAREHOUSE" in m] for name, s in SERVICES.items()}
    assert all(len(mounts[name]) == 1 for name in ("studio", "studio-cpu", "vllm"))
    assert len({m for found in mounts.values() for m in found}) == 1, "the same everywhere, read-only"
    for name in ("studio", "studio-cpu"):
        assert SERVICES[name]["environment"]["STUDIO_WAREHOUSE"] == "/models"


def test_named_volumes_are_declared_and_files_exist() -> None:
    named = set(compose()["volumes"])
    used = {
        m.partition(":")[0] for s in SERVICES.values() for m in s.get("volumes", ()) if not m.startswith((".", "$"))
    }
    assert used == named
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            if mount.startswith("."):
                assert (DEPLOY / mount.partition(":")[0]).exists(), mount
        if "build" in service:
            context = (DEPLOY / service["build"]["context"]).resolve()
            assert context == ROOT and (context / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", ["studio", "studio-cpu"])
def test_every_setting_is_real(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {k: filled(v) for k, v in SERVICES[name]["environment"].items() if k.startswith("STUDIO_")}
    for variable in given:
        assert variable.removeprefix("STUDIO_").lower().replace("__", ".") in known_keys(), variable
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.server.host == "0.0.0.0" and settings.server.metrics == "private"
    assert settings.gateway.require_key == "always" and settings.cache_url == "redis://redis:6379/0"
    assert {"localhost", "127.0.0.1", "studio"} == set(settings.server.names), (
        "the browser, the health check, Prometheus"
    )
    assert f":{settings.server.port}/health" in str(SERVICES[name]["healthcheck"]["test"])


def test_the_served_model_is_where_the_studio_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in SERVICES["studio"]["environment"].items():
        if variable.startswith("STUDIO_"):
            monkeypatch.setenv(variable, filled(value))
    inside = services_file(load_settings())
    mounts = dict(
        reversed(m.removesuffix(":ro").split(":")) for m in SERVICES["studio"]["volumes"] if m.startswith(".")
    )
    own, packaged = load_services(DEPLOY / mounts[str(inside)]), load_services(SERVICES_FILE)
    assert own.vllm.runtime == "remote" and own.vllm.version == packaged.vllm.version
    assert own.vllm.image == packaged.vllm.image == SERVICES["vllm"]["image"]
    assert own.vllm.image.endswith(f"v{own.vllm.version}") and own.vllm.flags == packaged.vllm.flags
    for name, service in own.services.items():
        assert service.base_url == "http://vllm:8000"
        known = packaged.services[name].model_dump() | {"base_url": service.base_url}
        ours = service.model_dump()
        same = [key for key in known if key not in ("beside", "smaller")]
        assert {k: ours[k] for k in same} == {k: known[k] for k in same}, "differs from configs/llm_services.yaml"
    assert own.default in load_models(services_path=DEPLOY / "llm_services.yaml").engines


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis-server (Debian) is not installed")
def test_the_real_redis_takes_the_command(tmp_path: Path) -> None:
    address = tmp_path / "redis.sock"
    program, *flags = SERVICES["redis"]["command"]
    own = ["--port", "0", "--unixsocket", str(address), "--dir", str(tmp_path)]
    server = subprocess.Popen([program, *flags, *own], stdout=subprocess.DEVNULL)

    def ask(*words: str) -> str:
        command = ["redis-cli", "-s", str(address), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout

    try:
        until = time.monotonic() + 20
        while "PONG" not in ask("ping"):
            assert server.poll() is None and time.monotonic() < until, "it does not start"
            time.sleep(0.05)
        assert ask("config", "get", "maxmemory-policy").split() == ["maxmemory-policy", "allkeys-lru"]
        assert ask("config", "get", "save").split() == ["save"] and "268435456" in ask("config", "get", "maxmemory")
    finally:
        server.terminate()
        server.wait(10)
