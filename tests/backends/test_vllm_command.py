"""How vLLM is started: its command line, its environment, where the weights are looked for, what its log tells."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_vllm import fake_environment, fake_model
from fake_vllm_start import parse

from backends.gpu.engine import StartProgress
from backends.gpu.servers.server import Plan
from backends.llm.vllm.command import Folders, Sizes, environment_of, installed_version, make_plan
from backends.llm.vllm.model_path import ModelPath, find_model
from backends.llm.vllm.start_log import StartLog
from configs.errors import EngineError
from configs.llm_services import LlmService, VllmSpec, load_services

SERVICE = LlmService(
    model="Qwen/Qwen3-8B-AWQ", need_mib=9300, kv_mib=2304, quantization="awq_marlin", tool_parser="hermes"
)
SIZES = Sizes(context=16384, kv_mib=2304, need_mib=9300, device_mib=16303)
MODEL = ModelPath("/shelf/llm/Qwen3-8B-AWQ")


def plan_of(tmp_path: Path, service: LlmService = SERVICE, model: ModelPath = MODEL, **vllm: object) -> Plan:
    spec = VllmSpec.model_validate({"version": "0.33.0", "environment": str(tmp_path / "venv"), **vllm})
    fake_environment(tmp_path / "venv")
    return make_plan("llm", service, spec, model, SIZES, Folders(Path("/shelf"), tmp_path / "home"), "the-key")


def flag(plan: Plan, name: str) -> str:
    return plan.argv[plan.argv.index(name) + 1]


def test_in_its_own_environment(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, flags=("--max-num-seqs", "8"))
    assert plan.argv[:3] == (str(tmp_path / "venv/bin/vllm"), "serve", "/shelf/llm/Qwen3-8B-AWQ")
    assert (flag(plan, "--host"), flag(plan, "--port")) == ("127.0.0.1", "{port}")
    assert flag(plan, "--served-model-name") == "llm" and flag(plan, "--max-model-len") == "16384"
    assert flag(plan, "--kv-cache-memory-bytes") == str(2304 * 2**20)
    # The start asks for this share of the device to be free, whatever the KV cache is set to: both are needed.
    assert float(flag(plan, "--gpu-memory-utilization")) == pytest.approx(9300 / 16303, abs=1e-3)
    assert flag(plan, "--quantization") == "awq_marlin" and flag(plan, "--tool-call-parser") == "hermes"
    assert {"--enable-sleep-mode", "--enable-auto-tool-choice"} <= set(plan.argv)
    assert plan.argv[-2:] == ("--max-num-seqs", "8")
    assert plan.env["VLLM_SERVER_DEV_MODE"] == "1" and plan.env["HF_HUB_OFFLINE"] == "1"


def test_the_key_is_seen_by_nobody_else(tmp_path: Path) -> None:
    for plan in (plan_of(tmp_path), plan_of(tmp_path, runtime="docker", image="vllm/vllm-openai:v0.33.0")):
        assert not any("the-key" in part for part in plan.argv)
        assert plan.loose_env is not None and plan.loose_env["VLLM_API_KEY"] == "the-key"
        assert flag(plan, "--middleware") == "studio_guard.Guard"


def test_two_starts_of_the_same_server_have_the_same_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan_of(tmp_path)
    monkeypatch.setenv("PATH", f"/elsewhere{os.pathsep}{os.environ['PATH']}")
    assert plan_of(tmp_path).hash == before.hash
    assert plan_of(tmp_path, SERVICE.model_copy(update={"tool_parser": "qwen3_xml"})).hash != before.hash


def test_in_a_container(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, runtime="docker", image="vllm/vllm-openai:v0.33.0")
    argv = plan.argv
    assert argv[:3] == ("docker", "run", "--rm") and plan.container == flag(plan, "--name") == "studio-llm-{port}"
    assert flag(plan, "--gpus") == "all" and "--ipc=host" in argv and flag(plan, "-p") == "127.0.0.1:{port}:8000"
    assert "/shelf:/models:ro" in argv
    at = argv.index("vllm/vllm-openai:v0.33.0")
    assert argv[at - 2 : at] == ("--entrypoint", "vllm") and argv[at + 1 : at + 3] == (
        "serve",
        "/models/llm/Qwen3-8B-AWQ",
    )
    assert argv[argv.index("--host") + 1] == "0.0.0.0" and argv[argv.index("--port") + 1] == "8000"
    elsewhere = plan_of(tmp_path, model=ModelPath("/data/m"), runtime="docker", image="i").argv
    assert "/data/m:/model:ro" in elsewhere and elsewhere[elsewhere.index("serve") + 1] == "/model"


def test_a_download_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf-secret")
    assert "HF_TOKEN" not in (plan_of(tmp_path).loose_env or {})
    plan = plan_of(tmp_path, model=ModelPath("Qwen/Qwen3-8B-AWQ", is_download=True))
    assert "HF_HUB_OFFLINE" not in plan.env and plan.env["HF_HUB_CACHE"] == "/shelf/llm/.hub"
    assert plan.loose_env is not None and plan.loose_env["HF_TOKEN"] == "hf-secret"


def test_on_a_cpu_there_is_no_sleep_and_no_gpu_memory(tmp_path: Path) -> None:
    argv = plan_of(tmp_path, SERVICE.model_copy(update={"device": "cpu"})).argv
    assert not {"--enable-sleep-mode", "--gpu-memory-utilization", "--kv-cache-memory-bytes"} & set(argv)


def test_utilisation_stays_between_its_bounds() -> None:
    assert Sizes(1, 1, 20000, 16000).utilisation == 0.98 and Sizes(1, 1, 1, 160000).utilisation == 0.01


def test_every_packaged_service_has_a_command_line_that_vllm_takes(tmp_path: Path) -> None:
    services = load_services()
    spec = services.vllm.model_copy(update={"environment": str(tmp_path / "venv")})
    fake_environment(tmp_path / "venv")
    for name, service in services.services.items():
        folders = Folders(Path("/shelf"), tmp_path)
        sizes = Sizes(service.context, service.kv_mib, service.need_mib, 16303)
        plan = make_plan(name, service, spec, MODEL, sizes, folders, "k")
        args = parse([part.replace("{port}", "8123") for part in plan.argv[1:]])
        assert args.served_model_name == [name] and args.kv_cache_memory_bytes == service.kv_mib * 2**20
        assert (
            args.tool_call_parser == "hermes" and args.enable_auto_tool_choice and 0 < args.gpu_memory_utilization < 1
        )


def test_a_missing_environment_is_made_by_make(tmp_path: Path) -> None:
    spec = VllmSpec(version="0.33.0", environment=str(tmp_path / "none"))
    with pytest.raises(EngineError, match=r"vLLM is not installed.*make vllm") as caught:
        make_plan("llm", SERVICE, spec, MODEL, SIZES, Folders(tmp_path, tmp_path), "k")
    assert str(tmp_path / "none") in caught.value.sentence


def test_the_environment_lies_in_the_checkout_and_tells_its_version(tmp_path: Path) -> None:
    assert environment_of(VllmSpec(version="1")) == Path(__file__).parents[2] / ".venv-vllm"
    spec = VllmSpec(version="1", environment=str(tmp_path))
    assert installed_version(spec) == ""
    (tmp_path / "lib/python3.12/site-packages/vllm-0.33.0.dist-info").mkdir(parents=True)
    assert installed_version(spec) == "0.33.0"


# -- weights ----------------------------------------------------------------------------------------------------------


def test_where_weights_are_looked_for(tmp_path: Path) -> None:
    folder = fake_model(tmp_path, "Qwen3-8B-AWQ")
    assert find_model("Qwen/Qwen3-8B-AWQ", tmp_path, False) == ModelPath(str(folder))
    assert find_model(str(folder), tmp_path, False) == ModelPath(str(folder))
    deep = fake_model(tmp_path, "Org/Other")
    assert find_model("Org/Other", tmp_path, True) == ModelPath(str(deep))


def test_missing_weights_say_where_to_put_them(tmp_path: Path) -> None:
    (tmp_path / "llm" / "Qwen3-8B-AWQ").mkdir(parents=True)  # an empty folder is no model
    with pytest.raises(EngineError) as caught:
        find_model("Qwen/Qwen3-8B-AWQ", tmp_path, False)
    said = caught.value.sentence
    assert f"hf download Qwen/Qwen3-8B-AWQ --local-dir {tmp_path}/llm/Qwen3-8B-AWQ" in said and "--download" in said
    assert find_model("Qwen/Qwen3-8B-AWQ", tmp_path, True) == ModelPath("Qwen/Qwen3-8B-AWQ", is_download=True)
    with pytest.raises(EngineError, match=r"/no/where.*config\.json"):
        find_model("/no/where", tmp_path, True)


@pytest.mark.parametrize("name", ["-x", "--config/x", "a b", "Qwen/../x", "..", "a\nb", "a/b/c", ""])
def test_only_names_of_the_hub_are_downloaded(tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineError, match="no name of the hub"):
        find_model(name, tmp_path, download=True)
    assert find_model("Qwen/Qwen3-8B_x.1", tmp_path, download=True).is_download


def test_the_command_that_gets_it_can_be_pasted(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"--local-dir '/.*a shelf/llm/m''"):
        find_model("m", tmp_path / "a shelf", download=False)


def test_what_was_downloaded_once_is_found_again(tmp_path: Path) -> None:
    snapshot = tmp_path / "llm/.hub/models--Qwen--Qwen3-8B-AWQ/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert find_model("Qwen/Qwen3-8B-AWQ", tmp_path, False) == ModelPath(str(snapshot))


# -- its log ----------------------------------------------------------------------------------------------------------


def told(lines: list[str]) -> list[StartProgress]:
    log = StartLog("llm")
    return [progress for line in lines if (progress := log.read(line)) is not None]


def test_progress_is_read_from_its_lines() -> None:
    core = "(EngineCore pid=42) INFO 11-26 16:20:02 "
    lines = [
        f"{core}[core.py:140] Initializing a V1 LLM engine (v0.33.0) with config: model='x'",
        f"{core}[gpu_model_runner.py:4979] Starting to load model x...",
        "model-00001-of-00002.safetensors:  45%|████▌     | 2.11G/4.68G [00:21<00:26, 97.2MB/s]",
        f"{core}[weight_utils.py:538] Time spent downloading weights for x: 48.120000 seconds",
        "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01,  1.20s/it]",
        f"{core}[gpu_model_runner.py:5089] Model loading took 5.71 GiB memory and 2.912345 seconds",
        f"{core}[backends.py:1188] Dynamo bytecode transform time: 5.12 s",
        f"{core}[monitor.py:60] torch.compile took 14.02 s in total",
        "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  60%|██████    | 3/5 [00:00<00:00, 20.01it/s]",
        f"{core}[gpu_model_runner.py:6517] Graph capturing finished in 1 secs, took 0.21 GiB",
        "INFO:     Application startup complete.",
    ]
    progress = told(lines)
    assert [item.phase for item in progress] == [
        *("load", "load", "download", "download", "load", "load", "compile", "compile", "warm_up", "warm_up", "ready")
    ]
    assert [item.share for item in progress if item.share is not None] == [0.45, 0.5, 0.6]


def test_a_phase_does_not_come_back_and_chatter_is_no_progress() -> None:
    assert told(["INFO: something else", "Available routes are:", ""]) == []
    late = told(
        ["INFO [monitor.py:60] torch.compile took 1.00 s in total", "INFO [x.py:1] Starting to load model draft..."]
    )
    assert [item.phase for item in late] == ["compile"]
