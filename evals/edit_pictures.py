"""The picture of the guide to edits: `python -m evals.edit_pictures docs/pictures/edits.jpg`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from configs.settings import load_settings

PROMPT = "a boy named Luca with curly brown hair waving on the beach at sunset with a small robot"
EDITS = (
    "make his shirt green",
    "at night",
    "replace the background with a forest",
    "give Luca glasses and a hat",
    "make the sky purple",
    "replace the robot with a dog",
    "blur everything behind them",
    "black and white",
)


def main(target: Path, width: int = 768, height: int = 432) -> None:
    """Draw one picture, change it in eight ways, write the sheet."""
    from PIL import Image

    from backends.media.images import contact_sheet, load_image
    from tools.executor import Run
    from tools.opening import opened_executor

    with tempfile.TemporaryDirectory(prefix="studio-edits-") as home:
        settings = load_settings(home=Path(home), brain="offline", memory={"index": "numpy", "embedder": "letters"})
        with opened_executor(settings) as executor:

            def made(tool: str, **args: object) -> tuple[str, np.ndarray]:
                outcome = executor.run(tool, args, Run(thread="edits"))
                if outcome.error is not None:
                    raise outcome.error
                asset = outcome.assets[0]
                return asset.id, np.asarray(load_image(executor.studio.workspace.home / asset.path))

            source, first = made("generate_image", prompt=PROMPT, width=width, height=height)
            pictures = [first, *(made("edit_image", image=source, instruction=text)[1] for text in EDITS)]
    sheet = contact_sheet(pictures, ["the picture", *EDITS], columns=3, cell_width=480)
    Image.fromarray(sheet).save(target, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
