"""What is recorded of a model pack that is made up: no model is behind it."""

from headcount.contract.stored.archive import PackRecord


def made_up_pack(pack_id: str, *, dimensions: int = 2) -> PackRecord:
    """A pack of that id and name."""
    return PackRecord(
        name=pack_id,
        pack_id=pack_id,
        digest="0",
        detector="d",
        detector_sha256="0",
        recogniser="r",
        recogniser_sha256="0",
        dimensions=dimensions,
        licence="none",
        threshold=0.4,
        margin=0.05,
        cluster_threshold=0.5,
    )
