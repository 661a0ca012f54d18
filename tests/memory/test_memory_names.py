from __future__ import annotations

import pytest

from memory.names import is_typo, name_key

CAST = {
    "Luca": "a boy named Luca with curly brown hair and a toy robot",
    "Boo": "a tiny robot with one round eye",
    "Nonna Pina": "an old grandmother with grey hair, she has a cat",
    "Alessandro Rossi": "a tall man in a blue coat",
    "Zoë": "a girl with red braids",
    "Martina": "a girl detective with a hat",
}


@pytest.fixture
def cast(memory):
    for name, text in CAST.items():
        memory.remember("character", name, text, aliases=["Beeper", "il piccoletto"] if name == "Boo" else ())
    memory.remember("style", "Lucina", "not a character")
    return memory


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("luca", "Luca"), ("LUCA!", "Luca"), ("Lùca", "Luca"), ("little Luca", "Luca"), ("Luca's", "Luca"),
        ("Luka", "Luca"), ("Lucca", "Luca"), ("Lcua", "Luca"), ("beeper", "Boo"), ("Il Piccoletto", "Boo"),
        ("zoe", "Zoë"), ("ZOË", "Zoë"), ("Rossi", "Alessandro Rossi"), ("Ale", "Alessandro Rossi"),
        ("alesandro rosi", "Alessandro Rossi"), ("Alessandro", "Alessandro Rossi"), ("nona pina", "Nonna Pina"),
        ("Martna", "Martina"), ("martima", "Martina"), ("the robot", "Boo"), ("il robottino", "Boo"),
        ("robot", "Boo"), ("the boy", "Luca"), ("il ragazzo", "Luca"), ("the grandmother", "Nonna Pina"),
        ("la nonna", "Nonna Pina"), ("my grandma", "Nonna Pina"), ("the detective", "Martina"),
        ("the man", "Alessandro Rossi"), ("the cat", "Nonna Pina"), ("the tall man", "Alessandro Rossi"),
        ("un robot", "Boo"),
    ],
)  # fmt: skip
def test_resolves(cast, asked, name):
    found = cast.resolve_character(asked)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "asked",
    ["Luna", "Lucas", "Lucia", "Bob", "Martino", "Robert", "the girl", "the dragon", "", "!!!", "the", "Robot",
     "Lucina", "x" * 100_000, "the " * 50_000],
)  # fmt: skip
def test_does_not_guess(cast, asked):
    assert cast.resolve_character(asked) is None


def test_two_of_one_name_part_are_not_guessed(cast):
    cast.remember("character", "Bianca Rossi", "a woman in white")
    assert cast.resolve_character("Rossi") is None
    assert cast.resolve_character("Bianca").name == "Bianca Rossi"


def test_nearest_are_suggested(cast):
    assert cast.nearest_characters("Lucia", 2)[0] == "Luca"
    assert len(cast.nearest_characters("anything", 3)) == 3


@pytest.mark.parametrize(
    ("asked", "known", "same"),
    [("paola", "paolo", False), ("mara", "marta", False), ("mia", "mira", False), ("marco", "mario", False),
     ("sophia", "sofia", True), ("francesco", "francesca", False), ("giovani", "giovanni", True),
     ("lica", "luca", True)],
)  # fmt: skip
def test_typo_or_another_name(asked, known, same):
    assert is_typo(asked, known) is same


def test_name_key():
    assert name_key("  Perché, LUCA?_2 ") == "perche luca 2"
    assert name_key("!?") == "!?"
