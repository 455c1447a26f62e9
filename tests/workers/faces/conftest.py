import pytest


@pytest.fixture
def no_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the closer look out: made detectors know no landmarks, so that it would mislead."""
    monkeypatch.setattr("workers.faces.detection.look_closer", lambda image, found, detector: found)
