"""An OpenAI-compatible endpoint that runs on its own."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backends.gpu.engine import OnStart
from backends.llm.gateway.upstreams import ModelCard, Upstream
from configs.errors import EngineError, UsageError

LIST_S = 30.0
"""So long the endpoint's list of models is believed."""
TIMEOUT_S = 5.0


@dataclass
class _Open:
    """Always there: nothing has to be brought up or given back."""

    base_url: str
    served_model: str
    headers: dict[str, str]
    stand_in: str = ""
    notices: tuple[str, ...] = ()

    def release(self) -> None:
        pass

    def on_void(self, tell: Callable[[str], None]) -> None:
        pass


class FixedUpstream:
    """One endpoint.

    Args:
        base_url: with or without /v1.
        models: names that may be asked for; () = those that the endpoint lists.
        default: what 'default' and 'judge' mean; '' = the first model.
        api_key: sent to the endpoint; clients' own keys never are.
    """

    def __init__(self, base_url: str, models: Sequence[str] = (), *, default: str = "", api_key: str = "") -> None:
        self._base_url = base_url.rstrip("/").removesuffix("/v1")
        self._fixed, self._default = tuple(models), default
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key and api_key != "none" else {}
        self._listed: tuple[float, tuple[ModelCard, ...]] = (float("-inf"), ())

    async def models(self) -> Sequence[ModelCard]:
        if self._fixed:
            return [ModelCard(name, f"{self._base_url}|{name}") for name in self._fixed]
        read_at, cards = self._listed
        if time.monotonic() - read_at > LIST_S:
            try:
                cards = await self._list()
            except EngineError:
                if not cards:
                    raise
                # A list that was right a minute ago is better than none; the request itself will tell.
            self._listed = (time.monotonic(), cards)
        return cards

    async def card(self, name: str) -> ModelCard:
        cards = await self.models()
        if name in ("default", "judge") and all(card.name != name for card in cards):
            name = self._default or (cards[0].name if cards else name)
        found = next((card for card in cards if card.name == name), None)
        if found is not None:
            return found
        if not cards:  # it has no list, so it must judge the name itself
            return ModelCard(name, f"{self._base_url}|{name}", listed=False)
        near = difflib.get_close_matches(name, [card.name for card in cards], n=1, cutoff=0.4)
        raise UsageError(
            f"There is no model '{name}'",
            fix=f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(card.name for card in cards[:20])}",
        )

    async def acquire(self, model: str, holder: str, on_start: OnStart) -> Upstream:
        return _Open(self._base_url, model, self._headers)

    def suspect(self, model: str, reason: str) -> None:
        pass

    async def _list(self) -> tuple[ModelCard, ...]:
        import aiohttp

        url = f"{self._base_url}/v1/models"
        limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, headers=self._headers) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                if answer.status in (404, 405):
                    return ()
                answer.raise_for_status()
                rows = (await answer.json(content_type=None))["data"]
                return tuple(
                    ModelCard(str(row["id"]), f"{url}|{row['id']}", context=row.get("max_model_len")) for row in rows
                )
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = " ".join(str(error).split())[:160] or type(error).__name__
            raise EngineError("The endpoint does not list its models", f"{url}: {why}", "Start the server") from error
