"""Settings: read once from the environment in ``main``, then passed down.

Every name starts with ``HEADCOUNT_``; for S3, and the places that may be used,
see headcount.s3_settings.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
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
MAX_FACES = 2_000
"""Most faces kept of one photo: more than a group photo of the largest school shows. Each takes
40 KB while it is embedded, and as long as a small photo."""


CONTROL_GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Control groups of Linux, and those that this process is in."""


def usable_cores(groups: Path = CONTROL_GROUPS, own: Path = OWN_GROUPS) -> int:
    """Cores that this process may use: by its affinity and its CPU quota, rounded up; at least 1.

    A container with a limit of 2 CPUs on a machine of 64 sees 64 cores and may use 2.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(groups, own))]))


def _quotas(groups: Path, own: Path) -> list[float]:
    """CPUs that each control group around this process may use, where it is limited."""
    lines: list[str] = []
    with suppress(OSError):
        lines = own.read_text().splitlines()
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for folder in [*PurePosixPath(path).parents, PurePosixPath(path)]:
            inside = str(folder).lstrip("/")
            if not controllers:  # version 2 has one tree for all
                quotas.append(_quota([groups / inside / "cpu.max"]))
            elif "cpu" in controllers.split(","):
                tree = groups / "cpu" / inside
                quotas.append(_quota([tree / "cpu.cfs_quota_us", tree / "cpu.cfs_period_us"]))
    return [quota for quota in quotas if quota]


def _quota(files: list[Path]) -> float | None:
    """Quota over period; None where there is no limit (``max``, -1), or no such file."""
    try:
        quota, period = " ".join(file.read_text() for file in files).split()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


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
        default_factory=usable_cores, ge=1, description="CPU threads of one worker"
    )
    shards_at_once: int | None = Field(
        None, ge=1, description="shards that one worker has in hand; unset: 2 on a GPU, else 1"
    )
    fetchers: int = Field(16, ge=1, description="photos that one worker fetches at once")
    shard_photos: int = Field(256, ge=1, description="photos of one shard, at most")
    shard_bytes: int = Field(1 << 30, ge=1, description="bytes of one shard, at most")
    max_bytes: int = Field(200 << 20, ge=1, description="a larger photo is too_large, unread")
    max_pixels: int = Field(250_000_000, ge=1, description="a larger photo is too_large, undecoded")
    max_faces: int = Field(
        MAX_FACES, ge=1, description="faces kept of one photo: the best, with a reason on the photo"
    )
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
    refusal_seconds: float = Field(
        60.0, ge=0, description="a worker that cannot work takes the next message after so long"
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
    metrics_host: str = Field("127.0.0.1", description="where --metrics-port listens")
    log_level: str = Field("INFO", description="what is logged")
    log_format: Literal["text", "json"] = Field("text", description="how it is logged")

    @field_validator("accept_licences", mode="before")
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
