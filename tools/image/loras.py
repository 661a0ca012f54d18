"""Which LoRAs a picture is made with: what was asked for, and what its characters, style and background call for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backends.image.engine import LoraUse
from configs.errors import UsageError
from configs.image_tables import model_path
from configs.lora_registry import Category, LoraRegistry, load_loras
from configs.sdxl_config import load_sdxl_config
from configs.settings import Settings
from memory.names import name_key, nearest
from tools.image.lora_words import calling_words, loras_called_by, loras_of_character, strip_tags, with_triggers
from tools.image.presets import preset_for


@dataclass(frozen=True)
class LoraWish:
    """A LoRA that somebody asked for by its name."""

    name: str
    """Its name in the registry, in any case; or what calls for it, when that is one LoRA's only."""
    weight: float | None = None
    """None: the registry's."""
    trigger: str = ""
    """The word that whoever asks believes to call it; '' = not said."""


@dataclass(frozen=True)
class LoraChoice:
    uses: tuple[LoraUse, ...]
    prompt: str
    """With the LoRAs' trigger words in front, without '<lora:...>' tags."""
    notes: tuple[str, ...]
    """What the user should know, one sentence each, without a full stop."""


def choose_loras(
    settings: Settings, names: Sequence[str], style: str, background: str, prompt: str, asked: Sequence[LoraWish] = ()
) -> LoraChoice:
    """Choose LoRAs and put their trigger words into the prompt. The same arguments give the same choice.

    Args:
        names: the picture's characters, as memory spells them.
        style, background: what was said of the look and of the place, '' for nothing.
        prompt: the text for SDXL; tags like '<lora:luca_v2:0.8>' in it count as asked for, and are taken out.
        asked: these are used, or refused: an unknown name, a weight out of its range, a missing file.

    LoRAs that nobody asked for by name are used when their file is there, else a note says so. Where a style or a
    background LoRA was asked for, no other one of its category is added, nor a second one of a character.
    Raises UsageError.
    """
    prompt, tags = strip_tags(prompt)
    choosing = _Choosing(settings, load_loras(settings))
    choosing.take_asked([*asked, *(LoraWish(name, weight) for name, weight in tags)])
    for name in dict.fromkeys(names):
        choosing.take_character(name)
    choosing.take_by_words("style", style)
    choosing.take_by_words("background", background)
    choosing.warn_of_sum(load_sdxl_config(settings).lora_sum_warning)
    prompt, notes = with_triggers(prompt, [(name, choosing.triggers(name)) for name in choosing.uses])
    return LoraChoice(tuple(choosing.uses.values()), prompt, tuple(dict.fromkeys((*choosing.notes, *notes))))


def character_lora(settings: Settings, name: str) -> str:
    """The LoRA in the registry that a character is drawn with when its file is there; '' for none."""
    loras = load_loras(settings).loras
    preset = preset_for(settings, name)
    chosen = [preset.lora] if preset and preset.lora else loras_of_character(loras, name)
    there = (lora for lora in chosen if lora in loras and model_path(settings, loras[lora].path).is_file())
    return next(there, "")


