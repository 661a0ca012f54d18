"""Pictures over the picture: sized, turned, faded and moved along their keys, and laid over or mixed with it."""

from __future__ import annotations

from tools.editing.cut import Cut, Source
from tools.editing.drawing.colours import colour_options, film_format
from tools.editing.drawing.curve import Point, curve, steady, value_at
from tools.editing.drawing.parts import TAGS, Files, Frame, Layer, Text, shifted
from tools.editing.drawing.picture import (
    SCALER,
    cropped,
    followed,
    source_frames,
    squared,
    title_steps,
)
from tools.editing.effects import Canvas, picture_filters
from tools.editing.specs import BlendName, Key, Place

MIX: dict[BlendName, tuple[str, str]] = {
    "screen": ("screen", "black"),
    "multiply": ("multiply", "white"),
    "add": ("addition", "black"),
}
"""blend's modes, and the colour that changes nothing in each."""
CLEAR = "color=c=black@0:s={width}x{height}:r={rate}:d={seconds},format=yuva420p"


def layer_chains(
    layer: Layer, number: int, stream: int, frame: Frame, files: Files, text: Text | None
) -> tuple[list[str], list[str]]:
    """Input arguments and the chain that draws a layer as [o<number>], on the segment's clock.

    stream: the number of its input. text: a title's.
    """
    cut = layer.piece.cut
    place = cut.place or Place((Key(0.0, 0.5, 0.5, 1.0),))
    width, height = largest(cut, place, frame)
    first = float(layer.piece.first / frame.fps)
    span = (first, first + float(layer.frames / frame.fps))
    if cut.source is None or cut.title is not None:
        plain = CLEAR.format(width=width, height=height, rate=frame.rate, seconds=frame.seconds(layer.frames + 1))
        opened, steps = ["-f", "lavfi", "-i", plain], [f"trim=end_frame={layer.frames}"]
        steps += title_steps(text, files, frame, ":alpha=1")
    else:
        source = cut.source
        opened, steps = source_frames(
            layer.piece,
            source,
            layer.frames,
            frame,
            lambda *at: _sized(cut, source, Frame(width, height, frame.fps), files, *at),
        )
    steps += _effects(layer, width, height, number, frame, files)
    now = f"({first:.6f}+t)"
    steps += _opacity(place, layer, number, frame)
    steps += _turned(place, now, span)
    steps += _grown(place, frame, (width, height), now, span)
    if layer.at:
        steps.append(f"setpts=PTS+({frame.seconds(layer.at)})/TB")
    return opened, [f"[{stream}:v:0]{','.join(steps)}[o{number}]"]


def laid_over(layer: Layer, number: int, base: str, frame: Frame) -> tuple[list[str], str]:
    """Chains that lay [o<number>] over the chain that `base` begins (labels and filters, each closed with ','), and
    what the next filters go on from.
    """
    cut = layer.piece.cut
    place = cut.place or Place((Key(0.0, 0.5, 0.5, 1.0),))
    first = float((layer.piece.first - layer.at) / frame.fps)
    now = f"({first:.6f}+t)"
    span = (float(layer.piece.first / frame.fps), float((layer.piece.first + layer.frames) / frame.fps))
    x = curve([(key.at, key.x) for key in place.keys], now, span)
    y = curve([(key.at, key.y) for key in place.keys], now, span)
    laid = f"overlay=x='main_w*({x})-overlay_w/2':y='main_h*({y})-overlay_h/2':eof_action=pass:format=yuv420"
    if place.blend == "normal":
        return [f"{base}null[b{number}]"], f"[b{number}][o{number}]{laid},"
    mode, neutral = MIX[place.blend]
    ground = (
        f"color=c={neutral}:s={frame.width}x{frame.height}:r={frame.rate}:d={frame.seconds(layer.at + layer.frames)},"
        f"format=rgb24,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{TAGS}[g{number}]"
    )
    rgb = "scale=in_color_matrix=bt709:in_range=tv,format=gbrp"
    chains = [
        ground,
        f"[g{number}][o{number}]{laid},{rgb}[l{number}]",
        f"{base}{rgb}[b{number}]",
    ]
    back = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{TAGS},"
    return chains, f"[b{number}][l{number}]blend=all_mode={mode}:eof_action=pass,{back}"


