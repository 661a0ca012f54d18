"""Control maps for one picture: from a picture or a map that the user names, else from the studio's layout of the shot."""

from __future__ import annotations

from dataclasses import dataclass

from backends.image.engine import ControlMap
from backends.image.layout.scene import LayoutScene
from tools.spec import Studio, ToolContext


@dataclass(frozen=True)
class ControlWish:
    """What the user asked of the control."""

    image: str = ""
    """A picture or a finished map (asset id, attached file, path); '' = the layout of the shot."""
    kinds: tuple[str, ...] = ()
    """depth | pose | canny | normal; () = what fits."""
    scale: float | None = None
    """Strength of every map, 0..2; None = as controlnet_config.yaml says."""

    @property
    def asked(self) -> bool:
        """True when the user said anything about it."""
        return bool(self.image or self.kinds or self.scale is not None)


@dataclass(frozen=True)
class Steering:
    """The maps that steer a picture."""

    controls: tuple[ControlMap, ...] = ()
    parents: tuple[str, ...] = ()
    """Asset ids of the maps."""
    notes: tuple[str, ...] = ()
    """Sentences for the user."""


def steering_needs(studio: Studio, wish: ControlWish) -> frozenset[str]:
    """Engines to lease besides the one that paints: 'preview' when the maps come from a layout."""
    return frozenset()


def steer(wish: ControlWish, scene: LayoutScene | None, size: tuple[int, int], ctx: ToolContext) -> Steering:
    """Maps of `size` (width, height) for an SDXL picture of `scene`, saved as assets; empty when no ControlNet is there.

    Raises UsageError for a map of another size, of the wrong kind, or one that says nothing.
    """
    return Steering()
