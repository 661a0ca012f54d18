"""Who should be in a picture, and where the layout that steers it puts them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import LayoutScene
from tools.image.identity import Who
from tools.spec import ToolContext

LOOK_WIDTH, LOOK_SAMPLES, BOX_MARGIN = 256, 2, 0.08
"""Width in pixels and samples of the drawing that tells where the characters are; margin as a share of their size."""


def who_of(scene: LayoutScene) -> tuple[Who, ...]:
    """The characters that a picture of this layout should show; of a shot that frames one, only that one."""
    return tuple(Who(one.name, one.look) for one in scene.characters if scene.camera.target in (None, one.name))


def who_in(scene: LayoutScene, size: tuple[int, int], ctx: ToolContext) -> tuple[Who, ...]:
    """The same, with the boxes where the layout has them: a picture that it steers has them about there.

    Boxes of a small drawing, so that this costs a fraction of the maps; none without somebody who looks at them.
    """
    from backends.image.layout.render import LayoutRenderer

    engine: Any = ctx.engines.get("preview")
    if engine is None or "identity" not in ctx.engines or len(scene.characters) < 2:
        return who_of(scene)
    share = min(1.0, LOOK_WIDTH / size[0])
    small = max(16, round(size[0] * share)), max(16, round(size[1] * share))
    frame = LayoutRenderer(engine.renderer.cache_dir, LOOK_SAMPLES).render(scene, *small)
    scale = size[0] / small[0], size[1] / small[1]
    return tuple(replace(one, box=_box(frame.mask(one.name), scale, size)) for one in who_of(scene))


def _box(
    mask: NDArray[np.bool_], scale: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """x, y, width, height of what is set, enlarged by `scale` and a margin; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    margin = 1 + BOX_MARGIN * max(len(rows), len(columns))
    left, top = max(0.0, columns[0] - margin) * scale[0], max(0.0, rows[0] - margin) * scale[1]
    right = min(float(size[0]), (columns[-1] + 1 + margin) * scale[0])
    bottom = min(float(size[1]), (rows[-1] + 1 + margin) * scale[1])
    return round(left), round(top), round(right - left), round(bottom - top)
