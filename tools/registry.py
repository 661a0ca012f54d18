"""Which tools exist and where they live; modules are imported when a tool is first asked for."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module

from configs.errors import UsageError
from tools.spec import Tool

TOOLS: dict[str, str] = {
    "generate_image": "tools.image.generate:GenerateImage",
    "edit_image": "tools.image.edit:EditImage",
    "generate_batch": "tools.image.batch:GenerateBatch",
    "remake_image": "tools.image.remake:RemakeImage",
    "make_control_maps": "tools.image.controls:MakeControlMaps",
    "check_identity": "tools.image.check_identity:CheckIdentity",
    "speak": "tools.voice.speak:Speak",
    "speak_dialogue": "tools.voice.dialogue:SpeakDialogue",
    "clone_voice": "tools.voice.clone:CloneVoice",
    "check_voice": "tools.voice.check_voice:CheckVoice",
    "build_voice_dataset": "tools.voice.dataset.tool:BuildVoiceDataset",
    "train_voice": "tools.voice.train:TrainVoice",
    "train_voice_model": "tools.voice.train_model:TrainVoiceModel",
    "list_voices": "tools.voice.list_voices:ListVoices",
    "change_voice": "tools.voice.change_voice:ChangeVoice",
    "forget_voice": "tools.voice.forget_voice:ForgetVoice",
    "lip_sync": "tools.voice.lip_sync:LipSync",
    "analyze_video": "tools.analysis.video:AnalyzeVideo",
    "analyze_image": "tools.analysis.picture:AnalyzeImage",
    "analyze_audio": "tools.analysis.sound:AnalyzeAudio",
    "edit_video": "tools.editing.edit:EditVideo",
    "render_timeline": "tools.editing.render:RenderTimeline",
    "change_timeline": "tools.editing.change.tool:ChangeTimeline",
    "import_timeline": "tools.editing.handoff.take_in:ImportTimeline",
    "timeline_history": "tools.editing.history:TimelineHistory",
    "export_timeline": "tools.editing.export:ExportTimeline",
    "add_captions": "tools.editing.captions:AddCaptions",
    "add_effects": "tools.editing.add_effects:AddEffects",
    "remix_style": "tools.editing.remix.tool:RemixStyle",
    "make_parody": "tools.editing.parody.make_parody:MakeParody",
    "animate_shot": "tools.film.animate:AnimateShot",
    "write_storyboard": "tools.film.storyboard:WriteStoryboard",
    "make_film": "tools.film.make_film:MakeFilm",
    "search_memory": "tools.memory.search:SearchMemory",
    "remember": "tools.memory.remember:Remember",
    "rate_asset": "tools.memory.rate:RateAsset",
    "rename_asset": "tools.memory.rename:RenameAsset",
    "rename_character": "tools.memory.rename_character:RenameCharacter",
    "list_assets": "tools.project.assets:ListAssets",
    "undo": "tools.project.undo:Undo",
    "redo": "tools.project.redo:Redo",
    "gpu_status": "tools.project.gpu:GpuStatus",
}


@cache
def get_tool(name: str) -> Tool:
    """The tool of this name. Raises UsageError with the nearest name."""
    if name not in TOOLS:
        near = difflib.get_close_matches(name, TOOLS, n=1)
        raise UsageError(
            f"There is no tool '{name}'", fix=f"Did you mean '{near[0]}'?" if near else "See 'studio tools'"
        )
    module, _, attribute = TOOLS[name].partition(":")
    tool: Tool = getattr(import_module(module), attribute)()
    return tool


def group_of(name: str) -> str:
    """The folder that a tool lives in (image, voice, film, ...), without importing it."""
    return TOOLS[name].split(".")[1] if TOOLS[name].startswith("tools.") else TOOLS[name].split(":")[0]


def all_tools() -> list[Tool]:
    """Every tool, in the order of the table."""
    return [get_tool(name) for name in TOOLS]
