"""Effects put on a timeline: each in its own way, at the places that were found for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backends.media.audio import sound_levels
from configs.errors import UsageError
from tools.editing.change.model import AudioGain
from tools.editing.decision.known import Face, Faces, known_faces
from tools.editing.drawn.bubble import speech_bubble
from tools.editing.drawn.keep import picture
from tools.editing.drawn.particles import KINDS
from tools.editing.drawn.track import Track, face_track
from tools.editing.effects import EFFECTS, ClipEffect
from tools.editing.level import finished_sound
from tools.editing.mix import audible
from tools.editing.moments import Box
from tools.editing.outline import studio_data
from tools.editing.placing.board import Board
from tools.editing.placing.laid import POPS, carried, faded, lay_explosion, lay_heart, lay_particles
from tools.editing.placing.places import LONGEST, WHOLE, Spot
from tools.editing.placing.wishes import Wish
from tools.editing.presets import editing_presets
from tools.editing.program import read_program
from tools.editing.sources import SourceFinder

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import ToolContext

TIMED = ("freeze", "stutter", "reverse", "speed_ramp")
"""Effects that make the film longer; they come first, the last of them first."""
AGAIN = ("stutter", "reverse")
"""Those that show the film again, with its sound."""
LEVEL_STEP = 0.02
"""Seconds."""
EVEN = "as loud as the tracks around it"
STUTTER_SECONDS, STUTTER_FRAMES = 0.125, 2
"""What is repeated: one frame alone would stand still."""
INSET_EDGE = 0.004
"""Widths of the film: the white line around a picture in the picture."""
INSET_WIDTH, INSET_MARGIN = 0.3, 0.025
CAPTIONS = (0.15, 0.83, 0.85, 1.0)
"""Where captions stand: a bubble leaves that free when it can."""
LEAST_BAR = 0.75
"""Widths of a face that a bar over its eyes has at least: of one that looks aside only one eye is seen."""
BUBBLES = 4
"""Raise it when the same bubble would look different."""
SPEAKS_WITHIN, READ_SECONDS = 4.0, 1.0
"""Seconds in which the face of a bubble is looked for when it is not seen at once; what reading one takes at least."""


@dataclass(frozen=True)
class Request:
    """What the wishes share."""

    film: Asset
    strength: float | None
    seed: int
    inset: Asset | None
    """What a picture in picture shows; None = the film itself, at its liveliest."""
    liveliest: float
    box: Box | None
    """Where to put what should follow a face, when none can be found; shares of the picture."""


@dataclass(frozen=True)
class Done:
    """An effect that was put on."""

    effect: str
    at: float
    """Seconds of the film as it was."""
    seconds: float
    why: str

    def facts(self) -> dict[str, Any]:
        return {**asdict(self), "at": round(self.at, 3), "seconds": round(self.seconds, 3)}


@dataclass
class Doer:
    """Puts effects on a board."""

    board: Board
    request: Request
    ctx: ToolContext
    _hearts: int = 0

    def do(self, wishes: Sequence[tuple[Wish, Sequence[Spot]]]) -> list[Done]:
        """All of them; in order of time. Raises UsageError when one cannot be put where it should."""
        order = [(wish, spot) for wish, found in wishes for spot in found]
        timed = sorted((one for one in order if one[0].effect in TIMED), key=lambda one: -one[1].at)
        others = [one for one in order if one[0].effect not in TIMED]
        made: list[Done] = []
        levels = self._levels() if any(wish.effect in AGAIN for wish, _ in timed) else None
        for number, (wish, spot) in enumerate([*timed, *others]):
            self.ctx.cancel.check()
            self.ctx.progress(number, len(order), f"placing {wish.effect.replace('_', ' ')}")
            made.append(self._one(wish, spot))
        if levels is not None:
            again = self.board.shown_again(self.request.film.id)
            self.board.change(*(AudioGain(clip=id, db=levels(*span), rationale=EVEN) for id, span in again.items()))
        self.board.settle()
        return sorted(made, key=lambda done: done.at)

    def _one(self, wish: Wish, spot: Spot) -> Done:
        own: dict[str, Callable[[Wish, Spot], float]] = {
            "freeze": self._freeze,
            "stutter": self._stutter,
            "reverse": self._reverse,
            "speed_ramp": self._ramp,
            "picture_in_picture": self._inset,
            "censor": self._censor,
            "mosaic": self._mosaic,
            "speech_bubble": self._bubble,
            "explosion": self._explosion,
        }
        make = own.get(wish.effect) or (self._particles if wish.effect in KINDS else self._filter)
        return Done(wish.effect, spot.at, make(wish, spot), spot.why)

    def _levels(self) -> Callable[[float, float], float] | None:
        """By how many dB a stretch of the film (begin and end, seconds) is to be raised so that it is as loud as the
        tracks that it was mixed from, between which it is shown again; None where the film is its only clip.

        The finished film is louder than its tracks are together, and its loud parts less so: a limiter held them.
        """
        film, ctx = self.request.film, self.ctx
        if any(clip.asset == film.id for clip in self.board.clips()):
            return None
        program = read_program(self.board.timeline, SourceFinder(ctx).find)
        cuts = audible(program)
        if not cuts:
            return None
        mixed = finished_sound(program, cuts, None, ctx.workspace.cache, ctx.cancel.check).file
        before, after = (sound_levels(path, LEVEL_STEP) for path in (mixed, ctx.path(film)))

        def change(begin: float, end: float) -> float:
            first = min(round(begin / LEVEL_STEP), len(before) - 1, len(after) - 1)
            last = max(first + 1, round(end / LEVEL_STEP))
            mix, master = (float((10 ** (levels[first:last] / 10)).mean()) for levels in (before, after))
            return min(12.0, max(-40.0, 10 * math.log10(mix / master)))

        return change

    def strength(self, wish: Wish) -> float:
        if self.request.strength is not None:
            return self.request.strength
        return wish.strength if wish.strength is not None else 0.5

    def why(self, wish: Wish, spot: Spot) -> str:
        return f"{wish.effect.replace('_', ' ')} at {spot.at:.2f} s: {spot.why}"[:400]

    def _filter(self, wish: Wish, spot: Spot) -> float:
        effect, kind = self._values(wish, spot)
        why = self.why(wish, spot)
        if spot.why == LONGEST:
            return self.board.longest(effect, why).seconds
        if spot.why == WHOLE and not spot.seconds:
            self.board.everywhere(effect, why)
            return self.board.seconds
        if "at" not in kind.model_fields:
            name = wish.effect.replace("_", " ")
            raise UsageError(f"'{name}' is a look of the whole film", "it has no moments", "Ask for it without a place")
        seconds = spot.seconds
        if spot.until > spot.at + seconds > spot.at:
            effect["moves"] = seconds / (spot.until - spot.at)
            seconds = spot.until - spot.at
        self.board.effect(effect, spot.at, seconds, why)
        return spot.seconds or float(kind.model_fields["seconds"].default)

    def _values(self, wish: Wish, spot: Spot) -> tuple[dict[str, Any], type[ClipEffect]]:
        """The effect as a timeline has it, and its class."""
        if wish.effect in editing_presets().grades:
            share = self.strength(wish) if self.request.strength is not None or wish.strength is not None else 1.0
            return {"name": "grade", "look": wish.effect, "strength": share}, EFFECTS["grade"]
        kind = EFFECTS[wish.effect]
        wanted: dict[str, Any] = {"strength": self.strength(wish), "seed": self.request.seed}
        if spot.where is not None:
            x0, y0, x1, y1 = spot.where
            wanted["focus"] = [round(min(1.0, max(0.0, side)), 4) for side in ((x0 + x1) / 2, (y0 + y1) / 2)]
        return {"name": wish.effect, **{k: v for k, v in wanted.items() if k in kind.model_fields}}, kind

    def _freeze(self, wish: Wish, spot: Spot) -> float:
        why, seconds = self.why(wish, spot), spot.seconds or 1.6
        held = self.board.freeze(spot.at, seconds, why)
        zoom = {"name": "slow_zoom", "strength": 0.2 * self.strength(wish), "seed": self.request.seed}
        if spot.where is not None:
            x0, y0, x1, y1 = spot.where
            zoom["focus"] = [min(1.0, max(0.0, side)) for side in ((x0 + x1) / 2, (y0 + y1) / 2)]
        self.board.effect(zoom, spot.at, held.seconds, why)
        if wish.text:
            self.board.caption(wish.text, held.start, held.seconds, "meme", why)
        return held.seconds

    def _stutter(self, wish: Wish, spot: Spot) -> float:
        times = 2 + round(4 * self.strength(wish))
        film, piece = self.request.film.id, max(STUTTER_SECONDS, STUTTER_FRAMES / self.board.fps)
        return times * self.board.stutter(spot.at, piece, times, film, self.why(wish, spot))

    def _reverse(self, wish: Wish, spot: Spot) -> float:
        first, last = self.board.boomerang(spot.at, spot.seconds or 0.9, self.request.film.id, self.why(wish, spot))
        return last - first

    def _ramp(self, wish: Wish, spot: Spot) -> float:
        slowest = 0.75 - 0.55 * self.strength(wish)
        first, last = self.board.ramp(spot.at, spot.seconds or 1.2, slowest, self.why(wish, spot))
        return last - first

    def span(self, spot: Spot) -> tuple[float, float]:
        """Begin and length of a spot on the timeline as it is now; one without a length reaches to the end."""
        begin = self.board.now(spot.at) if spot.at > 0 else 0.0
        room = self.board.seconds - begin
        return begin, min(spot.seconds, room) if spot.seconds else room

    def _particles(self, wish: Wish, spot: Spot) -> float:
        if wish.effect == "hearts" and wish.every and wish.place in POPS:
            self._hearts += 1
            return lay_heart(self, wish, spot, self._hearts)
        return lay_particles(self, wish, spot)

    def _explosion(self, wish: Wish, spot: Spot) -> float:
        return lay_explosion(self, wish, spot)

    def _inset(self, wish: Wish, spot: Spot) -> float:
        from PIL import Image

        shown = self.request.inset or self.request.film
        facts = self.board.find(shown.id)
        begin, length = self.span(spot)
        first = 0.0
        if facts.kind == "video":
            length = min(length, facts.seconds)
            if self.request.inset is None:
                first = max(0.0, min(self.request.liveliest, facts.seconds - length))
        width, height = self.size
        wide = INSET_WIDTH * (0.6 + 0.8 * self.strength(wish))
        tall = wide * width / height / self._shape(shown)
        x, y = self._corner(wide, tall, spot.at, length)
        at = {"x": x, "y": y, "width": wide}
        edge = {**at, "width": wide + 2 * INSET_EDGE, "height": tall + 2 * INSET_EDGE * width / height}
        white = picture(Image.new("RGBA", (64, 64), (245, 245, 245, 255)), "inset-edge.png", {"edge": 64}, self.ctx)
        self.board.overlay(white.id, begin, length, faded(edge, length), self.why(wish, spot))
        self.board.overlay(shown.id, begin, length, faded(at, length), self.why(wish, spot), first)
        return length

    def _corner(self, wide: float, tall: float, at: float, length: float) -> tuple[float, float]:
        """The middle of an inset in the lower right corner, or in the next that covers no face that is known."""
        width, height = self.size
        across, down = INSET_MARGIN + wide / 2, INSET_MARGIN * width / height + tall / 2
        places = [(x, y) for y in (1 - down, down) for x in (1 - across, across)]
        times = [at + length * share for share in (0.02, 0.25, 0.5, 0.75, 0.98)] if self.known is not None else []
        boxes = [face.box for moment in times for face in (self.known(moment) if self.known is not None else ())]

        def covered(place: tuple[float, float]) -> int:
            left, top = place[0] - wide / 2, place[1] - tall / 2
            return sum(
                box[0] < left + wide and box[2] > left and box[1] < top + tall and box[3] > top for box in boxes
            )  # fmt: skip

        return min(places, key=covered)

    def _bubble(self, wish: Wish, spot: Spot) -> float:
        if not wish.text:
            raise UsageError("A speech bubble needs words", fix="Say what it should read, in quotation marks")
        width, height = self.size
        begin, length = self.span(spot)
        left = self.board.clip_at(begin).end - begin
        if not wish.seconds and READ_SECONDS <= left < length:
            length = left  # who speaks is gone after the cut
        track, face = self._speaker(spot, length)
        others = self._others(spot.at + 0.5 * length, face)
        bubble = speech_bubble(wish.text, width, height, face, others, (CAPTIONS,))
        params = {
            "bubble": wish.text,
            "size": [width, height],
            "face": asdict(face) if face is not None else {},
            "others": [list(one.box) for one in others],
            "revision": BUBBLES,
        }
        made = picture(bubble.image, "speech-bubble.png", params, self.ctx)
        at = {"x": bubble.key.x, "y": bubble.key.y, "width": bubble.key.width}
        keys = faded(at, length)
        if track is not None and track.known:
            keys = carried(keys, track.known, spot.at, bubble.image.height / height)
        self.board.overlay(made.id, begin, length, keys, self.why(wish, spot))
        return length

    def _censor(self, wish: Wish, spot: Spot) -> float:
        from PIL import Image

        begin, length = self.span(spot)
        track = self._followed(wish, spot, length)
        wider, higher = 1.3 + 0.4 * self.strength(wish), 0.7 + 0.4 * self.strength(wish)
        boxes = track.eyes
        if not track.looks:  # a given box is hidden whole
            boxes, wider, higher = track.keys, 1.0, 1.0
        least = 0.0 if not track.looks else LEAST_BAR * (track.box[2] - track.box[0])
        keys = [
            {"at": max(0.0, at - spot.at), "x": (x0 + x1) / 2, "y": (y0 + y1) / 2,
             "width": max(least, wider * (x1 - x0)), "height": higher * (y1 - y0)}
            for at, x0, y0, x1, y1 in boxes
        ]  # fmt: skip
        bar = picture(Image.new("RGBA", (64, 16), (0, 0, 0, 255)), "censor-bar.png", {"bar": [64, 16]}, self.ctx)
        self.board.overlay(bar.id, begin, length, keys, self.why(wish, spot))
        return length

    def _mosaic(self, wish: Wish, spot: Spot) -> float:
        begin, length = self.span(spot)
        path = self._followed(wish, spot, length).keys
        wide = 1.35 * max(x1 - x0 for _, x0, _, x1, _ in path)
        high = 1.45 * max(y1 - y0 for _, _, y0, _, y1 in path)
        for clip in self.board.clips():
            first, last = max(begin, clip.start), min(begin + length, clip.end)
            if last - first < 0.5 / self.board.fps:
                continue
            keys = [
                [at - spot.at + begin - clip.start, (x0 + x1) / 2, (y0 + y1) / 2] for at, x0, y0, x1, y1 in path
            ]  # fmt: skip
            effect = {"name": "mosaic", "keys": keys, "width": min(1.0, wide), "height": min(1.0, high),
                      "strength": self.strength(wish)}  # fmt: skip
            self.board.effect(effect, spot.at + first - begin, last - first, self.why(wish, spot))
        return length

    def _followed(self, wish: Wish, spot: Spot, length: float) -> Track:
        """Where the face is, or the box that was given (0 looks then). Raises UsageError when there is neither."""
        track = None if self.request.box and wish.place not in ("face", "reaction") else self._track(spot, length)
        if track is not None:
            if track.found < track.looks:
                by_look = f", followed by its look in {track.followed} more" if track.followed else ""
                rest = track.looks - track.found - track.followed
                guessed = "; where it was not, its path is guessed" if rest else ""
                self.ctx.warn(
                    f"The face at {spot.at:.2f} s was found in {track.found} of {track.looks} looks{by_look}{guessed}"
                )
            return track
        if spot.where is not None and spot.face:
            self.ctx.warn(f"The face at {spot.at:.2f} s could not be followed; it is hidden where it was seen once")
            return Track(((spot.at, *spot.where),), 1, 1)
        if self.request.box is not None:
            self.ctx.warn(f"No face could be found at {spot.at:.2f} s; the given box is used")
            return Track(((spot.at, *self.request.box),), 0, 0)
        raise UsageError(
            f"No face could be found at {spot.at:.2f} s", "only frontal faces are found without a face model",
            "Give a box: x0, y0, x1, y1 as shares of the picture",
        )  # fmt: skip

    def _track(self, spot: Spot, length: float) -> Track | None:
        return face_track(self.request.film, spot.at, spot.at + length, spot.where, self.ctx)

    def _speaker(self, spot: Spot, length: float) -> tuple[Track | None, Face | None]:
        """The face that a bubble belongs to, with its path where it is known; what is only near to that is said."""
        track = self._track(spot, length if self.known else min(length, 1.0))
        if track is not None:
            return track, track.face
        # A face that is found later only was perhaps there before.
        track = self._track(spot, min(length, SPEAKS_WITHIN))
        if track is not None and track.keys[0][0] - spot.at < 1.0:
            return None, Face.found(track.keys[0][1:])
        found, points = spot.where, "to where one was seen in that shot" if spot.face else "to what stands out there"
        if self.request.box is not None:
            found, points = self.request.box, "to the given box"
        elif found is None:
            points = "to the middle"
        self.ctx.warn(f"No face could be found at {spot.at:.2f} s; the bubble points {points}")
        return None, Face.found(found) if found is not None else None

    def _others(self, at: float, face: Face | None) -> list[Face]:
        """Faces beside the one that speaks, where the film's making tells of them."""
        here = self.known(at) if self.known is not None else ()
        return [one for one in here if face is None or (one.box != face.box and one.name != face.name)]

    @cached_property
    def known(self) -> Faces | None:
        """The film's faces by its making."""
        return known_faces(self.request.film, self.ctx)

    @property
    def size(self) -> tuple[int, int]:
        own = studio_data(self.board.timeline)
        return int(own.get("width", 1280)), int(own.get("height", 720))

    def _shape(self, shown: Asset) -> float:
        from backends.media.probe import probe

        info = probe(self.ctx.path(shown))
        return info.width / info.height if info.width and info.height else 16 / 9
