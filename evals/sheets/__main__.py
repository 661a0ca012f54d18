"""Makes the contact sheets of docs/layout.md: `python -m evals.sheets [page ...] [--out docs/pictures]`."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from backends.image.layout.render import LayoutRenderer
from evals.sheets.draw import SCALE, save, sheet
from evals.sheets.pages import PAGES


def main() -> None:
    """Draw the pages that the command line names, all by default."""
    parser = argparse.ArgumentParser(prog="python -m evals.sheets", description="Contact sheets of the layout renderer")
    parser.add_argument("pages", nargs="*", choices=[*PAGES, []], metavar="page", help=", ".join(PAGES))
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder of the JPEG files")
    parser.add_argument("--cache", type=Path, help="folder that keeps meshes between runs")
    parser.add_argument("--samples", type=int, default=12, help="light samples per half-size pixel")
    parser.add_argument("--scale", type=float, default=SCALE, help="rendered pixels per sheet pixel")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="studio-sheets-") as folder:
        renderer = LayoutRenderer(chosen.cache or Path(folder), chosen.samples)
        for name in chosen.pages or PAGES:
            began = time.perf_counter()
            picture = sheet(PAGES[name](), renderer, scale=chosen.scale)
            path = chosen.out / f"{name}.jpg"
            quality = save(picture, path)
            size = path.stat().st_size // 1000
            print(f"{path}: {picture.width}x{picture.height}, {size} kB, quality {quality}, "
                  f"{time.perf_counter() - began:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
