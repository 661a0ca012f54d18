"""Short pieces of the same shot one after the other look like a mistake: two shots take turns instead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

OPEN = 2
"""Shots that take turns at a time, so that the whole still goes through the footage from begin to end."""

AHEAD = 2
"""Pieces by which a later shot must have more left to go first, while others still come."""


def taking_turns(shots: Sequence[int]) -> list[int]:
    """The same shots as often as they are there, with as few as can be beside themselves.

    shots: number of the shot of each piece, each shot's pieces together. A shot that comes twice in a row is mixed with
    the one after it.
    """
    groups = [[shot, len(list(run))] for shot, run in groupby(shots)]
    if all(count == 1 for _, count in groups):
        return list(shots)
    made: list[int] = []
    while groups:
        near = [group for group in groups[:OPEN] if not made or group[0] != made[-1]] or groups[:1]
        # The one that waits with many more pieces goes first, else it would be left alone at the end.
        ahead = AHEAD if len(groups) > OPEN else 1
        chosen = near[-1] if near[-1][1] >= near[0][1] + ahead else near[0]
        made.append(chosen[0])
        chosen[1] -= 1
        groups = [group for group in groups if group[1]]
    return made
