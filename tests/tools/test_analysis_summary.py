"""A film's record in a few sentences: what they say of odd films, in good English."""

from __future__ import annotations

import pytest
from made_record import made_record

from backends.vision.camera.result import CameraWork
from backends.vision.coherence.result import Coherence, Fault
from backends.vision.composition.result import Composition, Figure
from backends.vision.cuts.result import Transition
from backends.vision.record import FilmRecord, Shot
from tools.analysis.aspects import ASPECTS
from tools.analysis.captions_measured import measured_text
from tools.analysis.summary import summary_of


def with_shots(record: FilmRecord, *parts: dict[str, object], aspects: tuple[str, ...]) -> FilmRecord:
    shots = [shot.model_copy(update=part) for shot, part in zip(record.shots, parts, strict=True)]
    return record.model_copy(update={"shots": tuple(shots), "aspects": aspects})


def camera(move: str, reason: str = "") -> CameraWork:
    return CameraWork.model_validate({
        "start": 0.0, "end": 2.0, "move": move, "speed": 0.0, "confidence": 0.9, "reason": reason
    })  # fmt: skip


def test_a_camera_that_is_not_known_is_said_to_be_so() -> None:
    dark = {"camera": camera("unknown", "it is too dark.")}
    assert "Camera move unknown: it is too dark. " in summary_of(
        with_shots(made_record(2), dark, dark, aspects=("camera",))
    )
    mixed = with_shots(made_record(3), dark, dark, {"camera": camera("static")}, aspects=("camera",))
    assert "Camera: static camera (shot 3); move unknown (shots 1, 2)." in summary_of(mixed)


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    fault = Fault(kind="flicker", strength=3.0, seconds=(0.2,))
    held = {"coherence": Coherence(verdict="faulty", faults=(fault,))}
    luca = Figure(kind="face", box=(0.1, 0.1, 0.3, 0.3), character="Luca", by="test")
    seen = {"composition": Composition(scale="CU", figures=(luca, luca))}
    record = with_shots(made_record(2), {**held, **seen}, {}, aspects=("coherence", "shots", "content"))
    cut = Transition(kind="cut", start=2.0, end=2.0, first_frame=48, frames=0, confidence=1.0, by="test")
    text = summary_of(record.model_copy(update={"transitions": (cut,)}))
    assert ", cut at 2.00 s." in text
    assert "Coherence: shot 1: its light flickers around 0.2 s" in text
    assert "Seen: Luca (1 shot)." in text
    assert "Every shot lasts 2.00 s." in text
    alone = with_shots(made_record(1), held, aspects=("coherence",))
    assert "Coherence: its light flickers" in summary_of(alone)


def test_a_whole_report_says_that_nobody_knows_what_is_to_be_seen() -> None:
    unseen = "What is to be seen is not recognised: that needs a vision model, and none is served."
    plain = {"text": "A static camera, sand.", "text_by": "measurements"}
    record = with_shots(made_record(2), plain, plain, aspects=ASPECTS)
    assert unseen in summary_of(record)
    luca = Figure(kind="face", box=(0.1, 0.1, 0.3, 0.3), character="Luca", by="test")
    known = {"composition": Composition(scale="CU", figures=(luca,))}
    written = {"text": "A boy runs.", "text_by": "some-vl"}
    for part in (known, written):
        assert unseen not in summary_of(with_shots(made_record(2), part, plain, aspects=ASPECTS))


def test_shots_of_different_lengths_are_told_by_their_median() -> None:
    record = made_record(2)
    first = record.shots[0].model_copy(update={"end": record.shots[0].start + 1.0})
    told = summary_of(record.model_copy(update={"shots": (first, record.shots[1])}))
    assert "Shots last 1.00 to 2.00 s, median 1.50 s, mean 1.50 s." in told


@pytest.mark.parametrize(
    ("names", "told"), [(("black",), "Low key, black."), (("black", "grey"), "Low key, black and white.")]
)
def test_a_picture_of_one_tone_is_told_by_its_tone(names: tuple[str, ...], told: str) -> None:
    look = Composition.model_validate({
        "scale": "unknown", "key": "low", "saturation": 0.0,
        "colours": [{"name": name, "hex": "#000000", "share": 0.5} for name in names],
    })  # fmt: skip
    shot: Shot = (
        made_record(1)
        .shots[0]
        .model_copy(
            update={"composition": look, "camera": None, "motion": None, "sound": None, "coherence": None, "words": ()}
        )
    )
    assert measured_text(shot) == told