def largest(cut: Cut, place: Place, frame: Frame) -> tuple[int, int]:
    """Even pixels of the overlay where it is largest; it is drawn at that size, and then made smaller."""
    wide = max(key.width for key in place.keys) * frame.width
    high = max(key.height for key in place.keys) * frame.height
    width = max(2, round(wide / 2) * 2)
    return width, max(2, round((high or wide / shape(cut, frame)) / 2) * 2)


def shape(cut: Cut, frame: Frame) -> float:
    """Width by height of what an overlay shows."""
    if cut.source is None or not (cut.source.info.width and cut.source.info.height):
        return frame.width / frame.height
    ratio = cut.source.info.width / cut.source.info.height
    for effect in cut.effects:
        if effect["name"] == "reframe":
            ratio = frame.width / frame.height
        elif effect["name"] == "crop":
            ratio *= float(effect["width"]) / float(effect["height"])
    return ratio


def _sized(cut: Cut, source: Source, size: Frame, files: Files, now: str, span: tuple[float, float]) -> list[str]:
    """A source made as large as its overlay; a reframe fills it with what it follows."""
    steps = squared(source)
    for effect in cut.effects:
        if effect["name"] == "crop":
            steps.append(cropped(effect))
        elif effect["name"] == "reframe":
            steps.append(followed(effect, size, now, span))
    fit = f"scale={size.width}:{size.height}:{SCALER}:{colour_options(source)}"
    return [*steps, fit, "setsar=1", *film_format(source, files.tables, "yuva420p"), TAGS]


def _effects(layer: Layer, width: int, height: int, number: int, frame: Frame, files: Files) -> list[str]:
    """The overlay's effects on its colours; its shape (alpha) stays as it is."""
    cut = layer.piece.cut
    shown = (layer.piece.first, layer.piece.first + layer.frames)
    drawn = picture_filters(cut.effects, Canvas(width, height, frame.fps, cut.frames, files.tables, shown))
    if not drawn:
        return []
    steps = ",".join(shifted(["format=yuv420p", *drawn], layer.piece.first, frame))
    return [
        f"split[oc{number}][oa{number}];[oa{number}]alphaextract[om{number}];"
        f"[oc{number}]{steps},format=yuv420p[oe{number}];[oe{number}][om{number}]alphamerge"
    ]


def _opacity(place: Place, layer: Layer, number: int, frame: Frame) -> list[str]:
    points = [(key.at, key.opacity) for key in place.keys]
    name = f"colorchannelmixer@fade{number}"
    if steady(points):
        return [] if points[0][1] >= 1 else ["format=rgba", f"{name}=aa={points[0][1]:.6f}", "format=yuva420p"]
    commands = []
    for n in range(layer.frames):
        at = float((n - 0.5) / frame.fps) if n else 0.0
        commands.append(f"{at:.6f} {name} aa {value_at(points, float((layer.piece.first + n) / frame.fps)):.5f}")
    return ["format=rgba", f"sendcmd=c='{';'.join(commands)}'", f"{name}=aa=1", "format=yuva420p"]


def _turned(place: Place, now: str, span: tuple[float, float]) -> list[str]:
    points = [(key.at, key.degrees) for key in place.keys]
    if all(value == 0 for _, value in points):
        return []
    angle = curve(points, now, span)
    return [f"rotate=a='({angle})*PI/180':ow='2*ceil(hypot(iw,ih)/2)':oh=ow:c=black@0"]


def _grown(place: Place, frame: Frame, size: tuple[int, int], now: str, span: tuple[float, float]) -> list[str]:
    """Smaller where it is smaller than at its largest, frame by frame."""
    wide = [(key.at, key.width * frame.width / size[0]) for key in place.keys]
    high: list[Point] = wide
    if place.keys[0].height:
        high = [(key.at, key.height * frame.height / size[1]) for key in place.keys]
    if steady(wide) and steady(high):
        return []
    x, y = curve(wide, now, span), curve(high, now, span)
    return [f"scale=w='max(2,iw*({x}))':h='max(2,ih*({y}))':eval=frame:flags=bilinear"]
