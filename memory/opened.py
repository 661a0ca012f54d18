"""What all handles of one home folder in this process share, counted so that the last one closes it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from configs.workspace import Workspace
from memory.assets import Assets
from memory.catalogue import Catalogue
from memory.changes import Changes
from memory.dense import DenseSearch
from memory.embedder import Embedder, shared_embedder
from memory.entries import Entries
from memory.index import IndexName
from memory.jobs import Jobs
from memory.lanes import LANES
from memory.ownership import Ownership
from memory.search import Search
from memory.shots import Shots


class Opened:
    """The open files of one memory."""

    def __init__(self, workspace: Workspace, index: IndexName, embedder: Embedder) -> None:
        self.key = (os.getpid(), workspace.home)
        self.users = 0
        self.ownership = Ownership(workspace.home)
        try:
            self.catalogue = Catalogue(workspace.database, check=self.ownership.unclean)
        except BaseException:
            self.ownership.release()
            raise
        self.assets = Assets(self.catalogue, workspace)
        self.entries = Entries(self.catalogue)
        self.shots = Shots(self.catalogue)
        self.jobs = Jobs(self.catalogue)
        self.changes = Changes(self.catalogue, workspace.home)
        self.changes.settle()
        self.embedder = embedder
        self.dense = {lane: DenseSearch(self.catalogue, workspace.home, index, embedder, lane) for lane in LANES}
        self.search = Search(self.catalogue, self.assets, self.entries, self.shots, self.dense)

    def close(self) -> None:
        """Write what is open and free the folder."""
        try:
            self.search.close()
            for dense in self.dense.values():
                dense.close()
            self.catalogue.close()
        finally:
            self.ownership.release()


_open: dict[tuple[int, Path], Opened] = {}
"""By process and home: a forked child does not take over its parent's connections."""
_lock = threading.RLock()


def acquire(workspace: Workspace, index: IndexName, embedder: Embedder | str) -> Opened:
    """The open memory of this home, opened by the first call."""
    key = (os.getpid(), workspace.home)
    with _lock:
        if key not in _open:
            encoder = shared_embedder(embedder) if isinstance(embedder, str) else embedder
            _open[key] = Opened(workspace, index, encoder)
        _open[key].users += 1
        return _open[key]


def release(opened: Opened) -> None:
    """Give back what `acquire` returned; the last one closes it."""
    with _lock:
        opened.users -= 1
        if opened.users == 0:
            _open.pop(opened.key, None)
            opened.close()
