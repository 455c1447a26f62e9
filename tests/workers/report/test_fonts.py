import pytest

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
