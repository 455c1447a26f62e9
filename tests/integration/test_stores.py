"""One job over several stores: each with its own endpoint and keys, two of them without ETags."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from headcount.storage import open_store
from headcount.storage.base import Store
from tests.faulty_proxy import FaultyProxy
from tests.running import headcount, table
from tests.servers import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WRONG = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
}
"""Settings for all other buckets: with these no request succeeds."""


def settings_of(name: str, uri: str, server: S3Server, endpoint: str) -> dict[str, str]:
    """The settings of one place."""
    return {
        f"HEADCOUNT_S3_{name}_URI": uri,
        f"HEADCOUNT_S3_{name}_ENDPOINT_URL": endpoint,
        f"HEADCOUNT_S3_{name}_REGION": f"region-of-{name.lower()}",
        f"HEADCOUNT_S3_{name}_ACCESS_KEY_ID": server.access_key,
        f"HEADCOUNT_S3_{name}_SECRET_ACCESS_KEY": server.secret_key,
    }


def fill(store: Store, folder: Path) -> None:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        store.put(str(path.relative_to(folder)), path.read_bytes())


def replace(store: Store, key: str, data: bytes) -> None:
    """Replace an object by one of as many bytes, a second later at least."""
    size, before = store.stat(key).size, store.stat(key).etag
    assert len(data) <= size
    while store.stat(key).etag == before:
        store.put(key, data.ljust(size, b"\0"))


def test_photos_people_and_archive_lie_at_three_stores(
    samples: Path, tmp_path: Path, s3: S3Server
) -> None:
    with ExitStack() as stack:
        untagged = [
            stack.enter_context(FaultyProxy(s3.endpoint, lambda *_: "untagged").running())
            for _ in range(2)
        ]
        at = {
            "PHOTOS": (f"s3://{s3.make_bucket()}/in/", untagged[0].endpoint),
            "PEOPLE": (f"s3://{s3.make_bucket()}/", untagged[1].endpoint),
            "ARCHIVE": (f"s3://{s3.make_bucket()}/main/", s3.endpoint),
        }
        settings = dict(WRONG)
        for name, (uri, endpoint) in at.items():
            settings |= settings_of(name, uri, s3, endpoint)
        photos, people, archive = (
            open_store(uri, s3.settings(endpoint_url=endpoint)) for uri, endpoint in at.values()
        )
        fill(photos, samples / "photos")
        fill(people, samples / "people")

        def run(name: str) -> dict[str, int]:
            done = headcount(
                *("run", at["PHOTOS"][0], "--people", at["PEOPLE"][0], "--annotate", "0"),
                *("--archive", at["ARCHIVE"][0], "--out", str(tmp_path / name)),
                **settings,
            )
            assert done.returncode in (0, 3), done.stderr
            plans = [info.key for info in archive.list("jobs/") if info.key.endswith("plan.json")]
            plan = json.loads(archive.get(plans[-1]).data)
            return {state: plan[state] for state in ("new", "changed", "known")}

        assert run("first") == {"new": 7, "changed": 0, "known": 0}
        names = sorted(photos.list(), key=lambda info: info.size)
        replace(photos, names[-1].key, photos.get(names[0].key).data)
        assert run("second") == {"new": 0, "changed": 1, "known": 6}
        rows = table(tmp_path / "second", "photos")
        assert all(row["etag"].startswith("modified-") for row in rows)
        asked = [
            {each.path.split("/")[1].partition("?")[0] for each in proxy.asked}
            for proxy in untagged
        ]
        assert asked == [{at[name][0].split("/")[2]} for name in ("PHOTOS", "PEOPLE")]
        assert archive.stat("conditional.json").size
