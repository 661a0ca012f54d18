"""From one picture to the next: two streams of equal length as filters that mix them."""

from __future__ import annotations

from tools.editing.drawing.parts import TAGS, Frame, Segment

MIX = {"fade": "fadeblack", "fade_white": "fadewhite"}
"""xfade's names."""
ZOOM = 3.0
"""How far into the pictures a zoom flies."""
ZOOM_MIX = 0.4
"""Share of a zoom in which the two pictures are mixed."""
BLUR = 0.09
"""Of the frame's width: standard deviation of a whip-pan's blur while it is fastest."""


def transition_chains(segment: Segment, frame: Frame) -> tuple[list[str], str]:
    """Chains that use [p0] (the old picture) and [p1] up, and the chain that ends them, to be continued with ','."""
    frames, name = segment.frames, segment.blend
    if name == "wipe":
        return [], f"[p0][p1]{_xfade('wipe' + segment.direction, frames, frame)},"
    if name == "dissolve":
        return _dissolved(frames, frame)
    if name in ("push", "whip"):
        return [], _pushed(segment, frame)
    if name == "zoom":
        return _zoomed(frames, frame)
    return [], f"[p0][p1]{_xfade(MIX[name], frames, frame)},"


def _xfade(kind: str, frames: int, frame: Frame, offset: int = 0) -> str:
    return f"xfade=transition={kind}:duration={frame.seconds(frames)}:offset={frame.seconds(offset)}"


def _dissolved(frames: int, frame: Frame) -> tuple[list[str], str]:
    """The new picture laid over the old one, less and less transparent: xfade's picture (to a level) in a tenth of
    its time, since `overlay` has code for the processor.
    """
    clear = f"format=yuva420p,fade=t=in:st=0:d={frame.seconds(frames)}:alpha=1"
    return [f"[p1]{clear}[z1]"], f"[p0][z1]overlay=format=yuv420,format=yuv420p,{TAGS},"


def _pushed(segment: Segment, frame: Frame) -> str:
    """Both pictures side by side under a window that moves, slow at both ends; a whip is blurred as it moves."""
    direction = segment.direction
    level = direction in ("left", "right")
    forwards = direction in ("left", "up")
    pair = "[p0][p1]" if forwards else "[p1][p0]"
    share = f"((n+0.5)/{segment.frames})"
    # Smoothstep, or its steeper relative: a whip hardly moves at first.
    eased = f"({share}*{share}*(3-2*{share}))"
    if segment.blend == "whip":
        eased = f"({share}*{share}*{share}*({share}*({share}*6-15)+10))"
    moved = eased if forwards else f"(1-{eased})"
    x, y = (f"{frame.width}*{moved}", "0") if level else ("0", f"{frame.height}*{moved}")
    stack = "hstack" if level else "vstack"
    chain = f"{pair}{stack}=inputs=2,crop=w={frame.width}:h={frame.height}:x='{x}':y='{y}':exact=1,"
    if segment.blend == "whip":
        chain += _whipped(segment, frame, level=level)
    return chain + f"setsar=1,{TAGS},"


def _whipped(segment: Segment, frame: Frame, *, level: bool) -> str:
    """Blur along the way, as strong as the picture is fast: a command for every frame."""
    size = frame.width if level else frame.height
    commands = []
    for n in range(segment.frames):
        share = (n + 0.5) / segment.frames
        speed = (share * (1 - share)) ** 2 * 16
        sigma = max(0.01, BLUR * size * speed)
        wide, high = (sigma, 0.01) if level else (0.01, sigma)
        # Half a frame early: a command is taken by the first frame at or after its time.
        at = float((n - 0.5) / frame.fps) if n else 0.0
        commands.append(f"{at:.6f} gblur@whip sigma {wide:.4f}, gblur@whip sigmaV {high:.4f}")
    listed = ";".join(commands)
    return f"sendcmd=c='{listed}',gblur@whip=sigma=0.01:sigmaV=0.01:steps=2,"


def _zoomed(frames: int, frame: Frame) -> tuple[list[str], str]:
    """Into the old picture, faster and faster; out of the new one, slower and slower."""
    mixed = max(1, round(frames * ZOOM_MIX))
    ahead = (frames - mixed) // 2
    share = f"((on+0.5)/{frames})"
    size = f"d=1:s={frame.width}x{frame.height}:fps={frame.rate}:x='iw/2-iw/zoom/2':y='ih/2-ih/zoom/2'"
    base = f"settb={frame.fps.denominator}/{frame.fps.numerator}"
    into = f"[p0]zoompan=z='1+{ZOOM - 1}*pow({share},3)':{size},{base}[z0]"
    out = f"[p1]zoompan=z='1+{ZOOM - 1}*pow(1-{share},3)':{size},{base}[z1]"
    return [into, out], f"[z0][z1]{_xfade('fade', mixed, frame, ahead)},setsar=1,{TAGS},"
