"""S3Settings: read from the environment by the names that every AWS tool reads."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class S3Settings(BaseSettings):
    """The endpoint, the credentials and the encryption of S3."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore")

    access_key_id: SecretStr | None = Field(None, validation_alias="AWS_ACCESS_KEY_ID")
    secret_access_key: SecretStr | None = Field(None, validation_alias="AWS_SECRET_ACCESS_KEY")
    session_token: SecretStr | None = Field(None, validation_alias="AWS_SESSION_TOKEN")
    region: str = Field(
        "us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION")
    )
    endpoint_url: str | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    sse: Literal["AES256", "aws:kms"] | None = Field(
        None,
        validation_alias="HEADCOUNT_S3_SSE",
        description="how S3 is to encrypt what is written; unset: as the bucket says",
    )
    sse_kms_key: str | None = Field(None, validation_alias="HEADCOUNT_S3_SSE_KMS_KEY")

    @model_validator(mode="after")
    def _key_of_kms(self) -> S3Settings:
        if (self.sse == "aws:kms") != (self.sse_kms_key is not None):
            raise ValueError("HEADCOUNT_S3_SSE=aws:kms and HEADCOUNT_S3_SSE_KMS_KEY go together")
        return self
