"""The options of Lance's object store."""

from __future__ import annotations

from headcount.s3_settings import S3Settings


def storage_options(settings: S3Settings) -> dict[str, str]:
    """The address and credentials of S3 for Lance; the same values that minio gets."""
    options = {"aws_region": settings.region, "aws_virtual_hosted_style_request": "false"}
    if settings.endpoint_url:
        options["aws_endpoint"] = settings.endpoint_url
        options["allow_http"] = str(settings.endpoint_url.startswith("http://")).lower()
    else:
        options["aws_virtual_hosted_style_request"] = "true"
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
