"""S3Settings: read from the environment by the names that every AWS tool reads.

``HEADCOUNT_S3_<NAME>_URI`` names a bucket or a prefix with settings of its own, so that photos,
people and archive may lie at different stores: see S3Place.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Addressing = Literal["auto", "path", "virtual"]
Encryption = Literal["AES256", "aws:kms"]


def _require_endpoint(url: str | None) -> str | None:
    """An endpoint's URL; None for an empty one: AWS. Its text is never shown: it may hold keys."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        sound = False
    if not sound or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query:
        raise ValueError("an endpoint is http://host:port or https://host:port")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an endpoint has no user and password: keys have settings of their own")
    return url.rstrip("/")


Endpoint = Annotated[str | None, AfterValidator(_require_endpoint)]


class S3Place(BaseModel):
    """The settings of one bucket or prefix; what is not set here is as it is for all others."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    uri: str = Field(pattern="^s3://[^/]+(/.*)?$")
    endpoint_url: Endpoint = None
    region: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    anonymous: bool | None = None
    addressing: Addressing | None = None
    requester_pays: bool | None = None
    sse: Encryption | None = None
    sse_kms_key: str | None = None

    @model_validator(mode="after")
    def _require_pairs(self) -> S3Place:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("ACCESS_KEY_ID and SECRET_ACCESS_KEY go together")
        if (self.sse == "aws:kms") != (self.sse_kms_key is not None):
            raise ValueError("SSE=aws:kms and SSE_KMS_KEY go together")
        return self

    @property
    def folder(self) -> str:
        """The URI, ending in ``/``."""
        return self.uri.rstrip("/") + "/"

    def has(self, uri: str) -> bool:
        """Whether a URI lies here, by whole parts of the key."""
        return f"{uri.rstrip('/')}/".startswith(self.folder)

    @property
    def changes(self) -> dict[str, object]:
        """Its own settings. Keys come as a whole: a session token belongs to its key."""
        own = {name: getattr(self, name) for name in self.model_fields_set - {"uri"}}
        if self.access_key_id is not None:
            own |= {"session_token": self.session_token, "anonymous": False}
        return own


_PREFIX = "HEADCOUNT_S3_"
_COMMON = ("SSE", "SSE_KMS_KEY", "ADDRESSING", "REQUESTER_PAYS", "ANONYMOUS")
"""The settings without a name, for all buckets."""


def read_places() -> tuple[S3Place, ...]:
    """The places of the environment. Raises ValueError, with the setting's name, for a wrong one.

    A setting that belongs to no place is one that was written wrong.
    """
    said = {k.removeprefix(_PREFIX): v for k, v in os.environ.items() if k.startswith(_PREFIX)}
    names = sorted(found[1] for key in said if (found := re.fullmatch("(.+)_URI", key)))
    values: dict[str, dict[str, str]] = {name: {} for name in names}
    for key in sorted(said.keys() - set(_COMMON)):
        name = max((n for n in names if key.startswith(f"{n}_")), key=len, default="")
        field = key.removeprefix(f"{name}_").lower()
        if not name or field not in S3Place.model_fields:
            raise ValueError(
                f"{_PREFIX}{key} is no setting: {_PREFIX}NAME_URI names a bucket or prefix, and "
                f"{_PREFIX}NAME_ before {', '.join(f.upper() for f in S3Place.model_fields)} "
                "says how it is reached"
            )
        values[name][field] = said[key]
    return tuple(_place(name, given) for name, given in values.items())


def _place(name: str, given: dict[str, str]) -> S3Place:
    try:
        return S3Place.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = str(first["loc"][0]).upper() if first["loc"] else "..."
        said = str(first["msg"]).removeprefix("Value error, ")
        raise ValueError(f"{_PREFIX}{name}_{field}: {said}") from None


class S3Settings(BaseSettings):
    """The endpoint, the credentials and the encryption of S3, and the places that may be used."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    access_key_id: SecretStr | None = Field(None, validation_alias="AWS_ACCESS_KEY_ID")
    secret_access_key: SecretStr | None = Field(None, validation_alias="AWS_SECRET_ACCESS_KEY")
    session_token: SecretStr | None = Field(None, validation_alias="AWS_SESSION_TOKEN")
    region: str = Field(
        "us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION")
    )
    endpoint_url: Endpoint = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    )
    sse: Encryption | None = Field(
        None,
        validation_alias="HEADCOUNT_S3_SSE",
        description="how S3 is to encrypt what is written; unset: as the bucket says",
    )
    sse_kms_key: str | None = Field(None, validation_alias="HEADCOUNT_S3_SSE_KMS_KEY")
    addressing: Addressing = Field(
        "auto",
        validation_alias="HEADCOUNT_S3_ADDRESSING",
        description="where a bucket's name stands in addresses: path, or virtual (in the host); "
        "auto: virtual at AWS, path at an endpoint that was set",
    )
    requester_pays: bool = Field(
        False,
        validation_alias="HEADCOUNT_S3_REQUESTER_PAYS",
        description="whether you pay for what is read from buckets whose requester pays",
    )
    anonymous: bool = Field(
        False,
        validation_alias="HEADCOUNT_S3_ANONYMOUS",
        description="whether S3 is asked without keys, as for public buckets",
    )
    allowed_uris: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        validation_alias="HEADCOUNT_ALLOWED_URIS",
        description="places that may be read and written, comma-separated; unset: anywhere",
    )
    places: tuple[S3Place, ...] = Field(
        default_factory=read_places, validation_alias="_HEADCOUNT_S3_PLACES"
    )

    @field_validator("allowed_uris", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _key_of_kms(self) -> S3Settings:
        if (self.sse == "aws:kms") != (self.sse_kms_key is not None):
            raise ValueError("HEADCOUNT_S3_SSE=aws:kms and HEADCOUNT_S3_SSE_KMS_KEY go together")
        return self

    @property
    def endpoint(self) -> str:
        """The endpoint's URL: the one that was set, or AWS of the region."""
        if self.endpoint_url:
            return self.endpoint_url
        suffix = ".cn" if self.region.startswith("cn-") else ""
        return f"https://s3.{self.region}.amazonaws.com{suffix}"

    def at(self, uri: str) -> S3Settings:
        """The settings of a bucket or prefix: of the longest place that it lies in."""
        place = self.place_of(uri)
        return self if place is None else self.model_copy(update=place.changes)

    def place_of(self, uri: str) -> S3Place | None:
        """The longest place that a URI lies in."""
        places = (place for place in self.places if place.has(uri))
        return max(places, key=lambda place: len(place.folder), default=None)

    def everywhere(self) -> S3Settings:
        """The same without bounds, for what the operator named and no message did."""
        return self.model_copy(update={"allowed_uris": ()})
