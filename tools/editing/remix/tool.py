"""remix_style: a film in another style."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from configs.errors import UsageError
from memory.records import Asset
from tools.editing.arrangement import picture_seconds
from tools.editing.cost import seconds_to_draw
from tools.editing.held import HeldContext
from tools.editing.remix.beds import bed_gain, make_beds
from tools.editing.remix.colours import Colours, colours_of, distance_before, kept_as_they_are, nearness
from tools.editing.remix.distance import pixels
from tools.editing.remix.dress import dress, picture_effects, sound_effects
from tools.editing.remix.original import note_style, original_of, take_off
from tools.editing.remix.presets import Style
from tools.editing.remix.recut import MUSIC, Stretch, recut, untouched
from tools.editing.remix.reference import Reference, evenly, pictures, read_reference, typical_shot
from tools.editing.remix.repaint import DRAWN, repaint, unavailable
from tools.editing.remix.scheme import (
    Scheme,
    begin,
    lay_beds,
    over_stretches,
    repainted,
    without_sound,
    write_words,
)
from tools.editing.remix.words import Wanted, read_style
from tools.editing.render import Rendered, render
from tools.editing.sources import SourceFinder
from tools.editing.textless import Textless, textless
from tools.editing.timeline import add_words, describe, save_timeline
from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord
    from tools.editing.program import Source

_HEARD = 0.4
"""Strength from which a style also replaces the sound and the words."""


class RemixStyleArgs(ToolArgs):
    video: str = Field(description="The film: asset id, attached file's name, path in the workspace, or 'last'.")
    style: str = Field(
        "",
        max_length=300,
        description="noir, pastel_storybook, 8_bit, anime_night, golden_hour, vhs, silent_film, comic, watercolour, "
        "oil_painting, pencil_sketch, manga, cyberpunk, western, technicolor, winter, stop_motion, or words of colour "
        "and mood such as 'a rainy blue night'.",
    )
    reference: str = Field(
        "", max_length=500, description="A picture or film whose colours (and with pacing 'recut' pace) are taken."
    )
    strength: float = Field(1.0, ge=0, le=1, description="0 leaves the film as it is, 1 is the whole style.")
    pacing: Literal["auto", "keep", "recut"] = Field(
        "auto",
        description="'auto': the style's pictures a second, shots stay as long as they are; 'keep': nothing; 'recut': "
        "shots also as long as the style's or the reference's.",
    )
    captions: Literal["auto", "keep"] = Field(
        "auto", description="'auto': words as the style has them (intertitles, boxes); 'keep': as they are."
    )
    sound: Literal["auto", "keep"] = Field("auto", description="'auto': the style's sound; 'keep': as it is.")
    repaint: bool = Field(
        False,
        description="Draw the pictures again with SDXL on a GPU, at low strength; kept only when they hold together.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Of grain, dirt and music: the same seed, the same film.")


class RemixStyle(Tool):
    """Lays a style over a film."""

    name = "remix_style"
    description = (
        "Give an existing film another style: colours, texture, pace, words and sound of noir, VHS, silent film, "
        "comic, 8-bit, watercolour and others, of moods and colours in words, or of a reference picture or film. Makes "
        "a new mp4 and its editable timeline; the original stays. For one effect use add_effects."
    )
    Args = RemixStyleArgs
    makes = "video"
    retried = False  # another seed changes no colour

    def forecast(self, args: RemixStyleArgs, studio: Studio) -> Forecast:
        looks = bool(args.reference) + (args.pacing == "recut")
        per_million = 0.05 + 0.02 * looks
        return Forecast(seconds_to_draw(args.video, studio, fixed=1.2, per_million=per_million), disk_mib=20.0)

    def run(self, args: RemixStyleArgs, ctx: ToolContext) -> ToolResult:
        if not args.style.strip() and not args.reference:
            raise UsageError(
                "remix_style needs a style or a reference", "neither was given",
                "Name a style such as noir, say it in colours and moods, or give a picture or film to look like",
            )  # fmt: skip
        asked = ctx.asset(args.video, "video")
        asset = original_of(asked, ctx)
        if asset.id != asked.id:
            ctx.warn(f"{asked.name} is a remix already: {asset.name}, which it was made from, got the style instead")
        wanted = read_style(args.style) if args.style.strip() else None
        model = ctx.asset(args.reference, "image", "video") if args.reference else None
        if model is not None and model.id in (asset.id, asked.id):
            raise UsageError("A film cannot be its own reference", f"both are {asset.name}", "Give another one")
        return _Remix(args, asset, wanted, model, ctx).make()


@dataclass
class _Remix:
    """One call's work, step by step."""

    args: RemixStyleArgs
    asset: Asset
    wanted: Wanted | None
    model: Asset | None
    ctx: ToolContext
    pace: str = ""
    """How long shots were and are, when they were cut anew."""
    held: HeldContext = field(init=False)
    """Sounds and pictures made for this film are recorded with it, not before."""

    def __post_init__(self) -> None:
        self.held = HeldContext(self.ctx)

    def make(self) -> ToolResult:
        args, ctx = self.args, self.ctx
        finder = SourceFinder(ctx)
        source = finder.open(self.asset)
        if self.wanted is not None and self.wanted.how:
            ctx.warn(f"The style was read as: {self.wanted.how}")
        reference = read_reference(self.model, ctx) if self.model is not None else None
        stretches = self._stretches(reference)
        plain = self._plain(source, stretches)
        film_pixels = pixels(pictures(source.path, evenly(float(source.info.seconds))))
        colours = colours_of(film_pixels, self.wanted, reference, args.strength, ctx)
        painted = self._painted(plain) if args.repaint else None
        if painted is not None and not stretches:
            stretches = [Stretch(0.0, float(picture_seconds(source)))]
        if stretches:
            scheme = begin(plain.asset, plain.source, self.title, stretches, finder, ctx)
            add_words(scheme.timeline, over_stretches(stretches, plain))
        else:
            scheme = begin(self.asset, source, self.title, stretches, finder, ctx)
        if painted is not None:
            repainted(scheme, painted)
        heard = args.strength >= _HEARD
        lines = 0
        if args.captions == "auto" and heard and self.style.captions != "keep":
            film = None if stretches else self.asset
            lines = write_words(scheme, self.style.captions, self._words(scheme), film, self.held)
        effects = self._dress(scheme, colours, heard, painted=painted is not None)
        rendered = render(scheme.timeline, self.held)
        if reference is not None:
            before = distance_before(film_pixels, reference)
            score = nearness(rendered.file, rendered.program.seconds, before, reference, args.strength)
            if colours.effect is not None and score.value is not None and score.value > before:
                # Farther than it was: what was measured counts, not what the table promised.
                take_off(scheme.timeline, [colours.effect])
                effects.remove(colours.effect)
                colours = kept_as_they_are(reference)
                rendered = render(scheme.timeline, self.held)
                score = nearness(rendered.file, rendered.program.seconds, before, reference, args.strength)
            rendered = replace(rendered, scores=(*rendered.scores, score))
            if score.passed is False:
                ctx.warn(f"The film is still {score.value:g} from {reference.name} in colour (it was {before:.1f})")
        return self._keep(scheme, rendered, colours, reference, effects, lines)

    @property
    def style(self) -> Style:
        return self.wanted.style if self.wanted is not None else Style(about="")

    @property
    def title(self) -> str:
        name = self.wanted.name if self.wanted is not None else "like"
        return f"{Path(self.asset.name).stem}-{name}"

    def _record(self) -> FilmRecord:
        from tools.editing.seen import seen

        return seen(self.asset, self.ctx, "shots", "sound")

    def _words(self, scheme: Scheme) -> FilmRecord | None:
        """What is known of the film's words, when its timeline has no captions that say them and shots are whole."""
        from tools.editing.outline import CAPTION_KIND

        if any(track.kind == CAPTION_KIND and len(track) for track in scheme.timeline.tracks):
            return None
        if self.args.pacing == "recut":
            return None
        return self._record()

    def _stretches(self, reference: Reference | None) -> list[Stretch]:
        if self.args.pacing != "recut" or not self.args.strength:
            return []
        target = reference.shot_seconds if reference is not None and reference.shot_seconds else self.style.shot_seconds
        if not target:
            self.ctx.warn("Neither the style nor the reference has a pace; the shots stay as long as they are")
            return []
        record = self._record()
        now = typical_shot(record)
        target = now + self.args.strength * (target - now)
        stretches = recut(record, target)
        if untouched(stretches, record):
            self.ctx.warn(
                f"The shots stay as long as they are, {now:.1f} s in the median ({target:.1f} s wanted): none can be "
                "slowed down under speech or music, nor shortened by much"
            )
            return []
        then = median(stretch.seconds for stretch in stretches)
        if abs(then - target) > abs(now - target):
            self.ctx.warn(
                f"The shots stay as long as they are: their median is {now:.1f} s, cut anew it would be {then:.1f} s, "
                f"farther from the {target:.1f} s that are wanted"
            )
            return []
        if record.sound is not None and any(part.label in MUSIC for part in record.sound.segments):
            self.ctx.warn("The film has music, which jumps where shots were shortened")
        self.pace = f"median shot {now:.1f} -> {then:.1f} s (wanted {target:.1f})"
        return stretches

    def _plain(self, source: Source, stretches: Sequence[Stretch]) -> Textless:
        """What is cut anew or drawn again: the film without its texts where it is one of the studio's own."""
        anew = bool(stretches) or (self.args.repaint and not self._not_painted(source))
        found = textless(self.asset, source, self.held) if anew else None
        return found or Textless(self.asset, source, ())

    def _not_painted(self, source: Source) -> str:
        """Why the film cannot be drawn again; '' when it can."""
        if self.wanted is None:
            return "a reference alone says no style to draw in"
        return unavailable(self.ctx, float(source.info.seconds))

    def _painted(self, film: Textless) -> Asset | None:
        """The film drawn again; None, with the reason said, where that cannot be done or does not hold together."""
        why = self._not_painted(film.source)
        made: Asset | None = None
        if not why and self.wanted is not None:
            about = self.wanted.name.replace("_", " ")
            made, why = repaint(film.asset, film.source, about, self.args.seed, self.ctx, self.held)
        if made is None:
            self.ctx.warn(f"The pictures were not drawn again: {why}. Colours and textures were changed instead")
        return made

    def _dress(self, scheme: Scheme, colours: Colours, heard: bool, *, painted: bool) -> list[dict[str, Any]]:
        """Sound first, so that the style's own music sounds like the style too."""
        args = self.args
        if args.sound == "auto" and heard:
            if self.style.mute:
                without_sound(scheme)
            beds = make_beds(self.style.bed, scheme.seconds, args.seed, self.held)
            # A film with a timeline of its own is brought to the studio's loudness, the piano is all that is heard.
            soft = beds and not scheme.base and not self.style.mute
            lay_beds(scheme, beds, bed_gain(self.ctx.path(self.asset)) if soft else 0.0)
        textures = picture_effects(self.style, args.strength, args.seed, paced=args.pacing != "keep")
        textures = [each for each in textures if not (painted and each["name"] in DRAWN)]
        picture = [*([colours.effect] if colours.effect is not None else []), *textures]
        sound = sound_effects(self.style, args.strength) if args.sound == "auto" else []
        dress(scheme.timeline, picture, sound)
        note_style(scheme.timeline, [*picture, *sound])
        return [*picture, *sound]

    def _keep(
        self, scheme: Scheme, rendered: Rendered, colours: Colours, reference: Reference | None,
        effects: list[dict[str, Any]], lines: int,
    ) -> ToolResult:  # fmt: skip
        args, ctx = self.args, self.ctx
        rendered = self.held.record(rendered, scheme.timeline)
        facts: dict[str, Any] = {
            "of": self.asset.id,
            "style": self.wanted.name if self.wanted is not None else "",
            "reference": self.model.id if self.model is not None else "",
            "strength": args.strength,
            "pacing": args.pacing,
            "colours": colours.method,
            "effects": [str(effect["name"]) for effect in effects],
            "steps": scheme.said[:60],
        }
        parents = tuple(dict.fromkeys((self.asset.id, *scheme.base, *([self.model.id] if self.model else []))))
        extra: list[Asset] = []
        if colours.cube is not None:
            copy = ctx.scratch(".cube")
            shutil.copyfile(colours.cube, copy)
            extra.append(ctx.save(copy, "file", f"{self.title}.cube", params=facts, parents=parents, summary="colours"))
        cut = ctx.save(
            save_timeline(scheme.timeline, ctx.scratch(".otio")), "timeline", f"{self.title}.otio",
            params=facts, seed=args.seed, parents=parents, summary=describe(scheme.timeline),
        )  # fmt: skip
        film = rendered.save(ctx, f"{self.title}.mp4", parents=(cut.id, *parents), params=facts)
        text = self._said(rendered, colours, reference, lines, scheme)
        return ToolResult(text[:SUMMARY_LIMIT], (film, cut, *extra), rendered.measurements, data=facts)

    def _said(
        self, rendered: Rendered, colours: Colours, reference: Reference | None, lines: int, scheme: Scheme
    ) -> str:
        program = rendered.program
        what = [f"colours {colours.method}"] if colours.method else []
        what += [self.style.about] if self.style.about and self.args.strength else []
        if 0 < self.args.strength < _HEARD:
            what.append(f"at strength {self.args.strength:g} words, sound and pictures a second stay as they are")
        if reference is not None:
            score = rendered.scores[-1]
            what.append(f"colour distance to {reference.name} {score.note.split(' before')[0]} -> {score.value:g}")
        if lines:
            shown = "intertitles" if self.style.captions == "cards" else "bubbles and boxes"
            what.append(f"{lines} line{'' if lines == 1 else 's'} as {shown}")
        elif self.style.captions != "keep" and self.args.captions == "auto" and self.args.strength >= _HEARD:
            what.append("nothing that is said was found to be written")
        if scheme.base and self.args.strength:
            what.append("its own timeline kept")
        elif self.pace:
            what.append(self.pace)
        like = reference.name if reference is not None else ""
        named = f"as {self.wanted.name}" if self.wanted is not None else f"to look like {like}"
        return (
            f"Remixed {self.asset.name} {named}: {'; '.join(what) or 'nothing changed at strength 0'}. "
            f"Result {program.seconds:.2f} s, {rendered.width}x{rendered.height} at {float(program.fps):g} fps."
        )
