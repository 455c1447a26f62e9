"""The record of a reference photo: what became of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from headcount.contract.vocabulary import ReferenceState


class ReferenceReport(BaseModel):
    """The outcome of one reference photo of a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: str
    photo: str
    state: ReferenceState
    reason: str | None = None
    box: tuple[float, float, float, float] | None = None
    orientation: int = Field(
        0, description="turn of the photo that the box is in, as an EXIF value; 0: the file's own"
    )

    @property
    def good(self) -> bool:
        """Whether it is in the gallery."""
        return self.state in ("enrolled", "known")

    @property
    def refused(self) -> bool:
        """Whether it is in the folder and could not be used."""
        return not self.good and self.state != "withdrawn"
