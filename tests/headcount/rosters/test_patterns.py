import itertools
import random
import re

import pyarrow as pa
import pytest

from headcount.rosters.patterns import Pattern, after_prefix, folder, glob

KEYS = sorted(
    [
        "a.jpg",
        "a/b.jpg",
        "a/b/c.jpg",
        "a/b/d/c.jpg",
        "a-b.jpg",
        "a0.jpg",
        "ab/c.jpg",
        "b/a.JPG",
        "x[1].jpg",
        "x1.jpg",
        "a+b(c).jpg",
        "z\u00eb/\U0001f600.jpg",
        "z\u00eb.jpg",
        "line\nbreak.jpg",
        "with space.jpg",
    ]
)


def taken(pattern: Pattern) -> set[str]:
    keys = pa.array(KEYS)
    found = keys.take(pattern.select(keys)).to_pylist()
    assert found == sorted(found)
    assert pattern.count(keys) == len(found)
    assert not found or pattern.meets(KEYS[0], KEYS[-1])
    return set(found)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a/*", {"a/b.jpg"}),
        ("a/**", {"a/b.jpg", "a/b/c.jpg", "a/b/d/c.jpg"}),
        ("a/**/c.jpg", {"a/b/c.jpg", "a/b/d/c.jpg"}),
        ("**/a.*", {"a.jpg", "b/a.JPG"}),
        ("**/c.jpg", {"a/b/c.jpg", "a/b/d/c.jpg", "ab/c.jpg"}),
        ("a**c.jpg", {"a/b/c.jpg", "a/b/d/c.jpg", "ab/c.jpg"}),
        ("a?b.jpg", {"a-b.jpg"}),
        ("a*/c.jpg", {"ab/c.jpg"}),
        ("x[0-9].jpg", {"x1.jpg"}),
        ("x[[]1].jpg", {"x[1].jpg"}),
        ("x[!0-9]1?.jpg", {"x[1].jpg"}),
        ("x[1.jpg", set()),
        ("a[+-9]b.jpg", {"a-b.jpg"}),
        ("a[!x]b.jpg", {"a-b.jpg"}),
        ("[b-a]*", set()),
        ("a+b(c).*", {"a+b(c).jpg"}),
        ("z\u00eb?*", {"z\u00eb.jpg"}),
        ("z?/?.jpg", {"z\u00eb/\U0001f600.jpg"}),
        ("line*", {"line\nbreak.jpg"}),
        ("with *", {"with space.jpg"}),
        ("**", set(KEYS)),
        ("*.jpg", {key for key in KEYS if "/" not in key}),
        ("A*", set()),
    ],
)
def test_a_glob_takes_in_what_it_says(text: str, keys: set[str]) -> None:
    assert taken(glob(text)) == keys


def test_a_folder_takes_in_all_below_and_nothing_beside_it() -> None:
    assert taken(folder("a/")) == {"a/b.jpg", "a/b/c.jpg", "a/b/d/c.jpg"}
    assert taken(folder("a/b/")) == {"a/b/c.jpg", "a/b/d/c.jpg"}
    assert taken(folder("")) == set(KEYS)
    assert taken(folder("a/c/")) == set()


def test_an_exact_pattern_is_one_key() -> None:
    assert taken(Pattern("a.jpg", exact=True)) == {"a.jpg"}
    assert taken(Pattern("a", exact=True)) == set()
    assert taken(Pattern("zz", exact=True)) == set()


def test_keys_that_are_there_more_than_once_are_all_taken() -> None:
    keys = pa.array(["a", "a/1", "a/1", "a/1", "a/2", "b"])
    for pattern in (Pattern("a/1", exact=True), glob("a/1"), glob("?/1")):
        assert pattern.select(keys).to_pylist() == [1, 2, 3]


def test_the_text_after_all_with_a_prefix() -> None:
    assert after_prefix("a/") == "a0"
    assert after_prefix("") is None
    assert after_prefix("a" + chr(0x10FFFF)) == "b"
    assert after_prefix("\ud7ff") == "\ue000"
    assert after_prefix(chr(0x10FFFF)) is None


def matches(parts: tuple[str, ...], key: str) -> bool:
    """A glob's parts against a key, letter by letter: the slow and plain way."""
    if not parts:
        return not key
    part, rest = parts[0], parts[1:]
    if part == "**/":
        places = [0, *[n + 1 for n, letter in enumerate(key) if letter == "/"]]
        return any(matches(rest, key[at:]) for at in places)
    if part in ("*", "**"):
        least = len(key) if part == "**" or "/" not in key else key.index("/")
        return any(matches(rest, key[at:]) for at in range(least + 1))
    letters = {"?": "ab.", "[ab]": "ab", "[!a]": "b.", "[.-a]": ".a"}.get(part, part)
    return bool(key) and key[0] in letters and matches(rest, key[1:])


@pytest.mark.parametrize("seed", range(100))
def test_made_up_globs_match_as_letter_by_letter(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same keys each time
    keys = sorted({"".join(rng.choices("ab./", k=rng.randint(1, 7))) for _ in range(200)})
    letters = ["a", "b", ".", "/", "*", "?", "**", "[ab]", "[!a]", "[.-a]"]
    for _ in range(20):
        parts = [rng.choice(letters) for _ in range(rng.randint(1, 5))]
        if rng.random() < 0.3:
            parts = ["**/", *parts]
        if any("*" in one and "*" in other for one, other in itertools.pairwise(parts)):
            continue  # which of three stars are the two is not for a test to say
        merged = tuple(re.findall(r"(?:^|(?<=/))\*\*/|\*\*|\[.*?\]|.", "".join(parts)))
        found = pa.array(keys).take(glob("".join(parts)).select(pa.array(keys))).to_pylist()
        assert found == [key for key in keys if matches(merged, key)], parts


def test_a_glob_that_would_take_others_for_ever_is_quick() -> None:
    keys = pa.array(["a" * 4000 + ".jpg"])
    assert glob("*a" * 1500 + "b").count(keys) == 0
