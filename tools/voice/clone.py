"""clone_voice: a character speaks with the voice of a recording, or with the nearest that can be had here."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator

from backends.media.probe import MediaInfo, probe
from backends.voice.emotions.prosody import emotion_named
from backends.voice.engines.protocol import EMOTIONS
from backends.voice.profile import voice_from_fields
from backends.voice.shaping.fit import Fit, facts_of, fit, praat_missing
from backends.voice.speakers.likeness import find_encoder
from backends.voice.speakers.sample import Heard, Stretch, choose, hear
from backends.voice.texts.language import language_tag
from backends.voice.texts.written import clean_name
from backends.voice.wav import read_wav
from configs.character_voices import load_character_voices
from configs.errors import StudioError, UsageError
from configs.voice_training import Cloning, load_voice_training
from memory.records import Asset, Entry, Score
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import MOST_NAME
from tools.voice.clone_reference import held_out_stretch, other_voices, words_of, write_reference
from tools.voice.consent import CLONING, Consent, Recording, agreed, consent_of
from tools.voice.own_words import only_said
from tools.voice.routing import route


class CloneVoiceArgs(ToolArgs):
    audio: str = Field(
        description="The recording: a sound or a film, an asset id, an attached file's name, or a path in the "
        "workspace. The best 3 to 10 s of it are used."
    )
    character: str = Field(description="Whose voice it shall be: a character's name; a new name is remembered.")
    text: str = Field("", description="What is said in the recording, word for word; '' lets the recogniser write it.")
    emotion: str = Field("neutral", description=f"How it is said there, one of: {', '.join(EMOTIONS)}.")
    language: str = Field("", description="Language of the recording, such as en or it; '' takes the words' own.")
    person: str = Field("", description="Whose real voice is recorded: a name; '' when consent says it.")
    consent: str = Field(
        "",
        description="Who agreed, in the user's own words: 'my own voice', 'written consent of NAME', "
        "'licensed recording: LICENCE', 'a synthetic voice'. Never invent it: leave it empty, and the user is asked.",
    )

    @field_validator("emotion")
    @classmethod
    def _known_emotion(cls, value: str) -> str:
        return emotion_named(value)


@dataclasses.dataclass(frozen=True)
class Taken:
    """What was made of the recording."""

    reference: Asset
    stretch: Stretch
    text: str
    language: str
    seconds: float


class CloneVoice(Tool):
    name = "clone_voice"
    description = (
        "Give a character the voice of a recording (a sound or a film with one speaker). Several recordings in several "
        "emotions may be given one after another. Asks who consented when it is a real person's voice. Without a "
        "cloning engine a voice of like pitch and age stands in."
    )
    Args = CloneVoiceArgs
    makes = "audio"
    time_limit_s = 1800.0
    retried = False

    def only_said(self, args: Mapping[str, Any], told: Sequence[str]) -> dict[str, Any]:
        return only_said(args, told)

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        return frozenset({"espeak"})

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        return Forecast(seconds=4.5, disk_mib=2.0)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        rules = load_voice_training(ctx.settings).cloning
        asset = ctx.asset(args.audio, "audio", "video")
        path, name = ctx.path(asset), args.character.strip()
        if not name:
            raise UsageError("Whose voice shall it be?", "no character is named", "Name the character")
        entry = known_character(ctx, name)
        name, known = (entry.name, bool(entry.id)) if entry is not None else (clean_name(name, MOST_NAME), False)
        info = probe(path)
        if not info.has_audio:
            raise UsageError(f"'{asset.name}' has no sound", "there is no sound track in it", "Name another recording")
        heard, stretch, best, others = self._chosen(ctx, asset, info, rules)
        recording = Recording(asset.sha256, asset.name, asset, path)
        consent = agreed(ctx.memory, name, entry, [recording], args.consent, args.person)
        ctx.progress(5, 10, "cutting the reference")
        taken = self._taken(ctx, args, asset, name, heard, stretch, consent)
        kept = replaced(ctx, entry, consent)
        ctx.progress(6, 10, "fitting the offline voice")
        fitted = self._fitted(ctx, name, entry, taken) if args.emotion == "neutral" or "neutral" not in kept else None
        entry = _remembered(ctx, name, entry, kept, args.emotion, taken, consent, fitted)
        held_out = held_out_stretch(ctx, path, info, heard, stretch, rules, others)
        spoken, told, details = self._tried(ctx, entry, taken, args.emotion, held_out)
        ctx.progress(10, 10, "cloned")
        which = "voice" if args.emotion == "neutral" else f"{args.emotion} voice"
        new = "" if known else " The character is new and remembered now."
        summary = (
            f"{name}'s {which} was taken from {stretch.start:.1f} to {stretch.end:.1f} s of '{asset.name}', under "
            f"{consent.short}. {told}{new}"
        )
        return ToolResult(
            summary=summary.encode()[:SUMMARY_LIMIT].decode(errors="ignore"),
            assets=(*((spoken,) if spoken is not None else ()), taken.reference),
            measurements=_measurements(stretch, fitted, spoken),
            data={
                "character": name,
                "emotion": args.emotion,
                "reference": taken.reference.id,
                "text": taken.text,
                "language": taken.language,
                "consent": consent.to_data(),
                "stretches": [dataclasses.asdict(one) for one in best],
                "details": [*_details(stretch, consent, fitted), *details],
            },
        )

    def _chosen(
        self, ctx: ToolContext, asset: Asset, info: MediaInfo, rules: Cloning
    ) -> tuple[Heard, Stretch, tuple[Stretch, ...], tuple[tuple[float, float], ...]]:
        encoder, why = find_encoder(ctx.settings)
        if encoder is None:
            ctx.warn(f"Whether one voice alone is heard was not measured: {why}.")
        length = max(info.seconds, 0.1)
        heard = hear(
            ctx.path(asset), info, rules.heard_minutes, ctx.cancel.check,
            lambda at: ctx.progress(4 * min(1.0, at / length), 10, f"listening to {asset.name}"), encoder=encoder,
        )  # fmt: skip
        for text in heard.warnings:
            ctx.warn(text)
        if heard.stopped:
            ctx.warn(f"Only the first {rules.heard_minutes:g} minutes of '{asset.name}' were looked at.")
        if heard.channels > 1:
            ctx.warn(f"'{asset.name}' has {heard.channels} channels; they were mixed to one.")
        if 0 < heard.rate < rules.low_rate_hz:
            ctx.warn(
                f"'{asset.name}' has only {heard.rate / 1000:g} kHz, as on a telephone: a voice cloned from it is dull."
            )
        others = other_voices(ctx, asset, info, heard)
        stretch, best = choose(heard, rules, encoder, asset.name, others=others)
        if stretch.snr_db < rules.least_snr_db:
            ctx.warn(
                f"The recording is noisy ({stretch.snr_db:.0f} dB, wanted {rules.least_snr_db:g} dB or more): "
                "cloning engines copy the noise too."
            )
        return heard, stretch, best, others

    def _taken(
        self, ctx: ToolContext, args: Any, asset: Asset, name: str, heard: Heard, stretch: Stretch, consent: Consent
    ) -> Taken:
        language = _language(args.language)
        file = write_reference(ctx, ctx.path(asset), probe(ctx.path(asset)), stretch, name, consent)
        text, language = words_of(ctx, file, args.text, language, heard, stretch)
        scores = [Score("snr", round(stretch.snr_db, 1), "measured", "speech over pauses, dB")]
        if stretch.purity is not None:
            encoder, _ = find_encoder(ctx.settings)
            by = f"least cosine within, {encoder.name if encoder is not None else ''}"
            scores.append(Score("purity", round(stretch.purity, 3), "measured", by))
        samples, rate = read_wav(file)
        reference = ctx.save(
            file, "audio", f"{name}'s voice, {args.emotion} (recording)",
            params={
                "reference": True, "character": name, "emotion": args.emotion, "text": text, "language": language,
                "start": round(stretch.start, 3), "end": round(stretch.end, 3), "sample_rate": rate,
                "duration": round(len(samples) / rate, 3), "consent": consent.id,
            },
            parents=(asset.id,), scores=tuple(scores),
            summary=f"{len(samples) / rate:.1f} s of '{asset.name}', the {args.emotion} voice of {name}",
        )  # fmt: skip
        return Taken(reference, stretch, text, language, len(samples) / rate)

    def _fitted(self, ctx: ToolContext, name: str, entry: Entry | None, taken: Taken) -> Fit | None:
        if why := praat_missing():
            ctx.warn(f"The offline voice of {name} was not fitted to the recording: {why}.")
            return None
        samples, rate = read_wav(ctx.path(taken.reference))
        start = voice_from_fields(
            name, entry.text if entry is not None else "", entry.data if entry is not None else {}
        )
        try:
            return fit(
                facts_of(samples, rate), start, ctx.engine("voice"), taken.language or "en",
                beat=lambda done, total: ctx.progress(6 + 2 * done / total, 10, "fitting the offline voice"),
            )  # fmt: skip
        except StudioError as error:
            ctx.warn(f"The offline voice of {name} was not fitted: {error.sentence}")
            return None

    def _tried(
        self, ctx: ToolContext, entry: Entry, taken: Taken, emotion: str, held_out: list[str]
    ) -> tuple[Asset | None, str, tuple[str, ...]]:
        """A test line in the cloned voice where an engine can speak it, what to tell, and its details."""
        found = route(Studio(ctx.settings, ctx.workspace, ctx.memory), entry.name, taken.language, emotion)
        if found.engine not in CLONING:
            told = (
                f"It is not a cloned voice yet: no cloning engine is ready here ('studio doctor' tells why), so "
                f"{entry.name} speaks with a built-in voice fitted to the recording until one is."
            )
            return None, told, (*found.notes, *found.details)
        ctx.progress(8, 10, "speaking a test line")
        wish = {"character": entry.name, "language": taken.language, "emotion": emotion, "held_out": held_out}
        try:
            outcome = ctx.call("check_voice", wish, title=f"test line of {entry.name}")
        except StudioError as error:
            ctx.warn(f"The recording is kept, but a test line failed: {error.sentence}")
            return None, f"{found.engine} will speak with it.", ()
        told = outcome.result.summary if outcome.result is not None else ""
        details = outcome.result.data.get("details", ()) if outcome.result is not None else ()
        return outcome.assets[0], told, tuple(details)


def known_character(ctx: ToolContext | Studio, name: str) -> Entry | None:
    """Who is meant: a remembered character, or one of configs/character_voices.yaml, not remembered yet; else None."""
    entry = ctx.memory.resolve_character(name)
    if entry is not None:
        return entry
    found = load_character_voices(ctx.settings).find(name)
    if found is None:
        return None
    data = {"language": found[1].language} if found[1].language else {}
    return Entry("", "character", found[0], found[1].description, data)


def replaced(ctx: ToolContext, entry: Entry | None, consent: Consent) -> dict[str, Any]:
    """The references that stay: none of another person's, so that one character never speaks with two voices."""
    source = dict(entry.data.get("voice_source") or {}) if entry is not None else {}
    references = dict(source.get("references") or {})
    before = consent_of(entry.data) if entry is not None else None
    if before is None or (before.person, before.basis) == (consent.person, consent.basis):
        return references
    if references:
        ctx.warn(f"The former voice ({before.line}) was taken from the character: it is another person's.")
    return {}


