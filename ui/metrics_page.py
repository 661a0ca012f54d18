"""`/metrics` for Prometheus, and `/metrics/vllm`: the figures of a vLLM server that only the studio can reach."""

from __future__ import annotations

import ipaddress
import math
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from configs.llm_services import load_services, services_file
from configs.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import Gauge
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Behind a proxy every client looks like this machine; such requests are answered only when all may read."""
VLLM_SECONDS = 5.0
VLLM_BYTES = 4 * 2**20
"""More than this is no metrics page (vLLM's own has about 100 KiB)."""
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def metrics_routes(settings: Settings) -> list[Route]:
    """The two routes, behind `server.metrics`; none of them when that is 'off'."""
    from starlette.routing import Route

    if settings.server.metrics == "off":
        return []
    from prometheus_client import disable_created_metrics

    from tools.metrics import tool_metrics

    # one more series for each, which nothing here asks for
    disable_created_metrics()  # type: ignore[no-untyped-call]
    tool_metrics()  # known from the first scrape on, not only after the first run
    watch_disk(settings.home)

    async def metrics(request: Request) -> Response:
        if refusal := _refused(request, settings.server.metrics):
            return refusal
        return await _own_figures(request)

    async def vllm(request: Request) -> Response:
        if refusal := _refused(request, settings.server.metrics):
            return refusal
        return await _vllm_figures(*remote_vllm(settings))

    return [Route("/metrics", metrics), Route("/metrics/vllm", vllm)]


def may_read(who: str, client: str, *, proxied: bool = False) -> bool:
    """Whether a client may see the metrics.

    Args:
        who: `server.metrics`.
        client: IP address of the connection's other end; '' when it has none.
        proxied: whether the request says that it came through a proxy.
    """
    if who in ("off", "all"):
        return who == "all"
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not proxied and (address.is_loopback or (who == "private" and address.is_private))


def remote_vllm(settings: Settings) -> tuple[str, dict[str, str]]:
    """Base URL of the vLLM that runs apart from the studio ('' = none), and the headers that it asks for."""
    if not settings.llm.service:
        return "", {}
    service = load_services(services_file(settings)).named(settings.llm.service)
    key = os.environ.get(service.key_env, "")
    return service.base_url, {"Authorization": f"Bearer {key}"} if key else {}


def watch_disk(home: Path) -> None:
    """Report the disk of this folder as studio_disk_mib."""
    _disk_gauge().labels("free").set_function(_disk_figure(home, "free"))
    _disk_gauge().labels("total").set_function(_disk_figure(home, "total"))


@cache
def _disk_gauge() -> Gauge:
    from prometheus_client import Gauge

    return Gauge("studio_disk_mib", "Disk of the studio's data folder, MiB", ("kind",))


def _disk_figure(home: Path, kind: str) -> Callable[[], float]:
    def read() -> float:
        try:
            return float(getattr(shutil.disk_usage(home), kind)) / 2**20
        except OSError:  # a folder that is gone must not end the whole scrape
            return math.nan

    return read


def _refused(request: Request, who: str) -> Response | None:
    from starlette.responses import PlainTextResponse

    proxied = any(name in request.headers for name in PROXY_HEADERS)
    if may_read(who, request.client.host if request.client else "", proxied=proxied):
        return None
    return PlainTextResponse(f"Metrics are not given to this address; server.metrics is '{who}'.\n", 403)


async def _own_figures(request: Request) -> Response:
    """OpenMetrics or Prometheus' plain text, as the Accept header wishes."""
    from prometheus_client import REGISTRY
    from prometheus_client.exposition import choose_encoder
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import Response

    encoder, content_type = choose_encoder(request.headers.get("accept", ""))
    body = await run_in_threadpool(encoder, REGISTRY)  # collectors may ask the driver
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


async def _vllm_figures(base_url: str, headers: dict[str, str]) -> Response:
    """The metrics of the vLLM server, and nothing else of it."""
    import httpx
    from starlette.responses import PlainTextResponse, Response

    if not base_url:
        return Response("# no vLLM server runs apart from the studio\n", headers={"Content-Type": PLAIN})
    body = bytearray()
    try:
        async with (
            httpx.AsyncClient(timeout=VLLM_SECONDS, trust_env=False) as client,
            client.stream("GET", f"{base_url.rstrip('/')}/metrics", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                return PlainTextResponse(f"vLLM answered {answer.status_code}.\n", 502)
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > VLLM_BYTES:
                    return PlainTextResponse("vLLM's metrics are larger than any metrics page.\n", 502)
    except httpx.HTTPError as error:
        return PlainTextResponse(f"vLLM does not answer ({type(error).__name__}).\n", 502)
    return Response(bytes(body), headers={"Content-Type": PLAIN, "Cache-Control": "no-store"})
