"""The names that others build on: each promised tool, its arguments and what they may be."""

from __future__ import annotations

from typing import Any

import pytest

from tools.registry import TOOLS, get_tool
from tools.schema import function_schema

PROMISED = {
    "generate_image": "prompt character style count width height seed background",
    "generate_batch": "prompts prompt character style count", "edit_image": "image instruction",
    "make_control_maps": "image shot kinds", "check_identity": "image character",
    "speak": "text character emotion language", "speak_dialogue": "lines", "clone_voice": "audio character",
    "build_voice_dataset": "source character", "train_voice": "character", "lip_sync": "audio text character",
    "analyze_video": "video aspects", "analyze_image": "image", "analyze_audio": "audio",
    "edit_video": "video instruction", "render_timeline": "timeline", "export_timeline": "timeline format",
    "add_captions": "video text", "add_effects": "video effect", "remix_style": "video style",
    "make_parody": "video topic tone seconds", "write_storyboard": "story shots", "make_film": "story seconds style",
    "search_memory": "query", "remember": "kind name text", "rate_asset": "asset rating", "list_assets": "kind",
    "undo": "steps", "gpu_status": "",
}  # fmt: skip
CHOICES = {
    ("make_control_maps", "kinds"): "depth pose canny normal",
    ("analyze_video", "aspects"): "scenes shots composition camera coherence",
    ("export_timeline", "format"): "otio otioz edl fcpxml fcp7 srt",
}
NEEDED = {
    "edit_image": {"image", "instruction"}, "edit_video": {"video", "instruction"}, "add_effects": {"video", "effect"},
    "clone_voice": {"audio", "character"}, "remember": {"kind", "text"}, "rate_asset": {"asset", "rating"},
}  # fmt: skip
"""Tools that more than one argument is needed for: without it there is nothing to do."""


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = function_schema(get_tool(name))["function"]["parameters"]
    return found


def choices(node: Any) -> set[str]:
    """All words that a schema allows, wherever in it they stand."""
    if isinstance(node, list):
        return {word for one in node for word in choices(one)}
    if not isinstance(node, dict):
        return set()
    own = {node["const"]} if "const" in node else set(node.get("enum", ()))
    return own | {word for one in node.values() if isinstance(one, (dict, list)) for word in choices(one)}


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_tool_has_its_arguments(name: str) -> None:
    assert name in TOOLS
    found, promised = schema(name), PROMISED[name].split()
    assert set(promised) <= set(found.get("properties", {}))
    assert set(found.get("required", ())) <= NEEDED.get(name, set(promised[:1]))


@pytest.mark.parametrize(("name", "argument"), CHOICES)
def test_a_promised_choice_can_be_made(name: str, argument: str) -> None:
    assert set(CHOICES[name, argument].split()) <= choices(schema(name)["properties"][argument])


def test_lines_and_lists_have_the_promised_forms() -> None:
    args = get_tool("speak_dialogue").Args
    line = {"character": "Luca", "text": "Ciao", "emotion": "happy", "language": "it"}
    assert args.model_validate({"lines": [line]})
    assert get_tool("edit_video").Args.model_validate({"video": ["a.mp4", "b.mp4"], "instruction": "join them"})
    for rating in (1, 5):
        assert get_tool("rate_asset").Args.model_validate({"asset": "last", "rating": rating})
    with pytest.raises(ValueError, match="rating"):
        get_tool("rate_asset").Args.model_validate({"asset": "last", "rating": 6})
