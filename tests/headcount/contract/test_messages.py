import pytest
from pydantic import ValidationError

from headcount.contract.messages import UnitMessage


def test_a_message_says_only_which_unit_of_which_job_of_which_archive() -> None:
    message = UnitMessage(archive="s3://a/", job_id="j", unit="embed-0000001")
    assert set(message.model_dump()) == {"version", "archive", "job_id", "unit"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "embed-1; rm"},
        {"job_id": "../../etc"},
        {"job_id": ""},
        {"version": 2},
        {"pixels": "..."},
    ],
)
def test_a_message_that_is_not_ours_is_refused(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"archive": "s3://a/", "job_id": "j", "unit": "prepare"}
    with pytest.raises(ValidationError):
        UnitMessage.model_validate(good | wrong)
