import pyarrow as pa

from workers.report.tags import cluster_tags


def test_tags_are_as_long_as_they_need_to_be_and_no_two_clusters_share_one() -> None:
    ids = ["k123456", "k123789", "kabcdef", "k999999", "kfedcba9", "kfedcba9-2"]
    tags = cluster_tags(pa.chunked_array([ids[:3], ids[3:]]), ids)
    assert tags == {
        "k123456": "k1234",
        "k123789": "k1237",
        "kabcdef": "kabc",
        "k999999": "k999",
        "kfedcba9": "kfedcba9",
        "kfedcba9-2": "kfedcba9-",
    }


def test_a_tag_is_told_from_clusters_that_are_not_shown() -> None:
    ids = pa.chunked_array([["k123456", "k123789"]])
    assert cluster_tags(ids, ["k123456"]) == {"k123456": "k1234"}
    assert cluster_tags(ids, []) == {}
