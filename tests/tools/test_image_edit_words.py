"""What edit_image reads in an instruction, and what it changes in a shot."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backends.image.layout.characters import materials
from backends.image.layout.characters.accessories import accessory_materials
from backends.image.layout.scene import CharacterLook
from backends.media.adjust import ADJUSTMENTS, adjust, blend, crop_to, pad, tint, turn
from configs.errors import UsageError
from memory.store import Memory
from tools.film.casting import cast_story
from tools.film.look import accessory_name, changed_look, describe_look, look_from_data, look_to_data
from tools.film.reading import read_story
from tools.film.shot import CastMember, Shot
from tools.film.single import single_shot
from tools.image.edit_plan import EditPlan, read_edit
from tools.image.edit_stage import stage
from tools.image.regions import find_region, foreground
from tools.image.restage import Restaged, Restager


class NoMemory:
    """A memory that knows nobody."""

    def list_entries(self, kind: str) -> list[Any]:
        return []

    def resolve_character(self, name: str) -> None:
        return None


class Knows(NoMemory):
    """A memory that knows one character."""

    def __init__(self, name: str) -> None:
        self._name = name

    def list_entries(self, kind: str) -> list[Any]:
        return [SimpleNamespace(name=self._name, aliases=())]


NOBODY: Memory = NoMemory()  # type: ignore[assignment]


@pytest.fixture(scope="module")
def staged() -> tuple[Shot, Sequence[CastMember]]:
    text = "a boy named Luca and a girl named Mira with a green dress meet a small robot on the beach"
    casting = cast_story(read_story(text), NOBODY)
    names = tuple(member.name for member in casting.members)
    return single_shot(casting.story, names, 3), casting.members


def change(staged: tuple[Shot, Sequence[CastMember]], text: str) -> Restaged:
    return stage(read_edit(text), *staged, NOBODY)[0]


def member(made: Restaged, name: str) -> Any:
    return look_from_data(next(one.look for one in made.cast if one.name == name))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("make the picture warmer", {"adjustments": (("warmer", 1.0),)}),
        ("brighten this image a little", {"adjustments": (("brighter", 0.5),)}),
        ("much more contrast and less saturated", {"adjustments": (("more_contrast", 1.8), ("less_colour", 1.8))}),
        ("edit the photo, blur everything behind her", {"adjustments": (("blur", 1.0),), "partial": True}),
        ("rendi l'immagine in bianco e nero", {"adjustments": (("grey", 1.0),)}),
        ("crop the picture to a square", {"crop": (1, 1)}),
        ("crop it to 16:9", {"crop": (16, 9)}),
        ("crop to 640x480", {"crop": (640, 480), "size": (640, 480)}),
        ("rotate the image to the left", {"rotate": 90}),
        ("flip the picture horizontally", {"flip": "horizontal"}),
        ("mirror it upside down", {"flip": "vertical"}),
        ("resize the image to 512 by 256", {"size": (512, 256)}),
        ("upscale this picture", {"enlarge": 2.0}),
        ("upscale 4x", {"enlarge": 4.0}),
        ("extend the picture to the left by 50%", {"extend": {"left": 0.5}}),
        ("outpaint", {"extend": dict.fromkeys(("left", "right", "top", "bottom"), 0.25)}),
        ("remove the lamp post from the image", {"content": "remove", "what": "the lamp post"}),
        ("take the hat off the boy in the picture", {"content": "remove", "what": "the hat"}),
        ("togli il lampione dalla foto", {"content": "remove", "what": "il lampione"}),
        ("replace the background of the portrait with a forest", {"content": "background", "what": "a forest"}),
        ("put him on the moon", {"content": "background", "what": "on the moon"}),
        (
            "remove the hat and make it brighter",
            {"content": "remove", "what": "the hat", "adjustments": (("brighter", 1.0),)},
        ),
        (
            "make it warmer, then replace the background with a forest",
            {"content": "background", "what": "a forest", "adjustments": (("warmer", 1.0),)},
        ),
        (
            "remove the hat and the scarf, crop it to a square",
            {"content": "remove", "what": "the hat and the scarf", "crop": (1, 1)},
        ),
        ("could you please remove the hat", {"content": "remove", "what": "the hat"}),
        ("sfoca lo sfondo", {"adjustments": (("blur", 1.0),), "partial": True}),
        ("put a scarf on her in the photo", {"content": "change"}),
        ("give Luca a darker coat", {"content": "change"}),
    ],
)
def test_what_an_instruction_asks_for(text: str, wanted: dict[str, Any]) -> None:
    plan = read_edit(text)
    plain = EditPlan(text)
    for key, value in vars(plan).items():
        if key in wanted:
            assert value == wanted[key], key
        elif key not in ("text", "what", "clauses"):
            assert value == getattr(plain, key), key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "upscale 99x",
        "upscale 50x",
        "extend to the left by 900%",
        "crop to a square, crop to 16:9",
        "crop it to 640x480 and upscale 2x",
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError):
        read_edit(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("make his shirt red, add a cat, from a low angle", ["make his shirt red", "add a cat", "from a low angle"]),
        ("make the sky purple and his shirt red", ["make the sky purple", "make his shirt red"]),
        ("make the sky and the sea purple", ["make the sky and the sea purple"]),
        ("give Luca a hat and make it red", ["give Luca a hat", "make the hat red"]),
        ("red glasses, then make it black and white", ["red glasses", "make it black and white"]),
        ("make the sky warmer, brighter", ["make the sky warmer, brighter"]),
        ("make the robot black and white", ["make the robot black and white"]),
        ("rendi la maglietta rossa, poi di notte e dal basso", ["rendi la maglietta rossa", "di notte", "dal basso"]),
        ("make it black and white and blur everything behind", ["make it black and white", "blur everything behind"]),
    ],
)
def test_an_instruction_is_read_clause_by_clause(text: str, wanted: list[str]) -> None:
    assert [one.text for one in read_edit(text).each] == wanted


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("make the background of this picture a castle at night", "a castle at night"),
        ("change the backdrop of my picture into outer space", "outer space"),
        ("use a castle as the background", "a castle"),
        ("put a castle in the background", "a castle"),
        ("give it a forest background", "a forest"),
        ("the background should be a snowy park", "a snowy park"),
        ("metti lo sfondo di un castello", "un castello"),
        ("metti un castello come sfondo", "un castello"),
        ("cambia lo sfondo di questa foto in un castello di notte", "un castello di notte"),
        ("rendi lo sfondo di questa immagine una spiaggia al tramonto", "una spiaggia al tramonto"),
        ("vorrei un bosco sullo sfondo", "un bosco"),
    ],
)
def test_another_background_in_many_words(text: str, what: str) -> None:
    plan = read_edit(text)
    assert (plan.content, plan.what) == ("background", what)


@pytest.mark.parametrize("text", ["add a cat in the background", "make the castle in the background red",
                                  "make the background darker"])  # fmt: skip
def test_what_speaks_of_the_background_is_not_always_another_one(text: str) -> None:
    assert read_edit(text).content != "background"


def test_several_changes_happen_each_on_the_right_one(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    made = change(staged, "make his shirt red, add a cat, from a low angle")
    assert made.changes == ("Luca with red top", "Cat is there", "angle low")
    before = Restager(*staged, NOBODY).remove("nothing at all")
    scarf, left = stage(read_edit("make the sky purple and give him a scarf"), *staged, NOBODY)
    assert scarf.changes == ("Luca with scarf",) and [one.text for one, _ in left] == ["make the sky purple"]
    moved = change(staged, "put Luca in a forest and make him sad")
    assert moved.shot.set == "forest" and moved.shot.actor("Luca").expression == "sad"  # type: ignore[union-attr]
    gone = change(staged, "remove the robot, add a dog and give it a red collar")
    assert {one.name for one in gone.shot.actors} == {"Luca", "Mira", "Dog"}
    assert member(gone, "Mira") == member(before, "Mira")


def test_words_without_a_wish_are_empty() -> None:
    assert read_edit("edit this picture please").empty


@pytest.mark.parametrize(
    ("wild", "content"),
    [
        ("'; DROP TABLE assets; --", "change"), ("\u202e🙂 ((((" * 50, ""), (f"make {'very ' * 300}bright", "change"),
    ],
    ids=range(3),
)  # fmt: skip
def test_no_text_breaks_the_reader(wild: str, content: str) -> None:
    plan = read_edit(wild)
    assert plan.text == wild and plan.content == content and plan.crop is None and plan.size is None


def test_a_shot_changes_by_words(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    assert change(staged, "turn the day into night").shot.time_of_day == "night"
    assert change(staged, "replace the background with a forest").shot.set == "forest"
    assert change(staged, "make the background plain white").shot.set == "void"
    assert {one.name for one in change(staged, "remove the robot").shot.actors} == {"Luca", "Mira"}
    assert change(staged, "make Luca look sad").shot.actor("Luca").expression == "sad"  # type: ignore[union-attr]
    assert change(staged, "let Mira wave").shot.actor("Mira").pose == "waving"  # type: ignore[union-attr]
    assert change(staged, "move in closer").shot.camera.scale != staged[0].camera.scale
    assert change(staged, "show it from a low angle").shot.camera.angle == "low"
    swapped = change(staged, "replace the robot with a cat")
    assert {one.name for one in swapped.shot.actors} == {"Luca", "Mira", "Cat"}
    assert "Robot" not in {one.facing for one in swapped.shot.actors} | {one.look_at for one in swapped.shot.actors}
    assert change(staged, "add a ball").shot.props[-1:] == ("ball",)
    added = change(staged, "add a dog")
    assert "Dog" in {one.name for one in added.shot.actors} and "Dog is there" in added.changes


def test_a_look_changes_only_for_whom_it_is_meant(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    before = Restager(*staged, NOBODY).remove("nothing at all")
    made = change(staged, "change the color of her dress to red")
    assert member(made, "Mira").top == "dress" and member(made, "Mira").top_color[0] > 0.6
    assert member(made, "Luca") == member(before, "Luca") and member(made, "Robot") == member(before, "Robot")
    glasses = change(staged, "give Luca glasses")
    assert "glasses" in member(glasses, "Luca").accessories and "glasses" not in member(glasses, "Mira").accessories
    without = Restager(glasses.shot, glasses.cast, NOBODY).remove("the glasses")
    assert "glasses" not in member(without, "Luca").accessories
    blue = change(staged, "make the robot blue")
    assert member(blue, "Robot").body[2] > 0.6 and blue.changes == ("Robot with blue body",)
    # the sky's colour is nobody's
    assert change(staged, "make the sky purple").changes == ()


@pytest.mark.parametrize(
    ("text", "luca", "mira"),
    [
        ("make Luca angry and Mira sad", "angry", "sad"),
        ("make Mira sad, and let Luca wave and look angry", "angry", "sad"),
        ("make Luca and Mira sad", "sad", "sad"),
        ("rendi triste Luca e Mira", "sad", "sad"),
        ("make Luca angry, her sad", "angry", "sad"),
    ],
)
def test_each_gets_what_was_said_of_them(
    staged: tuple[Shot, Sequence[CastMember]], text: str, luca: str, mira: str
) -> None:
    shot = change(staged, text).shot
    assert [shot.actor(name).expression for name in ("Luca", "Mira")] == [luca, mira]  # type: ignore[union-attr]
    assert shot.actor("Robot").expression == staged[0].actor("Robot").expression  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["make Anna smile", "make Anna's hair blonde", "remove Anna", "fai sorridere Anna",
                                  "remove Anna's hat", "metti gli occhiali ad Anna"])  # fmt: skip
def test_nobody_is_changed_in_place_of_somebody_else(staged: tuple[Shot, Sequence[CastMember]], text: str) -> None:
    plan = read_edit(text)
    memory: Memory = Knows("Anna")  # type: ignore[assignment]
    restager = Restager(*staged, memory)
    made = {"remove": restager.remove}.get(plan.content, restager.change)(plan.what)
    assert made.changes == () and made.already == () and made.missing == "Anna"


def test_a_hat_for_somebody_is_no_stranger(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    assert change(staged, "give the robot a Santa hat").missing == ""
    assert change(staged, "add Anna").missing == ""


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("give Luca a green hat", {"hat": "green hat"}),
        ("red glasses", {"glasses": "red glasses"}),
        ("un cappello verde e una sciarpa blu", {"hat": "green hat", "scarf": "blue scarf"}),
        ("a red shirt and a hat", {"hat": "hat"}),
        ("a hat, red shirt", {"hat": "hat"}),
        ("a dark green hat", {"hat": "green hat"}),
    ],
)
def test_what_somebody_wears_has_its_own_colour(words: str, wanted: dict[str, str]) -> None:
    look = changed_look(CharacterLook(), words)
    assert dict(zip(look.worn, map(accessory_name, look.accessories), strict=True)) == wanted
    described = describe_look("Luca", f"a boy with {words}")
    assert set(map(accessory_name, described.accessories)) >= set(wanted.values())
    assert look_from_data(look_to_data(look)).accessories == look.accessories
    again = changed_look(look, "a blue hat")
    assert again.worn.count("hat") == 1 and "blue hat" in map(accessory_name, again.accessories)
    assert not changed_look(again, "the hat", without=True).accessory_color("hat")


def test_a_coloured_accessory_is_drawn_in_it_and_others_as_before() -> None:
    plain, green = CharacterLook(accessories=("hat", "glasses")), CharacterLook(accessories=("hat:#2e7d32", "glasses"))
    before, after = accessory_materials(plain), accessory_materials(green)
    assert after["hat"] == materials.cloth((0x2E / 255, 0x7D / 255, 0x32 / 255)) != before["hat"]
    assert {key: value for key, value in after.items() if key != "hat"} == {
        key: value for key, value in before.items() if key != "hat"
    }
    # what a stored look should not hold is no colour
    assert accessory_materials(CharacterLook(accessories=("hat:#zz", "glasses"))) == before


def test_the_hat_is_that_of_whom_has_one_on(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    made = change(staged, "give Luca a hat and make it red")
    assert "red hat" in map(accessory_name, member(made, "Luca").accessories)
    assert "hat" not in member(made, "Mira").worn and made.changes == ("Luca with hat", "Luca with red hat")


def test_what_a_layout_does_not_draw_is_no_change(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    assert change(staged, "give the robot a hat").changes == ()


def test_what_is_so_already_is_told(staged: tuple[Shot, Sequence[CastMember]]) -> None:
    sad = change(staged, "make Luca look sad")
    again = Restager(sad.shot, sad.cast, NOBODY).change("make Luca look sad")
    assert again.changes == () and again.already == ("Luca is sad",)


# -- pixels ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[0:96, 0:128]
    return np.dstack([x * 2 % 200 + 20, y * 2 + 10, (x + y) % 160 + 30]).astype(np.uint8)


def test_every_adjustment_does_what_it_says(picture: np.ndarray) -> None:
    def mean(name: str) -> float:
        return float(adjust(picture, name).mean())

    assert mean("brighter") > picture.mean() + 5 and mean("darker") < picture.mean() - 5
    assert adjust(picture, "more_contrast").std() > picture.std() > adjust(picture, "less_contrast").std()
    warm, cool = adjust(picture, "warmer").mean(axis=(0, 1)), adjust(picture, "cooler").mean(axis=(0, 1))
    assert warm[0] > cool[0] and warm[2] < cool[2]
    grey = adjust(picture, "grey").astype(int)
    assert np.abs(grey[..., 0] - grey[..., 2]).max() <= 1
    spread = lambda one: float(one.astype(float).std(axis=2).mean())  # noqa: E731
    assert spread(adjust(picture, "more_colour")) > spread(picture) > spread(adjust(picture, "less_colour"))
    assert (adjust(adjust(picture, "invert"), "invert") == picture).all()
    corner, middle = adjust(picture, "vignette")[0, 0].mean(), adjust(picture, "vignette")[48, 64].mean()
    assert corner < picture[0, 0].mean() * 0.8 and middle == pytest.approx(picture[48, 64].mean(), abs=1)
    for name in ADJUSTMENTS:
        assert adjust(picture, name, 0.5).shape == picture.shape


def test_outside_of_a_mask_nothing_changes(picture: np.ndarray) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:, :64] = 255
    for name in ADJUSTMENTS:
        assert (adjust(picture, name, 1.0, mask)[:, 64:] == picture[:, 64:]).all(), name
    assert (tint(picture, (0.5, 0.1, 0.6), mask)[:, 64:] == picture[:, 64:]).all()
    assert (blend(picture, 255 - picture, np.zeros_like(mask)) == picture).all()


def test_a_blurred_background_takes_no_colour_of_the_subject() -> None:
    rgb = np.full((80, 120, 3), (30, 60, 90), np.uint8)
    rgb[20:60, 40:80] = (250, 20, 20)
    mask = np.full((80, 120), 255, np.uint8)
    mask[20:60, 40:80] = 0
    made = adjust(rgb, "blur", 2.0, mask)
    assert (made[20:60, 40:80] == (250, 20, 20)).all()
    assert np.abs(made[mask > 0].astype(int) - (30, 60, 90)).max() <= 2


def test_a_tint_keeps_light_and_shade() -> None:
    shade = np.linspace(60, 220, 64).astype(np.uint8)
    rgb = np.repeat(np.repeat(shade[None, :, None], 40, axis=0), 3, axis=2)
    made = tint(rgb, (0.45, 0.15, 0.60), np.full((40, 64), 255, np.uint8)).astype(int)
    assert (made[..., 2] > made[..., 1] + 15).all()
    luma = made.mean(axis=2)[0]
    assert np.corrcoef(luma, shade)[0, 1] > 0.98


def test_shape(picture: np.ndarray) -> None:
    assert crop_to(picture, (1, 1)).shape == (96, 96, 3)
    assert (crop_to(picture, (1, 1), (1.0, 0.5)) == picture[:, 32:]).all()
    assert (turn(picture, 90) == np.rot90(picture)).all() and (turn(picture, 0, "horizontal") == picture[:, ::-1]).all()
    canvas, mask = pad(picture, 16, 0, 8, 24)
    assert canvas.shape == (120, 152, 3) and (canvas[:96, 16:144] == picture).all()
    assert (mask[:96, 16:144] == 0).all() and mask[-1, -1] == 255 and mask[5, 3] == 255


def test_places_and_the_foreground() -> None:
    left = find_region("darken the left half", (100, 50))
    assert left is not None and left.mask[:, :50].all() and not left.mask[:, 50:].any() and not left.exact
    assert find_region("the top left corner", (100, 50)).name == "the top left"  # type: ignore[union-attr]
    assert find_region("the dragon's wings", (100, 50)) is None
    rng = np.random.default_rng(1)
    rgb = rng.integers(90, 120, (120, 160, 3)).astype(np.uint8)
    rgb[30:115, 60:100] = rng.integers(190, 240, (85, 40, 3)).astype(np.uint8) // np.array([1, 4, 4], np.uint8)
    front = foreground(rgb)
    assert front is not None and (front[40:110, 65:95] > 0).mean() > 0.95 and (front[:, :40] > 0).mean() < 0.02
    assert foreground(np.full((60, 60, 3), 128, np.uint8)) is None
