"""The thread that stays: same thread, order, errors, context variables, no leftovers."""

from __future__ import annotations

import contextvars
import gc
import threading
import weakref

import pytest

from backends.gpu.weights.own_thread import OwnThread

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def test_calls_from_any_thread_run_in_the_same_one_with_the_callers_context() -> None:
    own, seen = OwnThread("own"), []

    def ask(name: str) -> None:
        WHO.set(name)
        seen.append((name, own.call(WHO.get), own.call(threading.get_ident)))

    callers = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b", "c")]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=10)
    assert {name for name, _, _ in seen} == {"a", "b", "c"} and all(name == who for name, who, _ in seen)
    assert len({ident for _, _, ident in seen}) == 1 and seen[0][2] != threading.get_ident()
    own.end()


def test_errors_go_to_the_caller_and_the_thread_works_on() -> None:
    own = OwnThread("own")

    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        own.call(fails)
    assert own.call(lambda: 3) == 3
    own.end()


def test_results_are_not_kept_and_the_thread_ends() -> None:
    class Big:
        pass

    own = OwnThread("own-end")
    kept = weakref.ref(own.call(Big))
    own.call(lambda: None)
    gc.collect()
    assert kept() is None
    thread = own._thread
    own.end()
    own.end()
    assert thread is not None
    thread.join(timeout=10)
    assert not thread.is_alive() and own.call(lambda: 1) == 1
    own.end()
