"""A worker that has no model at hand."""

from workers.models.base import ModelPack
from workers.runtime.unit import Context


class NoModels(Context):
    """A worker that has no model at hand."""

    def pack(self, name: str) -> ModelPack:
        raise AssertionError(f"{name} was loaded")
