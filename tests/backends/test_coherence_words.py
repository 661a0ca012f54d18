"""What is said of a shot's coherence."""

from __future__ import annotations

import pytest

from backends.vision.coherence.result import Coherence, Fault
from backends.vision.coherence.words import in_words


def flicker(strength: float, *seconds: float) -> Fault:
    return Fault(kind="flicker", strength=strength, seconds=seconds)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Coherence(verdict="coherent"), "holds together"),
        (
            Coherence(verdict="faulty", faults=(flicker(2.1, 3.2),)),
            "its light flickers around 3.2 s (clearly)",
        ),
        (
            Coherence(verdict="faulty", faults=(flicker(4.2), Fault(kind="boil", strength=1.1, seconds=(0.5,)))),
            "its light flickers (strongly) and its texture is redrawn from frame to frame around 0.5 s "
            "(slightly)",
        ),
        (
            Coherence(
                verdict="faulty", identity_drift={"Boo": 0.1, "Luca": 0.4},
                faults=(Fault(kind="identity_drift", strength=1.6, seconds=(7.0,)),),
            ),
            "Luca changes looks around 7.0 s (slightly)",
        ),
        (Coherence(reason="it is too dark"), "whether it holds together is not known: it is too dark"),
        (Coherence(), "whether it holds together was not measured"),
    ],
)  # fmt: skip
def test_one_plain_sentence(found: Coherence, said: str) -> None:
    assert in_words(found) == said


@pytest.mark.parametrize(
    ("strength", "how"),
    [(1.0, "slightly"), (1.99, "slightly"), (2.0, "clearly"), (3.99, "clearly"), (4.0, "strongly"), (22.0, "strongly")],
)
def test_how_strong_a_fault_is_told_without_figures(strength: float, how: str) -> None:
    assert in_words(Coherence(verdict="faulty", faults=(flicker(strength, 4.9),))) == (
        f"its light flickers around 4.9 s ({how})"
    )
