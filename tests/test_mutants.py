"""Each mutant has a place in today's code, and a test file beside it."""

import ast

import pytest

from tests.mutants import MUTANTS, ROOT, Mutant, mutated


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_its_module_and_has_tests_beside_it(mutant: Mutant) -> None:
    text = (ROOT / mutant.module).read_text()
    assert ast.dump(ast.parse(mutated(mutant, text))) != ast.dump(ast.parse(text))
    assert (ROOT / mutant.tests).is_file()


def test_a_text_that_is_in_two_places_is_no_mutant() -> None:
    with pytest.raises(ValueError, match="2 times"):
        mutated(Mutant("twice", "x.py", "a", "b"), "a = a\n")
