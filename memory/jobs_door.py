"""The part of memory's door that leads to conversations, jobs, takes and timings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from memory.jobs import Job, JobStep, Take, Thread
from memory.opened import Opened


class JobsDoor(ABC):
    """What `Memory` tells and keeps of work: which conversation, which step is done, how long it took."""

    @property
    @abstractmethod
    def _it(self) -> Opened:
        """The open memory; raises StudioError after it was closed."""

    def upsert_thread(self, thread_id: str, title: str = "") -> Thread:
        """Record a conversation as just used; an empty title keeps the former one."""
        return self._it.jobs.upsert_thread(thread_id, title)

    def list_threads(self, limit: int = 50) -> list[Thread]:
        """The last used first."""
        return self._it.jobs.threads(limit)

    def start_job(self, job_id: str, thread: str, tool: str, args: Mapping[str, Any]) -> Job:
        """Open a job, or open a known one again with its finished steps."""
        return self._it.jobs.start(job_id, thread, tool, args)

    def job_step_done(
        self, job_id: str, key: str, asset_ids: Sequence[str], seconds: float, data: Mapping[str, Any] | None = None
    ) -> None:
        """Record a finished step, committed at once."""
        self._it.jobs.step_done(job_id, key, asset_ids, seconds, data)

    def job_step(self, job_id: str, key: str) -> JobStep | None:
        """A finished step, or None when there is none or one of its assets is gone or was undone."""
        return self._it.jobs.step(job_id, key)

    def job_step_begun(self, job_id: str, key: str, last: int) -> int:
        """Note that a step begins after the conversation's change number `last`; that number.

        Of a step that a kill has ended, the number from before its first beginning, unless more was done since than
        something remembered: what it had remembered by then is undone together with what it makes now.
        """
        return self._it.jobs.begun(job_id, key, last)

    def job_step_ended(self, job_id: str, key: str) -> None:
        """The step has ended, whatever it came to."""
        self._it.jobs.ended(job_id, key)

    def finish_job(self, job_id: str, status: str = "done") -> None:
        """End a job: done, failed or cancelled."""
        self._it.jobs.finish(job_id, status)

    def open_jobs(self, thread: str | None = None) -> list[Job]:
        """Jobs that were started and not finished, oldest first; None = of every conversation."""
        return self._it.jobs.open_jobs(thread)

    def add_take(self, film: str, shot: str, asset_id: str, score: float | None = None, kept: bool = False) -> Take:
        """Record the next try at a shot; a kept one takes the place of the former kept one."""
        return self._it.jobs.add_take(film, shot, asset_id, score, kept)

    def list_takes(self, film: str, shot: str | None = None) -> list[Take]:
        """The tries at one shot, or at all shots of a film, in order."""
        return self._it.jobs.takes(film, shot)

    def add_timing(self, tool: str, engine: str, size_key: str, seconds: float, peak_mib: float | None = None) -> None:
        """Record how long a call took (seconds) and the most memory it used (MiB)."""
        self._it.jobs.add_timing(tool, engine, size_key, seconds, peak_mib)

    def typical_seconds(self, tool: str, engine: str, size_key: str) -> float | None:
        """Median of the last 20 calls; None under 3."""
        return self._it.jobs.typical_seconds(tool, engine, size_key)
