"""Settings of S3: for all buckets, and for one bucket or prefix."""

import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.tables.options import storage_options
from orchestrator.commands.options import load_s3

NAS = {
    "HEADCOUNT_S3_NAS_URI": "s3://photos/nas/",
    "HEADCOUNT_S3_NAS_ENDPOINT_URL": "http://nas:9000",
    "HEADCOUNT_S3_NAS_ACCESS_KEY_ID": "theirs",
    "HEADCOUNT_S3_NAS_SECRET_ACCESS_KEY": "hidden",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ours")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    return monkeypatch


def set_all(environment: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        environment.setenv(name, value)


def test_a_prefix_has_its_own_endpoint_and_keys_and_the_common_rest(
    environment: pytest.MonkeyPatch,
) -> None:
    set_all(environment, NAS)
    at = S3Settings().at("s3://photos/nas/2024/")
    assert at.endpoint_url == "http://nas:9000"
    assert at.access_key_id is not None
    assert at.access_key_id.get_secret_value() == "theirs"
    assert (at.session_token, at.region) == (None, "eu-north-1")
    with pytest.raises(FatalError, match="AWS_SESSION_TOKEN belongs to other keys"):
        storage_options("s3://photos/nas/a/", S3Settings())
    environment.delenv("AWS_SESSION_TOKEN")
    options = storage_options("s3://photos/nas/a/", S3Settings())
    assert (options["aws_endpoint"], options["aws_access_key_id"]) == ("http://nas:9000", "theirs")


@pytest.mark.parametrize("uri", ["s3://photos/nas2/", "s3://photos/", "s3://other/nas/"])
def test_other_places_have_the_common_settings(environment: pytest.MonkeyPatch, uri: str) -> None:
    set_all(environment, NAS)
    assert S3Settings().at(uri).endpoint_url is None


def test_the_longest_prefix_decides(environment: pytest.MonkeyPatch) -> None:
    for name, uri in (("A", "s3://photos"), ("A_B", "s3://photos/old/")):
        environment.setenv(f"HEADCOUNT_S3_{name}_URI", uri)
        environment.setenv(f"HEADCOUNT_S3_{name}_REGION", name)
    settings = S3Settings()
    assert settings.at("s3://photos/old/1/").region == "A_B"
    assert settings.at("s3://photos/new/").region == "A"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"HEADCOUNT_S3_NAS_REIGON": "x"}, "HEADCOUNT_S3_NAS_REIGON is no setting"),
        ({"HEADCOUNT_S3_OTHER_REGION": "x"}, "HEADCOUNT_S3_OTHER_REGION is no setting"),
        ({"HEADCOUNT_S3_NAS_URI": "/photos"}, "HEADCOUNT_S3_NAS_URI: "),
        ({"HEADCOUNT_S3_NAS_ADDRESSING": "host"}, "HEADCOUNT_S3_NAS_ADDRESSING: "),
        ({"HEADCOUNT_S3_NAS_ENDPOINT_URL": "http://me:gu3ss@nas"}, "no user and password"),
        ({"HEADCOUNT_S3_NAS_ENDPOINT_URL": "http://me:gu3ss@nas:x"}, "http://host:port"),
        ({"AWS_ENDPOINT_URL_S3": "http://me:gu3ss@nas"}, "AWS_ENDPOINT_URL_S3"),
        ({"AWS_ENDPOINT_URL_S3": "nas:9000"}, "AWS_ENDPOINT_URL_S3"),
        ({"AWS_ENDPOINT_URL_S3": "http://[gu3ss"}, "AWS_ENDPOINT_URL_S3"),
        ({"HEADCOUNT_S3_SSE": "rot13"}, "HEADCOUNT_S3_SSE"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_name_and_no_secret(
    environment: pytest.MonkeyPatch, wrong: dict[str, str], said: str
) -> None:
    set_all(environment, NAS | wrong)
    with pytest.raises(Exception, match=said) as raised:
        load_s3()
    line = str(raised.value)
    assert "\n" not in line
    assert "gu3ss" not in line


def test_half_a_key_of_a_place_is_refused(environment: pytest.MonkeyPatch) -> None:
    set_all(environment, NAS)
    environment.delenv("HEADCOUNT_S3_NAS_SECRET_ACCESS_KEY")
    with pytest.raises(Exception, match="go together"):
        load_s3()


@pytest.mark.parametrize(
    ("addressing", "endpoint", "virtual"),
    [
        ("path", None, False),
        ("auto", "http://nas:9000", False),
        ("virtual", "http://photos.nas:9000", True),
    ],
)
def test_lance_is_told_where_the_name_of_the_bucket_stands(
    environment: pytest.MonkeyPatch, addressing: str, endpoint: str | None, virtual: bool
) -> None:
    environment.setenv("HEADCOUNT_S3_ADDRESSING", addressing)
    if endpoint:
        environment.setenv("AWS_ENDPOINT_URL_S3", "http://nas:9000")
    options = storage_options("s3://photos/a/", S3Settings())
    assert options.get("aws_endpoint") == endpoint
    assert options["aws_virtual_hosted_style_request"] == str(virtual).lower()


def test_lance_takes_no_endpoint_of_the_environment_for_a_bucket_at_aws(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://nas:9000")
    environment.setenv("HEADCOUNT_S3_A_URI", "s3://archive/")
    environment.setenv("HEADCOUNT_S3_A_ENDPOINT_URL", "")
    options = storage_options("s3://archive/main/", S3Settings())
    own = "https://archive.s3.eu-north-1.amazonaws.com"
    assert options["aws_endpoint"] == options["aws_endpoint_url_s3"] == own
