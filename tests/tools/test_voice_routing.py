"""Which engine speaks, and that every fallback is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from configs.settings import Settings
from configs.workspace import Workspace
from memory.store import Memory
from tools.spec import Studio
from tools.voice.routing import likely_language, route


@pytest.fixture
def studio(settings: Settings, workspace: Workspace) -> Iterator[Studio]:
    with Memory.open(workspace, index="numpy", embedder="letters") as memory:
        yield Studio(settings, workspace, memory)


def test_without_cloned_voices_espeak_is_the_default_and_no_fallback(studio: Studio) -> None:
    studio.memory.remember("character", "Luca", "a curious boy", {})
    assert route(studio, "Luca", "it", "happy").engine == "espeak"
    assert route(studio, "", "en", "neutral").notes == ()


def test_italian_asked_of_gpt_sovits_goes_elsewhere_and_says_so(studio: Studio) -> None:
    found = route(studio, "", "it", "neutral", engine="gpt_sovits")
    assert found.engine == "espeak" and found.source is None
    assert found.notes == ("gpt_sovits does not speak the language 'it'.", "espeak speaks instead.")


@pytest.mark.parametrize(
    ("wanted", "text", "language"),
    [("", "Dove andiamo oggi?", "it"), ("Italian", "hello", "it"), ("it-IT", "", "it"), ("klingon", "nuqneH", "")],
)
def test_the_language_is_known_before_an_engine_is_chosen(
    studio: Studio, wanted: str, text: str, language: str
) -> None:
    assert likely_language(studio, "", wanted, text) == language
