"""Best of n: which take wins and why, when another one is made, and what happens when one fails or is cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from configs.errors import Cancelled, EngineError
from memory.records import Score
from tools.image.ranking import JUDGED, ranked, total
from tools.image.report import failed_in_words
from tools.image.takes import SEED_STEP, Ranking, Take, Variation, best_of


def gate(name: str, value: float, mark: float = 0.5) -> Score:
    return Score(name, value, "measured", "x", mark, value >= mark)


def shown(name: str, value: float) -> Score:
    return Score(name, value, "measured", "x")


def take(variation: Variation, *scores: Score) -> Take:
    return Take(np.zeros((8, 8, 3), np.uint8), "toy", "1", variation.seed, {}, scores)


class Maker:
    """Takes with these scores, one after another; an error is raised in its turn."""

    def __init__(self, *takes: Sequence[Score] | Exception) -> None:
        self.left = list(takes)
        self.asked: list[Variation] = []

    def __call__(self, variation: Variation) -> Take:
        self.asked.append(variation)
        made = self.left.pop(0)
        if isinstance(made, Exception):
            raise made
        return take(variation, *made)


def order(*takes: Sequence[Score]) -> list[int]:
    return [rank.index for rank in ranked(takes)]


def test_gates_come_before_everything_that_only_ranks() -> None:
    failing = (gate("sharpness", 0.4), shown("prompt match", 0.9), Score(JUDGED, 5.0, "judged", "vlm"))
    passing = (gate("sharpness", 0.6), shown("prompt match", 0.1))
    assert order(failing, passing) == [1, 0]
    nearer = (gate("sharpness", 0.45),)
    assert order(failing, nearer, passing) == [2, 1, 0]
    assert order((gate("a", 0.4), gate("b", 0.4)), (gate("a", 0.0), gate("b", 0.6))) == [1, 0]


def test_a_picture_in_which_nobody_is_found_is_no_better_than_one_that_fails() -> None:
    unlike, like = gate("identity Luca", 0.6, 0.65), gate("identity Luca", 0.7, 0.65)
    nobody = Score("identity Luca", None, "not measured", "arcface", note="undetected: no face found")
    assert order((nobody,), (unlike,)) == [1, 0] and order((nobody,), (unlike,), (like,)) == [2, 1, 0]
    assert order((unlike, gate("sharpness", 0.4)), (nobody,)) == [1, 0]
    # everybody alike: nothing changes
    assert order((nobody, gate("sharpness", 0.4)), (nobody, gate("sharpness", 0.6))) == [1, 0]


def test_nobody_found_is_no_pass_and_another_try_is_made() -> None:
    nobody = Score("identity Luca", None, "not measured", "arcface", note="undetected: no face found")
    found = gate("identity Luca", 0.8, 0.65)
    assert not take(Variation(), nobody, gate("sharpness", 0.6)).passed
    assert total((nobody, gate("sharpness", 0.6))) == 0.5
    made = best_of(Maker((nobody,), (found,)), 1, seed=1, rounds=3)
    assert len(made.takes) == 2 and made.best.passed and made.ranks[1].why == "fails: identity Luca undetected"
    alone = best_of(Maker((nobody,)), 1, seed=1)
    (sentence,) = failed_in_words([alone])
    assert sentence.startswith("Luca was not found in the picture (undetected: no face found)")


def test_the_judge_ranks_among_equals_and_the_measures_break_its_ties() -> None:
    def passing(judged: float | None, prompt: float) -> tuple[Score, ...]:
        told = (Score(JUDGED, judged, "judged", "vlm"),) if judged is not None else ()
        return (gate("sharpness", 0.6), shown("prompt match", prompt), *told)

    assert order(passing(3, 0.30), passing(5, 0.20), passing(3, 0.31)) == [1, 2, 0]
    assert order(passing(None, 0.20), passing(None, 0.25)) == [1, 0]


def test_the_earlier_take_wins_a_tie() -> None:
    same = (gate("sharpness", 0.6),)
    assert order(same, same, same) == [0, 1, 2]


def test_not_measured_neither_passes_nor_fails() -> None:
    unknown = Score("identity Luca", None, "not measured", "none")
    assert total((unknown,)) == 0.0 and total((unknown, gate("a", 0.6))) == 1.0
    assert take(Variation(), unknown).passed


def test_the_least_alike_character_decides() -> None:
    one = (shown("identity Luca", 0.95), shown("identity Mia", 0.40))
    other = (shown("identity Luca", 0.70), shown("identity Mia", 0.68))
    assert order(one, other) == [1, 0]


def test_reasons_in_words() -> None:
    sharp = (gate("sharpness", 0.6), shown("blur", 0.2), shown("identity Luca", 0.83))
    soft = (gate("sharpness", 0.6), shown("blur", 0.4), shown("identity Luca", 0.80))
    assert [rank.why for rank in ranked([soft, sharp])] == ["sharpest, Luca 0.83", "Luca 0.80"]
    broken = (gate("sharpness", 0.1), shown("blur", 0.1))
    assert [rank.why for rank in ranked([broken, soft])] == [
        "the only one that passes, Luca 0.80",
        "fails: sharpness 0.1",
    ]
    assert ranked([broken, (gate("sharpness", 0.2),)])[0].why == "fails least: sharpness 0.2"
    judged = ((gate("a", 1), Score(JUDGED, 4.0, "judged", "vlm")), (gate("a", 1), Score(JUDGED, 2.0, "judged", "vlm")))
    assert ranked(judged)[0].why == "judged 4 of 5"


def test_n_takes_are_made_with_seeds_of_their_own_and_all_are_kept() -> None:
    make = Maker([gate("a", 0.6), shown("blur", 0.3)], [gate("a", 0.6), shown("blur", 0.2)], [gate("a", 0.4)])
    made = best_of(make, 3, seed=2**31 - 1, rounds=3)
    assert [one.seed for one in make.asked] == [2**31 - 1, SEED_STEP - 1, 2 * SEED_STEP - 1]
    assert [one.variation.number for one in made.takes] == [1, 0, 2]
    assert made.told == "take 2 of 3: sharpest" and made.best.variation.number == 1
    assert [rank.place for rank in made.ranks] == [1, 2, 3]


def test_a_pass_ends_the_tries() -> None:
    make = Maker([gate("a", 0.1)], [gate("a", 0.9)], [gate("a", 0.9)])
    made = best_of(make, 1, seed=0, rounds=3)
    assert len(make.asked) == 2 and made.best.passed


def test_tries_end_when_the_score_no_longer_gains() -> None:
    make = Maker([gate("a", 0.2)], [gate("a", 0.3)], [gate("a", 0.25)], [gate("a", 0.9)])
    made = best_of(make, 1, seed=0, rounds=9)
    assert len(make.asked) == 3 and made.best.variation.number == 1 and len(made.takes) == 3


def test_tries_end_with_the_budget_and_when_nothing_helps() -> None:
    worse = [[gate("a", 0.1 * number)] for number in range(1, 5)]
    assert len(best_of(Maker(*worse), 1, seed=0, rounds=2).takes) == 2
    assert len(best_of(Maker(*worse), 1, seed=0, rounds=1).takes) == 1
    assert len(best_of(Maker(*worse), 2, seed=0, rounds=3).takes) == 4
    assert len(best_of(Maker(*worse), 1, seed=0, rounds=3, change=lambda best, wanted: None).takes) == 1


def test_a_further_try_changes_what_the_best_take_lacks() -> None:
    def change(best: Take, wanted: Variation) -> Variation:
        return replace(wanted, guidance=best.scores[0].value, reason="a: more guidance")

    make = Maker([gate("a", 0.2)], [gate("a", 0.6)])
    made = best_of(make, 1, seed=7, rounds=3, change=change)
    assert make.asked[1].guidance == 0.2 and made.best.variation.reason == "a: more guidance"
    assert make.asked[1].seed == 7 + SEED_STEP


def test_the_judge_sees_only_takes_that_pass_and_only_when_there_is_a_choice() -> None:
    seen: list[int] = []

    def judge(takes: Sequence[Take]) -> list[Score]:
        seen.append(len(takes))
        return [Score(JUDGED, 1.0 + take.variation.number, "judged", "vlm") for take in takes]

    good, bad = [gate("a", 0.9)], [gate("a", 0.1)]
    made = best_of(Maker(good, bad, good), 3, seed=0, judge=judge)
    assert seen == [2] and made.best.variation.number == 2
    assert [one.name for one in made.takes[-1].scores] == ["a"]
    best_of(Maker(good, bad), 2, seed=0, judge=judge)
    assert seen == [2]


def test_an_error_after_the_first_take_keeps_what_is_there() -> None:
    make = Maker([gate("a", 0.9)], EngineError("SDXL ran out of memory", "", "Ask for less"))
    made = best_of(make, 3, seed=0)
    assert len(made.takes) == 1 and made.stopped.startswith("SDXL ran out of memory")
    with pytest.raises(EngineError, match="out of memory"):
        best_of(Maker(EngineError("SDXL ran out of memory")), 3, seed=0)


def test_cancel_hands_over_what_is_finished() -> None:
    kept: list[Ranking] = []
    make = Maker([gate("a", 0.9)], Cancelled("Stopped at your request"))
    with pytest.raises(Cancelled):
        best_of(make, 3, seed=0, on_cancel=kept.append)
    assert [len(ranking.takes) for ranking in kept] == [1]
    with pytest.raises(Cancelled):
        best_of(Maker(Cancelled("Stopped")), 3, seed=0, on_cancel=kept.append)
    assert len(kept) == 1
