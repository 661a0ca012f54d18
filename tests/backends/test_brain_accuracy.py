"""How often the built-in brain is right on wordings that it never saw, and how fast."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from offline_cases import cases, judge

from backends.llm.offline.classify import SHIPPED, Fitted, probe_of, seed_rows, seeds_key
from backends.llm.offline.encoder import MiniLm, packaged_model
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.reading import Reader
from backends.llm.offline.recipes import BUILDERS

TOOLS = [
    "generate_image",
    "generate_batch",
    "edit_image",
    "remake_image",
    "make_control_maps",
    "check_identity",
    "speak",
    "speak_dialogue",
    "clone_voice",
    "build_voice_dataset",
    "train_voice",
    "check_voice",
    "list_voices",
    "change_voice",
    "forget_voice",
    "lip_sync",
    "analyze_video",
    "analyze_image",
    "analyze_audio",
    "edit_video",
    "render_timeline",
    "change_timeline",
    "import_timeline",
    "timeline_history",
    "export_timeline",
    "add_captions",
    "add_effects",
    "remix_style",
    "make_parody",
    "write_storyboard",
    "make_film",
    "search_memory",
    "remember",
    "rate_asset",
    "rename_asset",
    "rename_character",
    "list_assets",
    "undo",
    "redo",
    "gpu_status",
]


@pytest.fixture(scope="module")
def reader() -> Reader:
    reader = Reader()
    reader.warm()
    return reader


@pytest.mark.parametrize("part", ["dev", "held_out", "third", "fourth"])
def test_unseen_wordings(reader: Reader, part: str) -> None:
    seen = {seed.lower() for intent in lexicon().intents.values() for seed in intent.seeds}
    wishes = [case for case in cases(part) if case.say.lower() not in seen]
    assert len(wishes) >= 40
    judged = [judge(case, reader) for case in wishes]
    wrong = [
        f"{case.say!r} -> {decision.intent}"
        for case, (decision, right, _) in zip(wishes, judged, strict=True)
        if not right
    ]
    assert 1 - len(wrong) / len(wishes) >= 0.95, "\n".join(wrong)
    expected = sum(len(case.args) for case in wishes)
    missed = [text for _, _, problems in judged for text in problems]
    assert 1 - len(missed) / expected >= 0.95, "\n".join(missed)


def test_stands_without_the_encoder(tmp_path: Path) -> None:
    plain = Reader(cache_dir=tmp_path, packaged=False)
    wishes = [*cases("dev"), *cases("held_out"), *cases("third")]
    right = sum(judge(case, plain)[1] for case in wishes)
    assert right / len(wishes) >= 0.88
    assert not list(tmp_path.iterdir()), "the shipped weights were not used"


def test_every_tool_has_seeds_in_both_languages_and_a_builder() -> None:
    intents = lexicon().intents
    assert set(BUILDERS) == set(TOOLS)
    for name in TOOLS:
        assert len(intents[name].seeds) >= 33, name
        assert set(intents[name].title) == {"en", "it"} == set(intents[name].example)
        assert intents[name].templates, name
        assert intents[name].fallback in ("", *TOOLS)
    assert lexicon().replies["en"].keys() == lexicon().replies["it"].keys()


def test_every_example_is_understood(reader: Reader) -> None:
    from backends.llm.facts import Facts, FileFact
    from backends.llm.offline.decide import decide

    kinds = ("video", "image", "audio", "timeline")
    for name in TOOLS:
        for example in lexicon().intents[name].example.values():
            wanted = {"image": ("image",), "audio": ("recording", "voice", "audio"), "timeline": ("timeline",)}
            assets = [FileFact(id=f"{kind[:3]}-0123456789", kind=kind, name=kind, tool="edit_video") for kind in kinds]
            assets.sort(key=lambda a: not any(word in example for word in wanted.get(a.kind, ())))
            facts = Facts.model_validate(
                {"assets": [a.model_dump() for a in assets], "characters": [{"name": "Luca", "text": "a boy"}]}
            )
            assert decide(reader, example, facts).intent == name, example


def test_shipped_weights_belong_to_the_seeds() -> None:
    texts, labels = seed_rows(lexicon())
    for encoder, file in SHIPPED.items():
        fitted = Fitted.load(file)
        assert fitted is not None and fitted.key == seeds_key(texts, labels), (
            f"run python -m backends.llm.offline.classify ({encoder=})"
        )


def test_damaged_weights_are_fitted_anew_and_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backends.llm.offline import classify

    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 not a zip")
    monkeypatch.setattr(classify, "SHIPPED", {True: broken, False: broken})
    chances = classify.Classifier(None, tmp_path / "cache").chances("undo the last step")
    assert max(chances, key=lambda name: chances[name]) == "undo" and abs(sum(chances.values()) - 1) < 1e-5
    kept = list((tmp_path / "cache").glob("*.npz"))
    assert len(kept) == 1
    stamp = kept[0].stat().st_mtime_ns
    again = classify.Classifier(None, tmp_path / "cache").chances("undo the last step")
    assert again == chances and kept[0].stat().st_mtime_ns == stamp


def test_decisions_are_quick(reader: Reader) -> None:
    wishes = cases("held_out")[:40]
    for case in wishes:
        judge(case, reader)
    spent = []
    for case in wishes:
        begun = time.thread_time()
        judge(case, reader)
        spent.append(time.thread_time() - begun)
    assert sorted(spent)[len(spent) // 2] < 0.03
    assert sorted(spent)[-1] < 0.15


@pytest.mark.skipif(packaged_model() is None, reason="the packaged MiniLM is not installed (extra 'offline')")
def test_the_encoder_equals_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    folder = packaged_model()
    assert folder is not None
    texts = ["draw a cat", "taglia questo video da 0:05 a 0:12, per favore!", "", "a " * 60]
    mine = MiniLm(folder)(texts)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    assert np.abs(mine - theirs).max() < 1e-5
    shipped = Fitted.load(SHIPPED[True])
    assert shipped is not None and np.abs(shipped.probe - probe_of(MiniLm(folder))).max() < 1e-4
