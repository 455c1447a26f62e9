from headcount.contract.vocabulary import Decision
from workers.report.palette import RGB, TONES, css_variables, hexadecimal


def test_inks_are_legible_on_their_fills():
    def luminance(colour: RGB) -> float:
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in (value / 255 for value in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for tone in TONES.values():
        low, high = sorted((luminance(tone.fill), luminance(tone.ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_every_decision_has_a_sign_and_two_custom_properties() -> None:
    css = css_variables()
    assert len({tone.sign for tone in TONES.values()}) == len(Decision)
    for decision, tone in TONES.items():
        assert f"--{decision}:{hexadecimal(tone.fill)};" in css
        assert f"--{decision}-ink:{hexadecimal(tone.ink)};" in css


def test_a_colour_is_written_with_six_digits() -> None:
    assert hexadecimal((0, 9, 255)) == "#0009ff"
