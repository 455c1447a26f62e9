"""The options of Lance's object store."""

from __future__ import annotations

import os

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage.uris import split_s3_uri

SESSION = "AWS_SESSION_TOKEN"
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""Lance takes from the environment whatever it is not told, also where a bucket has other keys."""


def storage_options(uri: str, settings: S3Settings) -> dict[str, str]:
    """The address and credentials of S3 for Lance; the same values that minio gets for the URI.

    Raises FatalError where Lance would mix them with a session token of the environment.
    """
    settings = settings.at(uri)
    if settings.access_key_id and not settings.session_token and os.environ.get(SESSION):
        raise FatalError(
            f"{SESSION} belongs to other keys than those of {uri}, and the tables' library would "
            "take it: give the archive's store the AWS_... settings, and the other buckets theirs "
            "by HEADCOUNT_S3_NAME_..."
        )
    virtual = settings.addressing == "virtual"
    if settings.addressing == "auto":
        virtual = settings.endpoint_url is None
    options = {
        "aws_region": settings.region,
        "aws_virtual_hosted_style_request": str(virtual).lower(),
    }
    if settings.endpoint_url or any(name in os.environ for name in ENDPOINTS):
        endpoint = _endpoint(settings.endpoint, uri if virtual else None)
        options["aws_endpoint"] = endpoint
        options["aws_endpoint_url_s3"] = endpoint  # else Lance takes that of the environment
        options["allow_http"] = str(endpoint.startswith("http://")).lower()
    if settings.anonymous:
        options["aws_skip_signature"] = "true"
    if settings.requester_pays:
        options["aws_request_payer"] = "true"
    if settings.sse:
        options["aws_server_side_encryption"] = settings.sse
    if settings.sse_kms_key:
        options["aws_sse_kms_key_id"] = settings.sse_kms_key
    secrets = {
        "aws_access_key_id": settings.access_key_id,
        "aws_secret_access_key": settings.secret_access_key,
        "aws_session_token": settings.session_token,
    }
    options.update({k: v.get_secret_value() for k, v in secrets.items() if v is not None})
    return options


def _endpoint(url: str, uri: str | None) -> str:
    """The endpoint, with the bucket of ``uri`` in its host: Lance puts it into no address."""
    if uri is None:
        return url
    scheme, _, host = url.partition("://")
    return f"{scheme}://{split_s3_uri(uri)[0]}.{host}"
