"""Settings: read once from the environment in ``main``, then passed down.

Every name starts with ``HEADCOUNT_``; for S3 see headcount.s3_settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
ProfileName = Literal["fast", "balanced", "thorough"]
VariantName = Literal["int8", "fp16"]
Separator = Literal[",", ";", "\t", "|"]


PROFILES: tuple[ProfileName, ...] = get_args(ProfileName)
"""From the quickest to the most thorough."""
VARIANTS: tuple[VariantName, ...] = get_args(VariantName)
"""Low-precision forms of a model pack."""
SEPARATORS: tuple[Separator, ...] = get_args(Separator)
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
"""Other ways to say a separator: few shells let one type a tab."""


class Settings(BaseSettings):
    """The settings of an operator; every field is ``HEADCOUNT_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="HEADCOUNT_", frozen=True, extra="ignore")

    broker_url: SecretStr | None = Field(
        None, description="redis:// or rediss:// URL; unset: `run` starts a broker of its own"
    )
    model: str = Field("embedded", description="model pack: a name, a folder or an s3:// URI")
    provider: Provider = Field("auto", description="where models run: auto, cpu, cuda, tensorrt")
    batching: Literal["auto", "on", "off"] = Field(
        "auto", description="whether photos share batches; auto: on a GPU, where it pays"
    )
    gpu_device: int = Field(0, ge=0, description="which GPU, as CUDA counts them")
    gpu_memory: int = Field(0, ge=0, description="bytes of it for each session; 0: all")
    profile: ProfileName = Field(
        "balanced", description="how hard photos are searched: fast, balanced, thorough"
    )
    accept_licences: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="model packs, by name, whose licence you accept, comma-separated"
    )
    cache_dir: Path = Field(
        default_factory=lambda: (
            Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headcount"
        ),
        description="prepared models and downloaded samples",
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="CPU threads of one worker"
    )
    shards_at_once: int | None = Field(
        None, ge=1, description="shards that one worker has in hand; unset: 2 on a GPU, else 1"
    )
    fetchers: int = Field(16, ge=1, description="photos that one worker fetches at once")
    shard_photos: int = Field(256, ge=1, description="photos of one shard, at most")
    shard_bytes: int = Field(1 << 30, ge=1, description="bytes of one shard, at most")
    max_bytes: int = Field(200 << 20, ge=1, description="a larger photo is too_large, unread")
    max_pixels: int = Field(250_000_000, ge=1, description="a larger photo is too_large, undecoded")
    reduce_faces: int = Field(
        1_000_000, ge=1, description="faces of one reduce task; more in an archive are shared out"
    )
    window: int = Field(64, ge=1, description="shards in flight at once")
    poll_seconds: float = Field(0.5, gt=0, description="how often the supervisor looks")
    lost_seconds: float = Field(
        30.0, gt=0, description="a unit of work without a heartbeat for so long is sent again"
    )
    lease_seconds: float = Field(
        30.0, gt=0, description="a supervisor silent for so long loses its job to another"
    )
    drain_seconds: float = Field(
        240.0, ge=0, description="a worker told to stop hands back what it cannot finish in so long"
    )
    max_attempts: int = Field(6, ge=1, description="attempts at one unit of work before it fails")

    csv_separator: Separator = Field(
        ",", description="of result tables as CSV: a comma, semicolon, tab or |"
    )
    csv_bom: bool = Field(
        True, description="whether these begin with the mark by which spreadsheets know UTF-8"
    )
    sheet_landmarks: bool = Field(
        False, description="whether result tables as CSV or XLSX have the landmarks"
    )

    keep_jobs: int | None = Field(
        None, ge=1, description="jobs of each collection that `prune` and nights keep; unset: all"
    )
    keep_days: float | None = Field(
        None, ge=0, description="days for which they keep a job, however many; unset: all"
    )
    hook: SecretStr | None = Field(
        None, description="URL or command of the supervisor's that is told of each night's end"
    )
    hook_token: SecretStr | None = Field(None, description="sent to that URL as a bearer token")
    allowed_uris: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="places a worker may read and write, comma-separated; unset: anywhere",
    )
    metrics_host: str = Field("127.0.0.1", description="where --metrics-port listens")
    log_level: str = Field("INFO", description="what is logged")
    log_format: Literal["text", "json"] = Field("text", description="how it is logged")

    @field_validator("accept_licences", "allowed_uris", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("csv_separator", mode="before")
    @classmethod
    def _name_separator(cls, value: object) -> object:
        return _SEPARATORS.get(value.lower(), value) if isinstance(value, str) else value

    def assignments_kept(self, least: int) -> int | None:
        """Jobs of a collection whose assignments stay at a job's end; None: all, until `prune`."""
        return None if self.keep_days is not None else max(least, self.keep_jobs or 0)

    @classmethod
    def settings_names(cls) -> list[str]:
        """The environment variables this class reads."""
        return [f"HEADCOUNT_{name.upper()}" for name in cls.model_fields]
