"""Scripts in every form that people write them in."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import UsageError
from tools.film.shot import Line, Shot, Storyboard
from tools.voice.screenplay import Script, find_scene, read_script

LANGUAGES = frozenset({"en", "it", "fr"})

FOUNTAIN = """Title: The lighthouse
Author: Nobody

FADE IN:

INT. LIGHTHOUSE - NIGHT

Rain beats on the glass.

NONNA ROSA (V.O.)
(whispering)
Chi va là?
(beat)
Rispondi!

BOO
(beeps)
It is only me --

LUCA ^
(visibly happy, to Boo)
You *really* _came_! [[is that right?]]

/* cut for now
LUCA
Never said.
*/

ÉLODIE
Bonsoir.

EXT. BEACH - DAY #2#

GIULIA (CONT'D)
(hapy)
Line one
line two.

GIULIA
🙂

@McCoy
I am a doctor.
"""


def _read(tmp_path: Path, name: str, text: str | bytes, **more: str) -> Script:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_script(file, name, languages=LANGUAGES, **more)  # type: ignore[arg-type]


def _said(script: Script) -> list[tuple[str, str]]:
    return [(line.character, line.text) for line in script.lines]


def test_fountain(tmp_path: Path) -> None:
    script = _read(tmp_path, "film.fountain", FOUNTAIN)
    assert script.scenes == ("INT. LIGHTHOUSE - NIGHT", "EXT. BEACH - DAY")
    assert _said(script) == [
        ("Nonna Rosa", "Chi va là?"),
        ("Nonna Rosa", "Rispondi!"),
        ("Boo", "It is only me --"),
        ("Luca", "You *really* came!"),
        ("Élodie", "Bonsoir."),
        ("Giulia", "Line one line two."),
        ("McCoy", "I am a doctor."),
    ]
    rosa, again, boo, luca, _, giulia, _ = script.lines
    assert rosa.emotion == "whispering" and (again.beat, again.continued, again.emotion) == (True, True, "neutral")
    assert boo.directions == ("beeps",) and luca.emotion == "happy" and luca.together
    assert (giulia.scene, giulia.row, giulia.directions) == (1, 36, ("hapy",))
    assert any("line 40: nothing to speak in '🙂'" in note for note in script.notes)


def test_a_fountain_without_its_ending_is_known_by_its_looks(tmp_path: Path) -> None:
    assert _read(tmp_path, "film.txt", FOUNTAIN).form == "fountain"
    assert len(_read(tmp_path, "notes.md", FOUNTAIN, form="fountain").lines) == 7


TABLE = 'emotion;Battuta;Personaggio;note\nfelice;Ciao, come stai?;Luca;x\n;"Due righe\nin una";Giulia;\n'


@pytest.mark.parametrize(
    "written",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        TABLE.encode("utf-16-le"),
        TABLE.replace(";", "\t").encode(),
        TABLE.replace(";", "|").encode(),
        TABLE.replace(";", "~").encode(),
        ("sep=^\r\n" + TABLE.replace(";", "^").replace("\n", "\r\n")).encode("utf-8-sig"),
        ("sep=;\r\n" + TABLE.replace("\n", "\r\n")).encode(),
        TABLE.replace("Ciao, come stai?", '"Ciao, come stai?"').replace(";", ",").encode(),
    ],
)
def test_a_table_in_any_delimiter_and_encoding(tmp_path: Path, written: bytes) -> None:
    script = _read(tmp_path, "lines.csv", written)
    assert _said(script) == [("Luca", "Ciao, come stai?"), ("Giulia", "Due righe in una")]
    assert script.lines[0].emotion == "happy"
    assert "the column 'note' is not used" in script.notes[0]


def test_old_windows_tables(tmp_path: Path) -> None:
    script = _read(tmp_path, "lines.csv", "character,text\nLuca,Perché no?\n".encode("cp1252"))
    assert _said(script) == [("Luca", "Perché no?")]


def test_bad_rows_are_told_by_their_number_and_good_ones_stay(tmp_path: Path) -> None:
    table = (
        "character,text,emotion,language\nLuca,Ciao!,hapy,it\nLuca,,,\n\nBoo,Beep,,Klingon\nshort\n,Fine.,,\n"
        f"Luca,{'x' * 6000},,\n"
    )
    script = _read(tmp_path, "lines.csv", table)
    assert [(line.row, line.character, line.text) for line in script.lines] == [
        (2, "Luca", "Ciao!"), (5, "Boo", "Beep"), (7, "", "Fine."),
    ]  # fmt: skip
    left_out, otherwise = script.notes
    assert "row 3: no text to speak" in left_out and "row 6: only 1 of 4 columns" in left_out
    assert "row 8: 6,000 letters" in left_out
    assert "row 2: no emotion 'hapy' (did you mean 'happy'?)" in otherwise
    assert "row 5: no language 'Klingon'" in otherwise and "row 7: nobody is named" in otherwise


def test_a_table_without_a_heading(tmp_path: Path) -> None:
    script = _read(tmp_path, "lines.csv", "Luca,Ciao!\nBoo,Beep,happy,en\n")
    assert _said(script) == [("Luca", "Ciao!"), ("Boo", "Beep")]


def test_a_table_without_words_says_which_column_is_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'character', 'Dialouge'.*Call 'Dialouge' text"):
        _read(tmp_path, "lines.csv", "character,Dialouge\nLuca,Ciao\n")


def test_subtitles_that_name_who_speaks(tmp_path: Path) -> None:
    srt = (
        "1\n00:00:01,000 --> 00:00:02,000\nLUCA: Ciao,\ncome va?\n\n2\n00:00:03,000 --> 00:00:05,000\n- Boo: Beep.\n"
        "- GIULIA (angrily): Basta!\n\n3\n00:00:06,000 --> 00:00:07,000\n<i>Later.</i>\n"
    )
    script = _read(tmp_path, "film.srt", srt)
    assert _said(script) == [("Luca", "Ciao, come va?"), ("Boo", "Beep."), ("Giulia", "Basta!"), ("", "Later.")]
    assert script.lines[2].emotion == "angry" and "cue 3: nobody is named" in script.notes[0]


def test_webvtt_with_voice_tags(tmp_path: Path) -> None:
    cues = ("00:01.000 --> 00:02.000\n<v Luca>Hello.</v>", "00:03.000 --> 00:04.000\n<v.loud Giulia>Go <b>on</b>!")
    vtt = "WEBVTT\n\n" + "\n\n".join(cues)
    assert _said(_read(tmp_path, "film.vtt", vtt)) == [("Luca", "Hello."), ("Giulia", "Go on!")]


def test_plain_lines(tmp_path: Path) -> None:
    text = (
        "# One\nLUCA (sad): I lost it.\n  It was blue.\n(beat)\nBoo: (whispering) at 10:30\n\nSCENA 2\n"
        "Narrator: Later.\n\nAlone.\n"
    )
    script = _read(tmp_path, "talk.txt", text)
    assert script.form == "plain" and script.scenes == ("One", "SCENA 2")
    assert _said(script) == [
        ("Luca", "I lost it. It was blue."), ("Boo", "at 10:30"), ("", "Later."), ("", "Alone."),
    ]  # fmt: skip
    luca, boo, later, _ = script.lines
    assert (luca.emotion, boo.emotion, boo.beat, later.scene) == ("sad", "whispering", True, 1)
    assert "line 10: nobody is named" in script.notes[0]


def test_a_storyboard(tmp_path: Path) -> None:
    shots = (
        Shot(id="shot-1", scene="beach", lines=(Line(character="Luca", text="Ciao!", emotion="happy", language="it"),)),
        Shot(id="shot-2", scene="beach"),
        Shot(id="shot-3", scene="cave", lines=(Line(character="Boo", text="Beep.", sound=True),)),
    )
    script = _read(tmp_path, "board.json", Storyboard(shots=shots).model_dump_json())
    assert script.scenes == ("beach", "cave") and _said(script) == [("Luca", "Ciao!"), ("Boo", "Beep.")]
    assert script.lines[0].emotion == "happy" and script.lines[1].row == 3


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.fountain", "INT. ROOM - DAY\n\nNobody speaks.\n", "nobody says anything"),
        ("a.csv", "character,text\nLuca,\n", "row 2: no text"),
        ("a.csv", "\n\n", "is empty"),
        ("a.txt", b"\x00\x01\x02" * 50, "not a text"),
        ("a.txt", "x" * 30_000, "no script"),
        ("a.json", '{"shots": 3}', "no storyboard"),
        ("a.srt", "no cues here", "no line that can be spoken"),
    ],
)
def test_what_is_no_script_is_said_in_one_sentence(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, name, text)
    assert said in caught.value.sentence


def test_scenes_are_found_by_number_and_words(tmp_path: Path) -> None:
    script = _read(tmp_path, "film.fountain", FOUNTAIN)
    assert find_scene(script, "2") == find_scene(script, "beach") == find_scene(script, "Scene 2") == 1
    assert [line.character for line in script.only(1).lines] == ["Giulia", "McCoy"]
    with pytest.raises(UsageError, match=r"Did you mean 2, 'EXT\. BEACH - DAY'"):
        find_scene(script, "EXT. BEECH - DAY")
    with pytest.raises(UsageError, match="the script has 2"):
        find_scene(script, "7")


def test_commas_of_words_without_quotation_marks_are_not_the_end_of_them(tmp_path: Path) -> None:
    headed = _read(tmp_path, "lines.csv", "character,text\nLuca,Hello, my friend, how are you?\nBoo,Fine.\n")
    bare = _read(tmp_path, "lines.csv", "Luca,Hello, my friend, how are you?\nBoo,Fine,happy\n")
    for script in (headed, bare):
        assert _said(script)[0] == ("Luca", "Hello, my friend, how are you?") and len(script.lines) == 2
    assert bare.lines[1].emotion == "happy"
    middle = _read(tmp_path, "lines.csv", "character,text,emotion\nLuca,Hello, my friend, happy\n")
    assert "row 2" in middle.notes[0] and "beyond the last column" in middle.notes[0]


def test_a_quotation_mark_that_stays_open_swallows_no_rows(tmp_path: Path) -> None:
    script = _read(tmp_path, "lines.csv", 'character,text\nLuca,"Hello there\nBoo,Hi\nNino,"Bye, then"\n')
    assert _said(script) == [("Luca", "Hello there"), ("Boo", "Hi"), ("Nino", "Bye, then")]
    assert "quotation marks do not match" in script.notes[0]
    script = _read(tmp_path, "lines.csv", '"character","text"\n"Luca","He said \\"hi, you\\" to me"\n')
    assert _said(script) == [("Luca", 'He said "hi, you" to me')] and not script.notes


def test_names_as_chats_and_language_models_mark_them(tmp_path: Path) -> None:
    text = (
        "**Luca:** Hello.\n**Rita**: Hi.\n- Luca: Again.\n1. Rita: One.\n> *Luca*: Two.\n[Rita]: Three.\nLuca： Four.\n"
    )
    assert _said(_read(tmp_path, "lines.txt", text)) == [
        ("Luca", "Hello."), ("Rita", "Hi."), ("Luca", "Again."), ("Rita", "One."), ("Luca", "Two."),
        ("Rita", "Three."), ("Luca", "Four."),
    ]  # fmt: skip


def test_a_time_of_day_is_nobodys_name(tmp_path: Path) -> None:
    script = _read(tmp_path, "lines.txt", "LUCA: We waited.\nAt 10:30 we left.\n")
    assert _said(script) == [("Luca", "We waited. At 10:30 we left.")]


def test_markup_codes_and_turning_signs_are_not_part_of_a_line(tmp_path: Path) -> None:
    script = _read(
        tmp_path, "lines.txt", "LUCA: Ciao <b>bella</b> &amp; co.\nRI\x07TA: \u202eabc\u202c\x1b[31m 3 < 4.\n"
    )
    assert _said(script) == [("Luca", "Ciao bella & co."), ("Rita", "abc 3 < 4.")]
    assert script.notes == ("Markup such as <b> is not spoken: line 1.",)


def test_spaces_behind_a_name_or_under_it_lose_no_speech(tmp_path: Path) -> None:
    text = "INT. ROOM\nLUCA  \nHello.\n\nBOO\n  \nBeep.\n\nLUCA\n\nAgain.\n\nBANG!\nThe door opens.\n"
    script = _read(tmp_path, "film.fountain", text)
    assert _said(script) == [("Luca", "Hello."), ("Boo", "Beep."), ("Luca", "Again.")]
    assert [line.row for line in script.lines] == [3, 7, 11]


def test_what_is_said_after_a_sung_line_is_spoken(tmp_path: Path) -> None:
    text = "INT. ROOM\n\nLUCA\n~La la la\nThen he speaks.\n\nThe rain falls.\n\nMOM (O. S.)\nCome in!\n"
    script = _read(tmp_path, "film.fountain", text)
    assert _said(script) == [("Luca", "La la la"), ("Luca", "Then he speaks."), ("Mom", "Come in!")]
    assert script.lines[2].directions == ()


def test_names_before_dashes(tmp_path: Path) -> None:
    text = "Luca - Hello\nBoo — *beeps*\nNonna Rosa – Chi è?\nLuca (sad) - I see: nobody.\n- Boo - Beep\n"
    script = _read(tmp_path, "lines.txt", text)
    assert _said(script) == [
        ("Luca", "Hello"), ("Boo", "*beeps*"), ("Nonna Rosa", "Chi è?"), ("Luca", "I see: nobody."), ("Boo", "Beep"),
    ]  # fmt: skip
    assert script.lines[3].emotion == "sad"
    known = read_script(tmp_path / "lines.txt", languages=LANGUAGES, names=["Luca"])
    assert _said(known) == _said(script)
    file = tmp_path / "one.txt"
    file.write_text("Luca - Hello there.\n")
    assert _said(read_script(file, names=["Luca"])) == [("Luca", "Hello there.")]
    assert _said(read_script(file)) == [("", "Luca - Hello there.")]
    assert _said(_read(tmp_path, "caps.txt", "LUCA - HELLO\nBOO - BEEP\nLUCA - BYE\n"))[1] == ("Boo", "BEEP")


@pytest.mark.parametrize(
    "sentence",
    [
        "Well - I do not know.\nWell - Maybe I do.",
        "He was old - but wise.",
        "Luca - he was my friend - has left.",
        "The sea was calm - The wind too.",
        "Suddenly - A light!\nSuddenly - Nothing.",
        "Ecco - Lo sapevo.\nEcco - Di nuovo.",
    ],
)
def test_a_sentence_with_a_dash_names_nobody(tmp_path: Path, sentence: str) -> None:
    file = tmp_path / "lines.txt"
    file.write_text(f"Luca: Hello.\n\n{sentence}\n\nLuca: Bye.\n")
    lines = read_script(file, names=["Luca", "Boo"]).lines
    assert [(line.character, line.text) for line in lines] == [
        ("Luca", "Hello."), ("", " ".join(sentence.split())), ("Luca", "Bye."),
    ]  # fmt: skip


def test_a_ruled_table_has_no_row_for_its_rule(tmp_path: Path) -> None:
    script = _read(tmp_path, "lines.csv", "| character | text |\n|---|:--|\n| Luca | Ciao |\n")
    assert _said(script) == [("Luca", "Ciao")] and script.notes == ()


def test_subtitles_without_a_name_go_on_with_the_speaker_before(tmp_path: Path) -> None:
    cues = ("LUCA: Hello.", "How are you?", "- Fine.\n- Good.", "<i>Later.</i>")
    srt = "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{text}\n" for n, text in enumerate(cues, 1))
    said = [("Luca", "Hello."), ("Luca", "How are you?"), ("", "Fine."), ("", "Good."), ("", "Later.")]
    assert _said(_read(tmp_path, "film.srt", srt)) == said
