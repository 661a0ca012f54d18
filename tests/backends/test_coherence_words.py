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
            "its light flickers around 3.2 s (twice the mark)",
        ),
        (
            Coherence(verdict="faulty", faults=(flicker(4.2), Fault(kind="boil", strength=1.1, seconds=(0.5,)))),
            "its light flickers (4 times the mark) and its texture is redrawn from frame to frame around 0.5 s "
            "(just over the mark)",
        ),
        (
            Coherence(
                verdict="faulty", identity_drift={"Boo": 0.1, "Luca": 0.4},
                faults=(Fault(kind="identity_drift", strength=1.6, seconds=(7.0,)),),
            ),
            "Luca changes looks around 7.0 s (one and a half times the mark)",
        ),
        (Coherence(reason="it is too dark"), "whether it holds together is not known: it is too dark"),
        (Coherence(), "whether it holds together was not measured"),
    ],
)  # fmt: skip
def test_one_plain_sentence(found: Coherence, said: str) -> None:
    assert in_words(found) == said
