from orchestrator.jobs.window import Window


def test_a_job_alone_has_the_whole_window() -> None:
    window = Window(64)
    with window.shared_by("a", "low"):
        assert window.share("a") == 64


def test_jobs_of_one_priority_share_alike_and_urgent_ones_get_more() -> None:
    window = Window(64)
    with window.shared_by("a", "normal"):
        with window.shared_by("b", "normal"):
            assert (window.share("a"), window.share("b")) == (32, 32)
        with window.shared_by("c", "high"):
            assert (window.share("a"), window.share("c")) == (16, 48)
        assert window.share("a") == 64


def test_no_job_starves_however_many_there_are() -> None:
    window = Window(2)
    with window.shared_by("a", "low"), window.shared_by("b", "high"), window.shared_by("c", "high"):
        assert window.share("a") == 1
