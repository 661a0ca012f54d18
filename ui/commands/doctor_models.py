"""The doctor's checks of language models, their gateway and the GPU's owner."""

from __future__ import annotations

from configs.errors import StudioError
from configs.settings import Settings
from ui.commands.finding import Finding


def served_model(settings: Settings) -> Finding:
    """vLLM and the weights of the service that the studio would start."""
    from agent.served_brain import missing
    from configs.llm_services import load_services, services_file

    gives = "a language model that the studio starts and parks itself"
    needed = settings.brain == "llm" and not settings.llm.base_url
    try:
        services = load_services(services_file(settings))
        name = services.real_name(settings.llm.service or "default")
        fault = missing(name, services, settings)
    except StudioError as error:
        return Finding("served model", False, True, error.sentence, gives, error.fix)
    if fault is not None:
        return Finding("served model", False, needed, f"{name}: {fault.problem}: {fault.cause}", gives, fault.fix)
    if not settings.llm.service:
        found = f"{name} could be served, but llm.service is not set"
        return Finding(
            "served model", False, needed, found, gives, f"Set llm.service to {name}, or STUDIO_LLM__SERVICE"
        )
    return Finding("served model", True, needed, f"{name} in {services.vllm.runtime}", gives)


def answer_cache(settings: Settings) -> Finding:
    """Redis, where one is set."""
    gives = "answers of the gateway that outlive a restart"
    if not settings.cache_url:
        return Finding("answer cache", True, False, "in this process (cache_url is not set)", gives)
    from urllib.parse import urlsplit

    import redis

    parts = urlsplit(settings.cache_url)
    where = f"{parts.hostname}{f':{parts.port}' if parts.port else ''}"  # the rest may hold a password
    try:
        redis.Redis.from_url(settings.cache_url, socket_connect_timeout=2, socket_timeout=2).ping()
    except (redis.RedisError, ValueError, OSError) as error:
        fix = "Start Redis, or correct or empty cache_url; the gateway works without"
        return Finding("answer cache", False, False, f"{where}: {error}", gives, fix)
    return Finding("answer cache", True, False, f"{where} answers", gives)


def gpu_owner(settings: Settings) -> Finding:
    """Who may drive the GPU now."""
    from backends.gpu.gpu_lock import GpuLock
    from configs.rundir import run_dir
    from configs.server_file import process_start

    gives = "one studio at a time drives the GPU"
    try:
        owner = GpuLock(run_dir(settings)).owner()
    except StudioError as error:
        return Finding("GPU owner", False, True, error.sentence, gives, error.fix)
    pid = int(owner.get("pid") or 0)
    if pid and abs(process_start(pid) - float(owner.get("started") or 0)) < 1:
        return Finding("GPU owner", True, False, f"process {pid} with the home {owner.get('home', '?')}", gives)
    return Finding("GPU owner", True, False, "nobody", gives)
