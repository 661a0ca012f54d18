"""Speaks a dialogue in a process of its own, to be killed: `dialogue_child.py HOME SCRIPT JOB`."""

from __future__ import annotations

import sys
from pathlib import Path

from voice_studio import voice_studio

from configs.settings import load_settings


def main(home: str, script: str, job: str) -> None:
    settings = load_settings(home=Path(home), memory={"index": "numpy", "embedder": "letters"})
    with voice_studio(settings) as studio:
        outcome = studio.resumed("speak_dialogue", {"script": script}, job)
        print(outcome.status, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
