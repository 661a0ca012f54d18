"""A gateway on this machine's own address, in a thread, for the brain."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

from backends.llm.gateway.app import create_gateway
from backends.llm.gateway.keys import KeyStore
from backends.llm.gateway.upstreams import Upstreams
from configs.errors import EngineError
from configs.settings import Settings

START_S, STOP_S = 20.0, 5.0


class LocalGateway:
    """Serves while the block runs; only who has `key` gets an answer.

    Attributes:
        base_url: e.g. http://127.0.0.1:40321/v1.
        key: random, never stored.
    """

    def __init__(self, settings: Settings, upstreams: Upstreams, *, port: int = 0) -> None:
        keys = KeyStore(None)
        self.key = keys.add("local")
        self.gateway = create_gateway(settings, upstreams, keys=keys, needs_key=True)
        self._port = port
        self.base_url = ""
        self._failure = ""

    def start(self) -> LocalGateway:
        """Raises EngineError when it cannot listen."""
        import uvicorn

        self._socket = socket.socket()
        try:
            self._socket.bind(("127.0.0.1", self._port))
        except OSError as error:
            self._socket.close()
            raise EngineError(f"The port {self._port} is taken", error.strerror or "", "Choose another") from error
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        config = uvicorn.Config(
            self.gateway,
            log_level="error",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,  # uvicorn's 5 s meet clients that ask every few seconds
            log_config=None,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="local-gateway", daemon=True)
        self._thread.start()
        until = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                self.close()
                raise EngineError("The gateway did not start", self.gateway.failure or self._failure)
            time.sleep(0.005)
        return self

    def close(self) -> None:
        """Ends open streams and waits for the thread; harmless when called twice."""
        self._server.should_exit = True
        self._thread.join(STOP_S)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(STOP_S)
        self._socket.close()

    def __enter__(self) -> LocalGateway:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except (Exception, SystemExit) as error:  # told by start()
            self._failure = str(error)
