"""Clopper-Pearson bounds against exact arithmetic and published values."""

from fractions import Fraction
from math import comb

import pytest

from headcount.assignments.checks.bounds import at_most, so_few

KNOWN = [
    # met, drawn, the 95 % quantile of Beta(met + 1, drawn - met): scipy 1.17.1, beta.ppf
    (0, 100, 0.029513049607),
    (1, 100, 0.046559811454),
    (3, 100, 0.075710793750),
    (10, 100, 0.163717623276),
    (0, 50, 0.058155079117),
    (2, 50, 0.120614155422),
    (99, 100, 0.999487198584),
    (25, 1000, 0.034742520099),
    (500, 10000, 0.053733178191),
]


@pytest.mark.parametrize(("met", "drawn", "known"), KNOWN)
def test_bounds_are_quantiles_of_the_beta_distribution(met: int, drawn: int, known: float) -> None:
    assert at_most(met, drawn) == pytest.approx(known, abs=1e-9)


@pytest.mark.parametrize("drawn", [1, 5, 100, 5000])
def test_of_nothing_met_the_bound_is_a_root(drawn: int) -> None:
    assert at_most(0, drawn) == pytest.approx(1 - 0.05 ** (1 / drawn), abs=1e-12)
    assert at_most(drawn, drawn) == 1.0


@pytest.mark.parametrize(("met", "drawn"), [(1, 100), (7, 100), (49, 50), (30, 1000)])
def test_at_the_bound_so_few_have_a_chance_of_one_in_twenty(met: int, drawn: int) -> None:
    share = Fraction(at_most(met, drawn))
    terms = (comb(drawn, k) * share**k * (1 - share) ** (drawn - k) for k in range(met + 1))
    assert float(sum(terms)) == pytest.approx(0.05, abs=1e-10)


def test_so_few_is_a_distribution() -> None:
    assert so_few(10, 10, 0.3) == pytest.approx(1)
    assert so_few(0, 3, 0.5) == pytest.approx(0.125)


@pytest.mark.parametrize(("met", "drawn"), [(-1, 5), (6, 5), (0, 0)])
def test_what_cannot_be_is_refused(met: int, drawn: int) -> None:
    with pytest.raises(ValueError, match="of"):
        at_most(met, drawn)
