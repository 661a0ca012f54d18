"""A question about one thing of a film is answered by the first sentence, with nothing that was not asked."""

from __future__ import annotations

import pytest
from made_record import made_record

from backends.vision.camera.result import CameraSegment, CameraWork
from backends.vision.coherence.result import Coherence, Fault
from backends.vision.composition.result import Colour, Composition
from backends.vision.record import FilmRecord
from tools.analysis.answer import answer_to
from tools.analysis.asked import Move, moves_in
from tools.analysis.summary import summary_of


def stretch(move: str, direction: str = "", speed: float = 0.0, also: str = "") -> CameraSegment:
    return CameraSegment.model_validate({
        "start": 0.0, "end": 2.0, "move": move, "direction": direction, "speed": speed, "also": also, "confidence": 0.9,
    })  # fmt: skip


def work(*parts: CameraSegment) -> CameraWork:
    whole = {"move": "mixed", "direction": "", "speed": 0.0, "also": ""} if len(parts) > 1 else {}
    return CameraWork.model_validate({**parts[0].model_dump(), **whole, "segments": parts})


@pytest.fixture(scope="module")
def film() -> FilmRecord:
    moves = (
        work(stretch("pan", "right", 0.03)),
        work(stretch("static")),
        work(stretch("pan", "right", 0.03)),
        work(stretch("push", "in", 0.03)),
        work(stretch("tilt", "down", 0.2), stretch("static")),
        work(stretch("pan", "left", 0.03, also="zoom_or_push in")),
        work(stretch("unknown")),
    )
    scales = ("CU", "MCU", "LS", "unknown", "ELS", "CU", "LS")
    made = made_record(7)
    shots = [
        shot.model_copy(update={
            "camera": camera, "end": shot.end - 0.1 * at,
            "composition": Composition.model_validate({
                "scale": scale, "key": "low" if at == 3 else "normal", "saturation": 0.0 if at == 4 else 0.3,
                "colours": (Colour(name="navy" if at < 2 else "dark red", hex="#000000", share=0.5),),
            }),
        })
        for at, (shot, camera, scale) in enumerate(zip(made.shots, moves, scales, strict=True))
    ]  # fmt: skip
    return made.model_copy(update={"shots": tuple(shots)})


CAMERA_UNKNOWN = " The camera of shot 7 could not be told."
SCALE_UNKNOWN = " The scale of shot 4 is unknown: no face or figure was found there."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "which shots are slow pans?",
            "Shots 1 and 3 have a slow pan right; shot 6 has a slow pan left with push-in or zoom in." + CAMERA_UNKNOWN,
        ),
        ("where does it pan to the left", "Shot 6 has a slow pan left with push-in or zoom in." + CAMERA_UNKNOWN),
        ("does the camera tilt down anywhere?", "Shot 5 has a tilt down, then static camera." + CAMERA_UNKNOWN),
        (
            "is there a tilt up",
            "No shot has a tilt up; nearest: shot 5 has a tilt down, then static camera." + CAMERA_UNKNOWN,
        ),
        (
            "which shots are fast pans",
            "No shot has a fast pan; nearest: shots 1 and 3 have a slow pan right; shot 6 has a slow pan left with "
            "push-in or zoom in." + CAMERA_UNKNOWN,
        ),
        ("any hand-held shots?", "No shot has a handheld camera." + CAMERA_UNKNOWN),
        (
            "which shots are close-ups",
            "Shots 1 and 6 are close-ups; shot 2 is a medium close-up." + SCALE_UNKNOWN,
        ),
        ("are there extreme close-ups", "No shot is an extreme close-up." + SCALE_UNKNOWN),
        (
            "which are wide",
            "Shots 3 and 7 are long shots; shot 5 is an extreme long shot." + SCALE_UNKNOWN,
        ),
        ("which shots are blue?", "Shots 1 and 2 have blue (navy) among their main colours."),
        ("is any scene green", "No shot has green among its main colours."),
        ("which shots are black and white", "Shot 5 is black and white."),
        ("which shots are dark", "Shot 4 is low key."),
        ("which shot is the loudest?", "Shot 1 is the loudest: -20.0 LUFS."),
        ("how loud is the film", "It is -21.5 LUFS loud, with a peak of -2.0 dBFS."),
        ("where are the dissolves", "2 dissolves: at 3.75, 11.75 s."),
        ("how many cuts are there", "2 cuts: at 2.00, 10.00 s."),
        ("how many shots has it", "There are 7 shots."),
        ("does it flicker anywhere?", "Flickering light: shot 2 (around 2.5 and 2.8 s)."),
        ("do the lines boil", "No boil was found."),
        ("which shot is the shortest", "Shot 7 is the shortest: 1.40 s, from 12.00 s."),
        ("when does the music start", "Music at 7.00 to 14.00 s."),
        ("describe the camera", ""),
        ("make a report", ""),
    ],
)
def test_what_is_asked_is_answered(film: FilmRecord, question: str, answer: str) -> None:
    assert answer_to(film, question) == answer
    assert summary_of(film, answer).startswith(answer or "A film.mp4")


def test_what_was_not_measured_is_not_answered(film: FilmRecord) -> None:
    bare = [
        shot.model_copy(update={"camera": None, "composition": None, "coherence": None, "sound": None})
        for shot in film.shots
    ]
    empty = film.model_copy(update={"shots": tuple(bare), "sound": None})
    for question in ("slow pans?", "which shots are close-ups", "does it flicker", "how loud", "which shots are blue"):
        assert answer_to(empty, question) == ""


def test_a_fault_is_told_where_it_was_found(film: FilmRecord) -> None:
    jump = Coherence(verdict="faulty", faults=(Fault(kind="jump", strength=2.0, seconds=(0.5,)),))
    first = film.shots[0].model_copy(update={"coherence": jump})
    told = answer_to(film.model_copy(update={"shots": (first, *film.shots[1:])}), "any glitches?")
    assert told == "Flickering light: shot 2 (around 2.5 and 2.8 s). Something jumps: shot 1 (around 0.5 s)."


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("A slow pan left with push-in or zoom in.", [
            Move("pan", "left", "slow"), Move("push", "in"), Move("zoom", "in")
        ]),
        ("slow push-in or zoom in", [Move("push", "in", "slow"), Move("zoom", "in", "slow")]),
        ("it pans slowly to the left, then tilts up", [Move("pan", "left", "slow"), Move("tilt", "up")]),
        ("the camera pulls out quickly", [Move("push", "out", "fast")]),
        ("is there a zoom in the second shot", [Move("zoom")]),
        ("una panoramica lenta verso destra", [Move("pan", "right", "slow")]),
        ("how steady is it", []),
    ],
)  # fmt: skip
def test_moves_are_read_from_words(text: str, moves: list[Move]) -> None:
    assert moves_in(text) == moves
