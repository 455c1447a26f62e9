import numpy as np

from benchmarks.accuracy.reliability import bins_of


def test_a_bin_is_judged_by_the_faces_that_are_in_it() -> None:
    said, right = np.full(200, 0.35, np.float32), np.arange(200) % 2 == 0
    of_many = list(bins_of(said, right, np.arange(200)))
    of_few = list(bins_of(said, right, np.arange(200) % 10))
    assert of_many[3][0].startswith("200 of 200: 0.350, 0.500 (")
    assert not of_many[3][1], "0.15 off, and 200 faces say so"
    assert of_few[3][1], "ten faces, each drawn twenty times, do not"
    assert all(holds for _, holds in of_many[:3] + of_many[4:])
