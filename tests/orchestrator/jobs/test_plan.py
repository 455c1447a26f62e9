from headcount.contract.stored.jobs import Limits
from headcount.storage import ObjectInfo
from orchestrator.jobs.plan import cut_shards


def info(key: str, etag: str = "e", size: int = 10) -> ObjectInfo:
    return ObjectInfo(key, etag, size)


def limits(photos: int, size: int) -> Limits:
    return Limits(max_bytes=1, max_pixels=1, shard_photos=photos, shard_bytes=size)


def test_shards_end_at_the_number_of_photos() -> None:
    shards = list(cut_shards((info(str(n)) for n in range(7)), limits(3, 10**9)))
    assert [len(shard) for shard in shards] == [3, 3, 1]


def test_shards_end_at_their_bytes_and_a_huge_photo_is_a_shard_of_its_own() -> None:
    photos = [info("a", size=40), info("b", size=40), info("c", size=900), info("d", size=10)]
    shards = [[p.key for p in shard] for shard in cut_shards(photos, limits(10, 100))]
    assert shards == [["a", "b"], ["c"], ["d"]]


def test_no_photos_give_no_shards() -> None:
    assert list(cut_shards([], limits(3, 100))) == []
