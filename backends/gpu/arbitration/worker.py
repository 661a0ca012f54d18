"""Blocking calls in threads of their own, with the result as an event on the arbiter's loop."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """One daemon thread per call: a call that never returns neither blocks another nor the end of the process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.running: Counter[str] = Counter()
        """Calls that have not returned, by name."""

    async def run(self, name: str, call: Callable[[], T]) -> T:
        """The result of `call()`; its exception is raised here."""
        done: asyncio.Future[T] = self._loop.create_future()
        self.running[name] += 1

        def finish(result: Any, error: BaseException | None) -> None:
            self.running[name] -= 1
            if not self.running[name]:
                del self.running[name]
            if done.done():  # whoever waited was cancelled
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        def body() -> None:
            try:
                result, error = call(), None
            except BaseException as caught:  # handed over to the loop, whatever it is
                result, error = None, caught
                if isinstance(caught, StopIteration):
                    error = RuntimeError("StopIteration")
            self.post(lambda: finish(result, error))

        threading.Thread(target=body, name=name, daemon=True).start()
        return await done

    def post(self, call: Callable[[], object]) -> None:
        """Run `call()` on the loop soon; from any thread. Nothing happens once the loop is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)
