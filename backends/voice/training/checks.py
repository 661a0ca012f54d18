"""What a preparation step really made: its parts merged, and counted against the list, for the scripts swallow errors.

They print a traceback, drop the line and end with code 0 (prepare_datasets/*.py), so only the files tell.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.voice.training.steps import Recipe, StepName
from configs.errors import EngineError

TEXT, SEMANTIC = "2-name2text", "6-name2semantic"
FEATURES: dict[StepName, str] = {"hubert": "4-cnhubert", "speaker": "7-sv_cn"}
HEADER = "item_name\tsemantic_audio"
_ERROR = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*(?:Error|Exception|Interrupt|Warning)|AssertionError)\b:?\s*(.*)$"
)
_TRACE = "Traceback (most recent call last)"
_LATEST = re.compile(r"_e(?P<epoch>\d+)_s(?P<step>\d+)(?:_l\d+)?\.pth$")
_GPT = re.compile(r"-e(?P<epoch>\d+)\.ckpt$")


@dataclass(frozen=True)
class Lost:
    """A line of the list that a step dropped."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


@dataclass(frozen=True)
class Count:
    """What came out of a step."""

    step: StepName
    expected: int
    got: int
    lost: tuple[Lost, ...] = ()


def names_of(listing: Path) -> tuple[str, ...]:
    """The clips' file names in a list `path|speaker|language|text`, in order."""
    rows = listing.read_text(encoding="utf-8").splitlines()
    return tuple(Path(row.split("|", maxsplit=1)[0]).name for row in rows if row.strip())


def clear_parts(step: StepName, recipe: Recipe) -> None:
    """Remove what a stopped run left half done, which the scripts would take for whole.

    1-get-text and 3-get-semantic do nothing where their part exists; 2-get-* make no features where a file has their
    name, and move it there over disks, byte by byte.
    """
    stem, ending = {"text": (TEXT, "txt"), "semantic": (SEMANTIC, "tsv")}.get(step, ("", ""))
    for part in recipe.experiment.glob(f"{stem}-*.{ending}") if stem else ():
        part.unlink(missing_ok=True)
    folder = FEATURES.get(step)
    for file in (recipe.experiment / folder).glob("*.pt") if folder else ():
        if not is_whole(file):
            file.unlink(missing_ok=True)


def clear_training(step: StepName, recipe: Recipe, resumed_from: Path) -> None:
    """Remove what a training step saved, so that it begins anew: checkpoints and weights."""
    for file in resumed_from.glob("[GD]_*.pth") if step == "sovits" else ():
        file.unlink(missing_ok=True)
    if step == "gpt":
        shutil.rmtree(resumed_from / "ckpt", ignore_errors=True)
    for file in recipe.weights.glob(f"{recipe.name}_e*.pth" if step == "sovits" else f"{recipe.name}-e*.ckpt"):
        file.unlink(missing_ok=True)


def merge_parts(step: StepName, recipe: Recipe, parts: int) -> None:
    """Join the parts of 'text' and 'semantic' to the one file that training reads. Raises EngineError without one."""
    if step == "text":
        _merge(recipe.experiment, TEXT, "txt", parts, ())
    elif step == "semantic":
        _merge(recipe.experiment, SEMANTIC, "tsv", parts, (HEADER,))


def made(step: StepName, recipe: Recipe) -> frozenset[str]:
    """Names of the clips that a preparation step has finished, as far as its files tell."""
    here = recipe.experiment
    if step == "text":
        return _rows(here / f"{TEXT}.txt", columns=4)
    if step == "hubert":
        return _files(here / FEATURES["hubert"], ".pt") & _files(here / "5-wav32k", "")
    if step == "speaker":
        return _files(here / FEATURES["speaker"], ".pt")
    if step == "semantic":
        return _rows(here / f"{SEMANTIC}.tsv", columns=2) - {"item_name"}
    return frozenset()


def count(step: StepName, recipe: Recipe, log: Sequence[str]) -> Count:
    """How many lines of the list a step finished, and why it dropped the others, as far as its log says."""
    names = names_of(recipe.listing)
    done = made(step, recipe)
    lost = tuple(Lost(name, reason_in(log, name)) for name in names if name not in done)
    return Count(step, len(names), len(names) - len(lost), lost)


def reason_in(log: Sequence[str], name: str) -> str:
    """What the log says of a clip that was dropped; 'no reason is given' when it says nothing."""
    for at, line in enumerate(log):
        if name not in line:
            continue
        if "is not supported for training" in line:
            return "its language is not supported"
        if "nan filtered" in line or "-filtered," in line:
            return "its sound was filtered out"
        if _TRACE in line:
            return _last_of_trace(log[at + 1 :])
    return "no reason is given"


def newest_sovits(recipe: Recipe) -> tuple[int, Path] | None:
    """(epoch, file) of the newest SoVITS weights that are whole; None when there are none."""
    return _newest(recipe.weights.glob(f"{recipe.name}_e*.pth"), _LATEST)


def newest_gpt(recipe: Recipe) -> tuple[int, Path] | None:
    """(epoch, file) of the newest GPT weights that are whole; None when there are none."""
    return _newest(recipe.weights.glob(f"{recipe.name}-e*.ckpt"), _GPT)


def _newest(files: Iterable[Path], pattern: re.Pattern[str]) -> tuple[int, Path] | None:
    found = [(int(match["epoch"]), path) for path in files if (match := pattern.search(path.name))]
    return max((one for one in found if is_whole(one[1])), default=None)


def is_whole(path: Path) -> bool:
    """Whether a file that torch saved has its end: it is a zip, and a zip's directory comes last.

    Nothing of it is unpickled. The first two bytes do not count: GPT-SoVITS writes the version over them.
    """
    return path.is_file() and zipfile.is_zipfile(path)


def _last_of_trace(lines: Sequence[str]) -> str:
    """'KeyError: 'xx'' of the traceback that begins here."""
    for line in lines[:60]:
        if match := _ERROR.match(line.strip()):
            return f"{match[1]}: {match[2]}"[:160].rstrip(": ")
        if _TRACE in line:
            break
    return "an error without a name"


def _merge(folder: Path, stem: str, ending: str, parts: int, head: tuple[str, ...]) -> None:
    rows: list[str] = list(head)
    for part in range(parts):
        path = folder / f"{stem}-{part}.{ending}"
        try:
            rows += [row for row in path.read_text(encoding="utf-8").split("\n") if row.strip()]
        except OSError as error:
            raise EngineError(
                f"GPT-SoVITS made no {path.name}",
                "its script ended without writing it",
                "Read the log that was kept",
            ) from error
    whole = folder / f"{stem}.{ending}"
    draft = whole.with_suffix(".part")
    draft.write_text("\n".join(rows) + "\n", encoding="utf-8")
    draft.replace(whole)
    for part in range(parts):
        (folder / f"{stem}-{part}.{ending}").unlink(missing_ok=True)


def _rows(path: Path, columns: int) -> frozenset[str]:
    try:
        rows = path.read_text(encoding="utf-8").split("\n")
    except OSError:
        return frozenset()
    parted = [row.split("\t") for row in rows]
    return frozenset(row[0] for row in parted if len(row) == columns and row[1].strip())


def _files(folder: Path, ending: str) -> frozenset[str]:
    if not folder.is_dir():
        return frozenset()
    found = (file for file in folder.iterdir() if file.name.endswith(ending) and file.stat().st_size > 0)
    return frozenset(file.name[: len(file.name) - len(ending)] for file in found)
