"""Film grammar, timing, looks, layout and prompts."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from backends.image.layout.scene_json import scene_from_dict, scene_to_dict
from tools.film.direct import direct
from tools.film.layout import layout_scene
from tools.film.look import describe_in_words, describe_look, look_from_data, look_to_data
from tools.film.prompt import shot_prompt
from tools.film.reading import read_story
from tools.film.shot import CastMember, Line, Shot, Storyboard
from tools.film.single import single_shot
from tools.film.timing import fit_lengths, speech_needed

LUCA = (
    "a boy named Luca with curly brown hair finds a tiny robot on the beach at sunset. "
    "He says 'Ciao, piccolo!' happily, and the robot beeps back."
)
STORIES = (
    LUCA,
    "Luca waves.",
    "sunset over the beach",
    "Gino sits by the sea. A seagull lands. Gino shouts 'Go away!' The seagull squawks. "
    "A cat runs through the street at night.",
    "ANNA: Hello there!\nBOB: Hi.\nANNA: How are you? I waited a long time.\nBOB: Fine, thanks!",
)


@pytest.mark.parametrize("text", STORIES)
@pytest.mark.parametrize(("seconds", "shots"), [(15, 0), (6, 3), (9.5, 4), (40, 0)])
def test_shots_keep_the_grammar(text: str, seconds: float, shots: int) -> None:
    made, notes = direct(read_story(text), (), seconds, shots=shots, seed=3, fps=24)
    if shots:
        assert len(made) == shots
    assert notes or abs(sum(shot.seconds for shot in made) - seconds) < 0.5 / 24 + 1e-9
    assert all(abs(shot.seconds * 24 - round(shot.seconds * 24)) < 1e-6 for shot in made)
    for one, two in pairwise(made):
        assert (one.camera.scale, one.camera.focus, one.camera.angle) != (
            two.camera.scale,
            two.camera.focus,
            two.camera.angle,
        )
        assert one.camera.move != two.camera.move or one.camera.move == "static"
    sides: dict[str, str] = {}
    for shot in made:
        assert abs(shot.camera.yaw_deg) < 90
        for actor in shot.actors:
            assert sides.setdefault(actor.name, actor.place) == actor.place
    assert made[0].transition == "fade"


def test_every_line_is_kept_and_fits() -> None:
    story = read_story(LUCA)
    made, _ = direct(story, (), 15)
    assert [line.text for shot in made for line in shot.lines] == ["Ciao, piccolo!", "Beep beep!"]
    assert all(shot.seconds >= speech_needed(shot) - 1 / 24 for shot in made)
    assert len(made) >= 3 and made[-1].role == "end" and made[0].camera.scale in ("LS", "ELS")


def test_direction_depends_on_story_and_seed_only() -> None:
    story = read_story(LUCA)
    assert direct(story, (), 15, seed=7) == direct(story, (), 15, seed=7)


def test_too_many_words_make_the_film_longer_and_say_so() -> None:
    line = Line(character="A", text="word " * 60)
    shots = [Shot(id=f"shot-{n}", role="line", lines=(line,)) for n in range(3)]
    lengths, notes = fit_lengths(shots, 5, 24)
    assert sum(lengths) > 40 and "longer" in notes[0]


def test_measured_lines_change_the_lengths_but_not_the_sum() -> None:
    made, _ = direct(read_story(LUCA), (), 15)
    speaking = next(shot for shot in made if shot.lines)
    lengths, notes = fit_lengths(made, 15, 24, {(speaking.id, 0): 5.0})
    assert not notes and abs(sum(lengths) - 15) < 1e-9
    assert lengths[list(made).index(speaking)] >= 5.0


def test_a_storyboard_goes_through_json() -> None:
    made, _ = direct(read_story(LUCA), (), 15)
    board = Storyboard(
        title="x", shots=made, characters=(CastMember(name="Luca", look=look_to_data(describe_look("Luca", ""))),)
    )
    assert Storyboard.model_validate(json.loads(board.model_dump_json())) == board
    odd = Shot.model_validate(
        {"id": "s", "set": "volcano", "actors": [{"name": "A", "pose": "flying", "expression": "HAPPY"}]}
    )
    assert (odd.set, odd.actors[0].pose, odd.actors[0].expression) == ("void", "standing", "happy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a boy with curly brown hair", {"kind": "human", "age": "child", "hair_style": "curly"}),
        ("a girl with long red hair and green eyes in a yellow raincoat", {"hair_style": "long", "top": "coat"}),
        ("a tiny robot", {"kind": "robot"}),
        ("a fox wearing a blue scarf", {"kind": "fox", "accessories": ("scarf:#3f74b8",)}),
        ("an old fisherman", {"age": "elder", "accessories": ("cap", "beard")}),
        ("una bambina con capelli ricci neri", {"age": "child", "hair_style": "curly"}),
        ("a bald man with glasses", {"hair_style": "bald", "accessories": ("glasses",)}),
    ],
)
def test_looks_follow_the_words(text: str, expected: dict[str, object]) -> None:
    look = describe_look("Someone", text)
    assert {key: getattr(look, key) for key in expected} == expected
    assert look_from_data(look_to_data(look)) == look_from_data(look_to_data(look_from_data(look_to_data(look))))


def test_colours_belong_to_what_they_describe() -> None:
    look = describe_look("Maya", "a girl with red hair, a green dress and black boots")
    assert look.top == "dress" and look.bottom == "none"
    assert look.top_color[1] > look.top_color[0] and look.hair[0] > 2 * look.hair[2] and max(look.shoes) < 0.25
    robot = describe_look("R", "a red robot with green lights")
    assert robot.body[0] > robot.body[1] and robot.accent[1] > robot.accent[0]
    assert (
        describe_look("R", "a tiny robot").height
        < describe_look("R", "a robot").height
        < describe_look("R", "a giant robot").height
    )


def test_the_same_name_always_looks_the_same_and_others_differ() -> None:
    assert describe_look("Luca", "a boy") == describe_look("Luca", "a boy")
    assert len({describe_look(name, "a boy").top_color for name in ("Luca", "Tom", "Ben", "Sam", "Leo", "Max")}) > 1
    assert "curly" in describe_in_words(describe_look("Luca", "a boy with curly brown hair"), "male")


def test_layout_faces_partners_and_keeps_sides() -> None:
    made, _ = direct(read_story(LUCA), (), 15)
    shot = next(one for one in made if len(one.actors) == 2)
    looks = {"Luca": describe_look("Luca", "a boy"), "Robot": describe_look("Robot", "a tiny robot")}
    scene = layout_scene(shot, looks)
    luca, robot = scene.characters
    assert luca.x < robot.x and luca.facing_deg > 20 and robot.facing_deg < -20
    assert luca.look_at == "Robot" and robot.look_at == "Luca"
    assert scene_from_dict(json.loads(json.dumps(scene_to_dict(scene)))) == scene


@pytest.mark.parametrize("text", STORIES)
def test_every_shot_has_a_layout(text: str) -> None:
    made, _ = direct(read_story(text), (), 15)
    for shot in made:
        scene = layout_scene(shot, {})
        assert [one.name for one in scene.characters] == [actor.name for actor in shot.actors]
        assert scene_from_dict(scene_to_dict(scene)) == scene


def test_prompts_say_who_where_and_how() -> None:
    made, _ = direct(read_story(LUCA), (), 15)
    looks = {
        "Luca": describe_look("Luca", "a boy with curly brown hair"),
        "Robot": describe_look("Robot", "a tiny robot"),
    }
    prompt, negative = shot_prompt(made[1], (CastMember(name="Luca", gender="male"),), looks, "watercolour")
    for word in ("curly brown hair", "robot", "beach", "sunset", "watercolour", "crouching"):
        assert word in prompt
    assert "blurry" in negative


@pytest.mark.parametrize(
    ("text", "scale", "angle", "pose"),
    [
        ("Luca waving", "MS", "eye", "waving"),
        ("close-up of Luca smiling", "CU", "eye", "cheering"),
        ("a robot running in the street, low angle, full body", "LS", "low", "running"),
    ],
)
def test_one_picture_is_framed_as_the_words_say(text: str, scale: str, angle: str, pose: str) -> None:
    story = read_story(text, known=["Luca"])
    shot = single_shot(story, tuple(person.name for person in story.people), 1)
    assert (shot.camera.scale, shot.camera.angle, shot.actors[0].pose) == (scale, angle, pose)
