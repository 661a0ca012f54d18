"""Each wish in several wordings, plain and chatty, English and Italian; and what sounds like another wish."""

from __future__ import annotations

import pytest

from configs.errors import UsageError
from tools.editing import wishes as w
from tools.editing.decide import decide
from tools.editing.operations import in_words

SAME = {
    "cut out the middle third": ("cut out the middle", "I don't need the middle bit, can you get rid of it"),
    "cut out the part after 8 s": ("remove everything after 0:08", "elimina tutto dopo il secondo 8"),
    "take out silences": (
        "there are way too many awkward pauses in here, please cut them out",
        "cut all the gaps where nobody talks",
        "elimina le pause tra una frase e l'altra",
        "jump cut it",
    ),
    "take out dead air": ("can you tighten this up a bit, it drags", "make it snappier", "rendilo più serrato"),
    "take out what is boring": (
        "honestly just throw out whatever is boring",
        "cut the parts where nothing happens",
        "togli le parti in cui non succede niente",
    ),
    "the best moments of 5 s": ("pick out the best moments, 5 seconds in total", "un best of di 5 secondi"),
    "keep the most lively 3 s": ("just grab the three liveliest seconds, whatever they are", "i 3 secondi più vivaci"),
    "keep the calmest 5 s": ("find me the five most peaceful seconds", "i 5 secondi più calmi"),
    "cut down to 12 s": (
        "this has to be exactly 12 seconds long for the client, ok?",
        "it needs to fit in 12 seconds",
        "portalo a 12 secondi",
        "I need this in under 12 seconds",
    ),
    "cut down to 50% of it": ("make it half as long", "dimezza la durata"),
    "made 3 s shorter": ("make it 3 seconds shorter", "accorcialo di 3 secondi"),
    "played at the speed that makes it 5 s": (
        "can you squash all of it into five seconds by playing it faster",
        "play it faster so it takes 5 seconds",
        "acceleralo in modo che duri 5 secondi",
    ),
    "cut to the beat": ("sync the cuts with the music", "sincronizza i tagli con la musica"),
    "cut to the beat, quick cuts": ("I want the cuts to hit the beat of the song, nice and quick",),
    "a trailer of 20 s": ('can you whip up a teaser trailer, 20 seconds or so, called "Carrots"',),
    "match cuts": (
        "arrange the shots so that neighbours look alike",
        "metti in fila le inquadrature che si somigliano",
    ),
    "the best takes": (
        "I shot this three times, just use whichever take came out best",
        "scegli il ciak migliore",
        "which of these takes is the best? keep only that one",
    ),
    "take out the second shot": ("can you kick out shot number two", "togli l'inquadratura 2"),
    "take out the second and third shot": ("togli le inquadrature 2 e 3", "remove shots 2 to 3"),
    "keep the second and third and 4th shot": ("keep shots 2 to 4",),
    "swap the first and the third shot": ("scambia le inquadrature 1 e 3",),
    "the third shot first": ("move shot 3 to the front", "sposta l'inquadratura 3 all'inizio"),
    "the second shot after the 4th": ("move shot 2 after shot 4", "metti la seconda inquadratura dopo la quarta scena"),
    "the first shot twice": ("repeat the first shot", "ripeti la prima inquadratura"),
    "the second shot 0.5 s shorter": (
        "make the second shot half a second shorter",
        "shorten shot 2 by 0.5 seconds",
        "trim half a second off the second shot",
        "accorcia la seconda inquadratura di mezzo secondo",
    ),
    "the last shot 1 s longer": ("make the last shot a second longer",),
    "take out dark shots": (
        "some shots are way too dark, drop those",
        "get rid of shots that are too dark",
        "togli le inquadrature troppo scure",
    ),
    "keep the shots with 'he runs'": ("The scene where he runs", "keep only the scene where he runs"),
    "reframe to 9:16": (
        "keep the face in frame, 9:16",
        "turn this into a TikTok-style vertical video that stays on the person",
        "convert to 9:16 and keep her in frame",
        "portrait, follow the face",
    ),
    "reframe to 1:1": ("1:1 please", "fallo quadrato"),
    "reframe to 4:5": ("4:5 for instagram", "formato 4:5"),
    "reframe to 16:9": ("fallo in 16:9",),
    "dissolve between the pieces of 1 s": (
        "use a one second crossfade between the clips",
        "una dissolvenza di un secondo tra le inquadrature",
    ),
    "dissolve between 1 and 2": (
        "a dissolve between the first and the second clip",
        "put a dissolve between 1 and 2",
        "metti una dissolvenza tra l'inquadratura 1 e la 2",
    ),
    "freeze the frame at 3 s for 1 s": (
        "freeze frame at 0:03 for 1 second",
        "fermo immagine a 3 secondi per 1 secondo",
    ),
    "freeze the last frame for 2 s": ("hold on that final frame for two secs",),
    "zoom in": ("slowly push in on the subject", "zooma piano"),
    "turn by 180 degrees": ("it's upside down, fix that please", "capovolgilo"),
    "turn by 90 degrees": ("turn it clockwise", "ruotalo di 90 gradi"),
    "repeated until it lasts 20 s": (
        "Loop it until 20 s",
        "loop it for 20 seconds",
        "keep looping it till it's twenty seconds long",
        "a 20 second loop",
        "ripetilo fino a 20 secondi",
    ),
    "music under it": ("put the music under it", "metti la musica sotto"),
    "cut out the last 2 s": ("take 2 seconds off the end",),
    "cut down to 20 s": ("make the video 20 seconds long", "fai durare il video 20 secondi"),
    "sound -3 dB": ("lower the volume by 3 dB", "abbassa il volume di 3 dB"),
    "music -6 dB": ("turn the music down 6 dB", "abbassa la musica di 6 dB"),
    "music softer under speech": ("lower the music when he speaks", "abbassa la musica quando parlano"),
    "fade out over 1 s": ("sfuma in chiusura", "fade out"),
}
"""What is understood, and how it is said."""


@pytest.mark.parametrize(("said", "meant"), [(said, meant) for meant, every in SAME.items() for said in every])
def test_a_wish_is_understood_in_any_wording(said: str, meant: str) -> None:
    assert [in_words(operation) for operation in decide(said)] == [meant]


@pytest.mark.parametrize(
    ("said", "direction"),
    [
        ("wipe to the right between the clips", "right"),
        ("wipe from the right between the clips", "left"),
        ("wipe from left to right", "right"),
        ("a wipe from the left between shots 1 and 2", "right"),
        ("push to the left", "left"),
        ("tendina da sinistra", "right"),
    ],
)
def test_a_side_is_where_it_comes_from_or_goes_to(said: str, direction: str) -> None:
    (wish,) = decide(said)
    assert isinstance(wish, w.Transitions) and wish.direction == direction


def test_a_card_lasts_as_long_as_is_said_behind_it() -> None:
    (card,) = decide("add a title card 'Winter' at the start, 1.5 seconds")
    assert isinstance(card, w.TitleCard) and card.seconds == 1.5


@pytest.mark.parametrize(
    "said",
    [
        "iris wipe",
        "keep shots 4 to 2",
        "I don't want it black and white",
        "slow down the second shot",
        "dissolve into the last shot",
        "remove the silence at the beginning",
    ],
)
def test_what_is_not_there_is_refused(said: str) -> None:
    """Rather than done to all of it."""
    with pytest.raises(UsageError):
        decide(said)


def test_a_theme_in_italian_is_kept() -> None:
    (wish,) = decide("un montaggio delle cose rosse")
    assert isinstance(wish, w.Montage) and "rosse" in wish.theme
