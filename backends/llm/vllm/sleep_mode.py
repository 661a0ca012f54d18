"""Putting a vLLM to sleep and waking it, and the canary that tells whether it can work."""

from __future__ import annotations

import logging

from backends.llm.vllm.client import NoAnswer, VllmClient
from configs.errors import EngineError

logger = logging.getLogger(__name__)


def fall_asleep(client: VllmClient, seconds: float) -> None:
    """Raises EngineError when it is not asleep after `seconds`."""
    client.sleep(seconds)
    if not client.is_sleeping():
        raise EngineError(f"'{client.name}' did not fall asleep", "it said so, but is awake")


def wake_up(client: VllmClient, seconds: float) -> None:
    """Weights first: when the KV cache then finds no room, the weights can be put back to sleep.

    (After a wake that failed as a whole vLLM counts everything as asleep and ignores further sleeps, but the next wake
    goes on where the last one stopped: v1/executor/abstract.py, device_allocator/cumem.py of 0.33.0.)
    Raises EngineOutOfMemory, EngineError.
    """
    try:
        client.wake(seconds, ("weights",))
        client.wake(seconds, ("kv_cache",))
    except EngineError:
        _back_to_sleep(client, seconds)
        raise
    if not client.is_sleeping():
        return
    client.wake(seconds)  # a sleep that was left half done: all memory is there, but requests are held
    if client.is_sleeping():
        raise EngineError(f"'{client.name}' did not wake up", "it said so, but is asleep")


def canary(client: VllmClient, model: str, seconds: float) -> None:
    """One greedy token; a wedged or sleeping server still answers /health with 200. Raises EngineError."""
    before = client.tokens()
    try:
        client.one_token(model, seconds)
    except NoAnswer:
        after = client.tokens()
        if before is None or after is None or after <= before:
            raise
        logger.info("%s is busy: the canary waited in vain, but tokens come", client.name)


def _back_to_sleep(client: VllmClient, seconds: float) -> None:
    try:
        client.sleep(seconds)
    except EngineError as error:
        logger.warning("%s could not go back to sleep: %s", client.name, error.sentence)
