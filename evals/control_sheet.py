"""Makes the picture of docs/control-maps.md: `python -m evals.control_sheet [--out docs/pictures/control-maps.jpg]`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from backends.image.control.edges import canny_map as canny_of_pixels
from backends.image.layout import maps
from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.media.images import contact_sheet
from configs.controlnet_config import Canny

SIZE = (768, 432)


def shot() -> LayoutScene:
    """A child, an adult and a robot in a park."""
    child = CharacterLook(hair_style="curly", accessories=("glasses",), top_color=(0.85, 0.35, 0.25))
    adult = CharacterLook(age="adult", height=1.7, hair_style="ponytail", top="coat", top_color=(0.25, 0.45, 0.55))
    cast = (
        PosedCharacter("Luca", child, pose="waving", expression="happy", x=-0.75),
        PosedCharacter("Marta", adult, pose="pointing", x=0.35, z=-0.5, facing_deg=-25),
        PosedCharacter("Bip", CharacterLook(kind="robot", height=0.6), x=1.15, z=0.1, facing_deg=-20),
    )
    return LayoutScene("park", "day", cast, CameraSpec("LS", "eye", 38.0))


def main() -> None:
    """Draw the shot, its maps, and a photograph with its edges."""
    from PIL import Image
    from skimage import data

    parser = argparse.ArgumentParser(prog="python -m evals.control_sheet", description="Picture of the control maps")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/control-maps.jpg"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="studio-maps-") as folder:
        frame = LayoutRenderer(Path(folder), 16).render(shot(), *SIZE)
    photo = np.ascontiguousarray(data.coffee()[40:377])  # 600 x 337; CC0, Rachel Michetti
    pictures = {
        "the studio's layout of a shot": frame.rgb,
        "its depth": maps.depth_map(frame),
        "its pose": maps.pose_map(frame),
        "its edges (canny)": maps.canny_map(frame),
        "its normals": maps.normal_map(frame),
        "a photograph": photo,
        "its edges (canny, OpenCV)": canny_of_pixels(photo, Canny()),
    }
    sheet = contact_sheet(list(pictures.values()), list(pictures), columns=4, cell_width=400)
    Image.fromarray(sheet).save(chosen.out, quality=88)
    print(f"{chosen.out}: {sheet.shape[1]}x{sheet.shape[0]}, {chosen.out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
