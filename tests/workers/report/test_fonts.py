import numpy as np
import pytest
from PIL import Image, ImageDraw

from workers.report import fonts


def test_without_system_fonts_names_are_transliterated(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fonts, "_installed", lambda: (fonts.BUILT_IN,))
    assert fonts.typeset("Zoë Ångström", 16).text == "Zoe Angstrom"
    assert fonts.typeset("Лев Щукин", 16).text == "Lev Shchukin"
    assert fonts.typeset("李明 0.71", 16).text == "?? 0.71"


def test_control_characters_and_line_breaks_are_not_drawn():
    assert fonts.typeset("Ada\n\tLove\u202elace\ud800", 16).text == "Ada Lovelace"


def test_a_text_that_is_too_long_is_cut_with_an_ellipsis():
    line = fonts.fit("Maximiliane von Habsburg-Lothringen", 16, 120)
    assert line is not None
    assert line.width <= 120
    assert line.text.startswith("Maxi")
    assert line.text.endswith("…")
    assert fonts.fit("Maximiliane", 16, 3) is None


def test_a_name_that_no_font_has_is_known_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_installed", lambda: (fonts.BUILT_IN,))
    assert fonts.can_draw("Zoë Ångström 😀")
    assert fonts.can_draw("Лев Щукин")
    assert not any(map(fonts.can_draw, ("李明", "अमित", "ที่รัก", "דוד", "Ada 김")))


def test_scripts_that_need_shaping_are_drawn_only_where_they_are_shaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "_has", lambda path, letter: True)
    names = ("محمد", "דוד", "क्षि", "ที่")
    assert all(map(fonts.can_draw, names))
    monkeypatch.setattr(fonts, "_is_shaped", lambda: False)
    assert not any(map(fonts.can_draw, names))
    assert fonts.can_draw("李明")
    assert fonts.can_draw("Zoë")


def test_letters_of_several_fonts_are_set_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    first = fonts._installed()[0]
    if first == fonts.BUILT_IN:
        pytest.skip("no font of the system is here")
    monkeypatch.setattr(fonts, "_installed", lambda: (first, fonts.BUILT_IN))
    monkeypatch.setattr(
        fonts, "_has", lambda path, letter: letter.isascii() == (path == fonts.BUILT_IN)
    )
    line = fonts.typeset("ab éè cd", 20)
    assert [piece.text for piece in line.pieces] == ["ab ", "éè", " cd"]
    assert line.text == "ab éè cd"
    assert line.width >= sum(piece.width for piece in line.pieces)


@pytest.mark.skipif(not fonts.scripts()["Hebrew"], reason="no font here has Hebrew letters")
def test_a_name_is_read_from_the_right_and_the_figure_stays_behind_it() -> None:
    def columns(text: str) -> list[bool]:
        line = fonts.typeset(text, 40)
        image = Image.new("RGB", (line.width, line.height))
        line.draw(ImageDraw.Draw(image), (0, 0), (255, 255, 255))
        return [bool(column.any()) for column in np.array(image).any(axis=2).T]

    def inked(text: str) -> int:
        return sum(columns(text))

    alef, lamed = "\N{HEBREW LETTER ALEF}", "\N{HEBREW LETTER VAV}"
    there = columns(alef + lamed)
    gap = there.index(False, there.index(True))
    assert sum(there[:gap]) == inked(lamed) < inked(alef), "the first letter is on the right"
    last = columns(fonts.kept_apart(alef) + " |")
    first = columns(alef + " |")
    assert sum(last[: last.index(False, last.index(True))]) == inked(alef)
    assert len(first) == len(last)
    assert fonts.kept_apart("Ada") == "Ada"


def test_a_sign_is_never_cut_from_its_letter() -> None:
    text = "กี่" * 8
    for width in range(20, 200, 7):
        line = fonts.fit(text, 16, width)
        if line is not None and line.text.endswith("…"):
            assert len(line.text[:-1]) % 3 == 0
