"""A shot's coherence in one plain sentence."""

from __future__ import annotations

from backends.vision.coherence.result import Coherence, Fault, FaultKind

_SAYS: dict[FaultKind, str] = {
    "boil": "its texture is redrawn from frame to frame",
    "wobble": "shapes bend and bend back",
    "flicker": "its light flickers",
    "jump": "something jumps",
    "colour_drift": "its colours drift",
    "identity_drift": "a character changes looks",
}
STRONG, CLEAR = 4.0, 2.0
"""Times its mark from which a fault is told as strong, and as clear."""


def in_words(c: Coherence) -> str:
    """Such as 'holds together', or 'its light flickers around 3.2 s (clearly)'; no full stop, no capital."""
    if c.verdict == "unknown":
        whether = "whether it holds together"
        return f"{whether} is not known: {c.reason}" if c.reason else f"{whether} was not measured"
    if c.verdict == "coherent":
        return "holds together"
    told = [_fault(fault, c) for fault in c.faults[:3]]
    return told[0] if len(told) == 1 else ", ".join(told[:-1]) + " and " + told[-1]


def _fault(fault: Fault, c: Coherence) -> str:
    says = _SAYS[fault.kind]
    if fault.kind == "identity_drift" and c.identity_drift:
        worst = max(c.identity_drift, key=lambda name: c.identity_drift[name])
        says = f"{worst} changes looks"
    where = f" around {fault.seconds[0]:.1f} s" if fault.seconds else ""
    return f"{says}{where} ({_how(fault.strength)})"


def _how(strength: float) -> str:
    """strength: the measure over the mark that it must stay below, so at least 1."""
    return "strongly" if strength >= STRONG else "clearly" if strength >= CLEAR else "slightly"