def _remembered(
    ctx: ToolContext,
    name: str,
    entry: Entry | None,
    references: dict[str, Any],
    emotion: str,
    taken: Taken,
    consent: Consent,
    fitted: Fit | None,
) -> Entry:
    data = dict(entry.data) if entry is not None else {}
    before = dict(data.get("voice_source") or {})
    same = bool(references)
    references = {
        **references,
        emotion: {"asset": taken.reference.id, "text": taken.text, "language": taken.language},
    }
    data["voice_source"] = {
        "engine": before.get("engine", "") if same else "",
        "weights": before.get("weights", {}) if same else {},
        "references": references,
        "consent": consent.to_data(),
        "licence": consent.said if consent.basis == "licensed_recording" else "",
        "report": before.get("report", {}) if same else {},
    }
    if fitted is not None:
        voice = dataclasses.asdict(fitted.profile)
        data["voice"] = {**voice, "fixed": True, "fitted_to": taken.reference.id}
    when = datetime.date.today().isoformat()
    text = entry.text if entry is not None else f"A character with a voice from a recording ({when})."
    return ctx.memory.remember("character", name, text, data, source="tool", thread=ctx.thread)


def _details(stretch: Stretch, consent: Consent, fitted: Fit | None) -> list[str]:
    """What few want to know."""
    clean = f"Signal to noise {stretch.snr_db:.0f} dB, {stretch.clipped_share:.2%} of the samples clipped"
    alone = f", least likeness within it {stretch.purity:.2f}" if stretch.purity is not None else ""
    made = [f"{clean}{alone}.", f"Consent: {consent.line}."]
    if fitted is not None and fitted.recording.pitch_hz and fitted.stand_in.pitch_hz:
        made.append(
            f"The built-in voice speaks at {fitted.stand_in.pitch_hz:.0f} Hz, the recording at "
            f"{fitted.recording.pitch_hz:.0f} Hz."
        )
    return made


def _language(wanted: str) -> str:
    if not wanted.strip():
        return ""
    from backends.voice.engines.espeak import EspeakEngine

    return language_tag(wanted, EspeakEngine().capabilities().languages)


def _measurements(stretch: Stretch, fitted: Fit | None, spoken: Asset | None) -> dict[str, Any]:
    similar = next((s for s in spoken.scores if s.name == "similarity"), None) if spoken is not None else None
    figures: dict[str, Any] = {
        "seconds": round(stretch.seconds, 2),
        "snr_db": round(stretch.snr_db, 1),
        "clipped_share": round(stretch.clipped_share, 5),
        "purity": round(stretch.purity, 3) if stretch.purity is not None else "not measured",
        "similarity": similar.value if similar is not None and similar.value is not None else "not measured",
    }
    if fitted is not None:
        figures |= {
            "pitch_hz": fitted.recording.pitch_hz,
            "stand_in_pitch_hz": fitted.stand_in.pitch_hz,
            "stand_in_formant_error": round(fitted.formant_error, 3),
        }
    return figures
