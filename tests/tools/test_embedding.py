"""The studio's embedder says what sentence-transformers says of the same weights, without importing torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from configs.errors import StudioError
from configs.workspace import Workspace
from memory.embedder import HashEmbedder, SentenceEmbedder, packaged_folder
from memory.store import Memory
from tools.embedding import PackagedEmbedder, studio_embedder

needs_weights = pytest.mark.skipif(packaged_folder() is None, reason="the packaged MiniLM is not installed")
TEXTS = ["the slow push-in on the girl at night", "", "ciao, è già mattina!", "word " * 180, "x" * 3000]

SEARCH = """
import sys
from pathlib import Path
from configs.settings import load_settings
from tools.opening import opened_executor
with opened_executor(load_settings(home=Path(sys.argv[1]))) as executor:
    (hit, *_) = executor.studio.memory.search("young woman, ginger hair")
    print(hit.name, *[name for name in ("torch", "sentence_transformers", "transformers") if name in sys.modules])
"""


@needs_weights
def test_its_vectors_are_those_of_sentence_transformers() -> None:
    folder = packaged_folder()
    assert folder is not None
    theirs = SentenceEmbedder(folder, "all-MiniLM-L6-v2")
    mine = studio_embedder("auto")
    assert (mine.name, mine.is_semantic, mine.cosine_floor) == (theirs.name, True, theirs.cosine_floor)
    vectors = mine.encode(TEXTS)
    assert vectors.dtype == np.float32 and np.abs(vectors - theirs.encode(TEXTS)).max() < 1e-4
    assert studio_embedder("auto") is mine and mine.encode([]).shape == (0, 384)


@needs_weights
def test_a_search_of_the_studio_imports_no_torch(workspace: Workspace) -> None:
    with Memory.open(workspace, embedder="letters") as memory:
        memory.remember("character", "Giulia", "a girl with red braids")
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(workspace.home)],
        capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.split() == ["Giulia"], done.stdout + done.stderr


def test_other_settings_are_the_memorys_own() -> None:
    assert isinstance(studio_embedder("letters"), HashEmbedder)
    with pytest.raises(StudioError, match="no sentence encoder"):
        studio_embedder("/nowhere")


def test_broken_weights_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(StudioError, match="cannot be loaded"):
        PackagedEmbedder(tmp_path).encode(["a"])