class _Choosing:
    """What is chosen so far, in order."""

    def __init__(self, settings: Settings, registry: LoraRegistry) -> None:
        self._settings, self._loras = settings, registry.loras
        self._said: dict[str, str] = {}  # triggers that wishes named for LoRAs without any in the registry
        self.uses: dict[str, LoraUse] = {}
        self.notes: list[str] = []

    def take_asked(self, wishes: Sequence[LoraWish]) -> None:
        """Take every wish, in order. Raises UsageError."""
        for wish in wishes:
            name = self._named(wish.name)
            if name in self.uses:
                used = self.uses[name].weight
                self.notes.append(f"The LoRA '{name}' was asked for twice: it is used once, with weight {used:g}")
                continue
            self._take(name, wish.weight, "the request", must=True)
            self._check_trigger(name, wish.trigger)
        characters = [name for name in self.uses if self._loras[name].category == "character"]
        for at, first in enumerate(characters):
            for second in characters[at + 1 :]:
                if set(self._words(first)) & set(self._words(second)):
                    self.notes.append(
                        f"The LoRAs '{first}' and '{second}' are of the same character: together they often spoil it"
                    )

    def take_character(self, name: str) -> None:
        """Its preset's LoRA, else the registry's first for its name, unless one of it was asked for."""
        preset = preset_for(self._settings, name)
        found = loras_of_character(self._loras, name)
        if any(lora in self.uses for lora in (*found, *((preset.lora,) if preset else ()))):
            return
        if preset and preset.lora:
            if preset.lora not in self._loras:
                self.notes.append(
                    f"{name} is drawn without a LoRA: character_presets.yaml names '{preset.lora}', "
                    f"which is not in the LoRA registry{self._nearest(preset.lora)}"
                )
                return
            self._take(preset.lora, preset.weight, f"{name} in character_presets.yaml")
            return
        if not found:
            return
        self._take(found[0], preset.weight if preset else None, name)
        if len(found) > 1:
            others = ", ".join(f"'{other}'" for other in found[1:])
            self.notes.append(f"{name} has several LoRAs: '{found[0]}' is the first, not used are {others}")

    def take_by_words(self, category: Category, text: str) -> None:
        """The LoRA of a category whose words say most of the text, unless one of the category was asked for."""
        if not text.strip() or any(self._loras[name].category == category for name in self.uses):
            return
        found = loras_called_by(self._loras, category, text)
        for at, name in enumerate(found):
            if self._take(name, None, f"the {category} '{text.strip()[:60]}'"):
                if rest := found[at + 1 :]:
                    others = ", ".join(f"'{other}'" for other in rest)
                    self.notes.append(f"The {category} LoRA '{name}' fits best; not used are {others}")
                return

    def warn_of_sum(self, most: float) -> None:
        total = sum(abs(use.weight) for use in self.uses.values())
        if total > most and len(self.uses) > 1:
            self.notes.append(
                f"The weights of {len(self.uses)} LoRAs sum up to {total:.3g}: above {most:g} pictures often break; "
                "lower some of them"
            )

    def triggers(self, name: str) -> tuple[str, ...]:
        said = self._said.get(name, "")
        return self._loras[name].triggers or ((said,) if said else ())

    def _take(self, name: str, weight: float | None, why: str, *, must: bool = False) -> bool:
        """Use one; False when its file is missing and it need not be there. Raises UsageError."""
        spec = self._loras[name]
        weight = spec.weight if weight is None else weight
        if not spec.min_weight <= weight <= spec.max_weight:
            raise UsageError(
                f"The LoRA '{name}' cannot have the weight {weight:g} ({why})",
                f"the LoRA registry allows {spec.min_weight:g} to {spec.max_weight:g}",
                "Choose a weight in that range",
            )
        path = model_path(self._settings, spec.path)
        if path.is_file():
            self.uses[name] = LoraUse(name, str(path), weight, spec.sha256, dict(spec.blocks))
            return True
        if must:
            raise UsageError(
                f"The LoRA '{name}' has no file", f"{path} does not exist",
                "Put it there, or correct its path in lora_registry.yaml",
            )  # fmt: skip
        self.notes.append(f"The LoRA '{name}' ({why}) is not used: its file {path} does not exist")
        return False

    def _named(self, asked: str) -> str:
        key = name_key(asked)
        if asked in self._loras:
            return asked
        if same := [name for name in self._loras if name_key(name) == key]:
            return same[0]
        called = [name for name in self._loras if key in self._words(name)]
        if len(called) == 1:
            return called[0]
        if called:
            raise UsageError(
                f"'{asked[:80]}' is more than one LoRA", ", ".join(f"'{name}'" for name in called), "Name one of them"
            )
        if not self._loras:
            raise UsageError(
                f"There is no LoRA '{asked[:80]}'", "the LoRA registry is empty",
                "Put LoRAs into the warehouse and run 'studio models scan --write'",
            )  # fmt: skip
        near = nearest(asked, self._loras, 3)
        raise UsageError(
            f"There is no LoRA '{asked[:80]}'", "it is not in the LoRA registry", f"Nearest: {', '.join(near)}"
        )

    def _words(self, name: str) -> tuple[str, ...]:
        return calling_words(name, self._loras[name])

    def _check_trigger(self, name: str, said: str) -> None:
        known = self._loras[name].triggers
        if not said.strip():
            return
        if not known:
            self._said[name] = said.strip()
        elif name_key(said) not in {name_key(trigger) for trigger in known}:
            right = ", ".join(f"'{trigger}'" for trigger in known)
            self.notes.append(
                f"The LoRA '{name}' is called by {right}, not by '{said.strip()[:60]}': the right one is used"
            )

    def _nearest(self, name: str) -> str:
        near = nearest(name, self._loras, 1)
        return f" (did you mean '{near[0]}'?)" if near else ""
