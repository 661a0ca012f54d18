"""`studio models scan`: what lies in a folder of models, and what of it the LoRA registry takes in."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UsageError
from configs.settings import CONFIG_DIR, Settings
from ui.opening import settings_for

if TYPE_CHECKING:
    from backends.image.registry.scan import Row, Scan, ScanReport

WORDS = {
    "new": ("new", "green"), "registered": ("registered", "dim"), "changed": ("CHANGED", "red"),
    "named": ("in use", "dim"), "found": ("not named", "yellow"), "refused": ("refused", "yellow"),
    "gone": ("GONE", "red"),
}  # fmt: skip
"""What is shown for each status, and its colour."""


def scan(folder: Path | None, write: bool, accept: list[str], as_json: bool, home: Path | None) -> int:
    """Print what was found; first, with `write`, add the new LoRAs to the user's registry.

    `accept`: registered LoRAs whose changed file is the right one from now on. Raises UsageError for others.
    """
    from backends.image.registry.places import named_models
    from backends.image.registry.scan import Scan
    from configs.image_tables import model_path, own_file, table_file
    from configs.lora_registry import load_loras

    settings = settings_for(home)
    warehouse = settings.warehouse.expanduser()
    chosen = (folder.expanduser() if folder else warehouse / "image").absolute()
    if not chosen.is_dir():
        raise UsageError(
            f"There is no folder {chosen}", "a folder with model files is looked through",
            "Name one: studio models scan FOLDER, or set 'warehouse' in studio.yaml",
        )  # fmt: skip
    work = Scan(
        chosen, warehouse, load_loras(settings).loras, lambda path: model_path(settings, path), named_models(settings)
    )
    report = _run(work)
    added = tuple(row.proposal for row in report.rows if row.proposal) if write else ()
    hashes = _accepted(report, accept)
    backup = None
    if added or hashes:
        from backends.image.registry.write import add_loras

        backup = add_loras(own_file(settings, "lora_registry"), CONFIG_DIR / "lora_registry.yaml", added, hashes)
    names = [*(proposal.name for proposal in added), *hashes]
    if as_json:
        print(json.dumps(_as_json(report, table_file(settings, "lora_registry"), names, backup)))
    else:
        _show(report, settings, names, backup)
    return 0


def _accepted(report: ScanReport, names: list[str]) -> dict[str, str]:
    """New hashes of changed LoRAs. Raises UsageError for a name that is none of them."""
    changed = {row.name: row.sha256 for row in report.rows if row.status == "changed"}
    for name in names:
        if name not in changed:
            known = ", ".join(changed) or "none"
            raise UsageError(f"'{name[:80]}' is no LoRA whose file changed", f"changed in {report.folder}: {known}")
    return {name: changed[name] for name in dict.fromkeys(names)}


def _run(work: Scan) -> ScanReport:
    """With a progress bar on a terminal: large files take a while to hash."""
    with _progress() as bar:
        if bar is None:
            work.read()
            return work.report()
        reading = bar.add_task("Reading headers", total=None)
        work.read(lambda file: bar.update(reading, description=f"Reading {_short(file.name)}"))
        bar.remove_task(reading)
        hashing = bar.add_task("Hashing", total=work.to_hash or None)

        def on_hash(file: Path, count: int) -> None:
            bar.update(hashing, advance=count, description=f"Hashing {_short(file.name)}")

        return work.report(on_hash)


@contextmanager
def _progress() -> Iterator[Any]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    with Progress(
        text, BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        yield bar


def _short(name: str) -> str:
    from backends.image.registry.header import plain

    return plain(name, 40)


def _as_json(report: ScanReport, registry: Path, written: list[str], backup: Path | None) -> dict[str, Any]:
    return {
        "folder": str(report.folder),
        "registry": str(registry),
        "found": [_row_json(row) for row in report.rows],
        "gone": [{"name": gone.name, "path": gone.path, "now": gone.now} for gone in report.gone],
        "written": written,
        "backup": str(backup) if backup else "",
    }


def _row_json(row: Row) -> dict[str, Any]:
    from backends.image.registry.write import entry_of

    shown: dict[str, Any] = {
        "path": row.path, "kind": row.kind, "status": row.status, "told": row.told, "bytes": row.bytes,
        "name": row.name, "sha256": row.sha256,
    }  # fmt: skip
    if row.proposal is not None:
        shown["entry"] = entry_of(row.proposal.spec)
    if row.probe is not None:
        probe = row.probe
        shown["lora"] = {
            "base": probe.base, "base_said": probe.base_said, "network": probe.network, "form": probe.form,
            "rank": probe.rank, "alpha": probe.alpha, "text_encoders": list(probe.text_encoders), "title": probe.title,
        }  # fmt: skip
    return shown


def _show(report: ScanReport, settings: Settings, written: list[str], backup: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not report.rows and not report.gone:
        console.print(f"There are no model files in {escape(str(report.folder))}.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title, folds in (("", False), ("kind", False), ("what", True), ("", True)):
        table.add_column(title, overflow="fold", no_wrap=not folds)
    for row in sorted(report.rows, key=lambda one: list(WORDS).index(one.status)):
        what = Text.assemble((row.name, "bold"), f"\n{row.path}") if row.name else Text(row.path)
        table.add_row(Text(*WORDS[row.status]), row.kind, what, Text(_told(row)))
    for gone in report.gone:
        now = f"the same file is {gone.now}: correct the path" if gone.now else "put the file back, or remove the entry"
        what = Text.assemble((gone.name, "bold"), f"\n{gone.path}")
        table.add_row(Text(*WORDS["gone"]), "lora", what, Text(now))
    console.print(table)
    counts: Counter[str] = Counter(row.status for row in report.rows)
    counts["gone"] = len(report.gone)
    told = (f"{counts[status]} {word.lower()}" for status, (word, _) in WORDS.items() if counts[status])
    console.print("\n" + ", ".join(told) + ".")
    _show_written(console, report, settings, written, backup)


def _show_written(
    console: Any, report: ScanReport, settings: Settings, written: list[str], backup: Path | None
) -> None:
    from rich.text import Text

    from configs.image_tables import own_file

    own = own_file(settings, "lora_registry")
    new = [row.name for row in report.rows if row.status == "new"]
    if written:
        console.print(Text(f"Written into {own}: {', '.join(written)}. Look through words and weights there."))
        if backup:
            console.print(Text(f"What was there before is in {backup}."))
    changed = [row.name for row in report.rows if row.status == "changed" and row.name not in written]
    if changed:
        console.print(Text(f"If the new file is right: studio models scan --accept {changed[0]}"))
    if new and not written:
        console.print(Text(f"'studio models scan --write' adds the new ones to {own}."))


def _told(row: Row) -> str:
    if row.proposal is None:
        return row.told
    spec = row.proposal.spec
    parts = [row.told]
    if spec.triggers:
        parts.append(f"triggers: {', '.join(spec.triggers)}")
    if row.probe and row.probe.rank:
        parts.append(f"{row.probe.network}, rank {row.probe.rank}")
    return "\n".join(parts)
