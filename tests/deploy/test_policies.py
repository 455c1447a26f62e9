"""The S3 policies grant what headcount does, object by object, and nothing wide."""

import json
from pathlib import Path
from typing import Any

import pytest

POLICIES = sorted((Path(__file__).resolve().parents[2] / "deploy" / "policies").glob("*.json"))


def statements(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["Statement"]
    return found


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_no_policy_grants_all_actions_or_all_buckets(path: Path) -> None:
    for statement in statements(path):
        assert not [action for action in statement["Action"] if "*" in action]
        assert not [r for r in statement["Resource"] if r.startswith("arn:aws:s3:::*")]


def test_only_the_writer_of_the_archive_may_write_and_not_erase_the_audit_log() -> None:
    writers = {
        path.stem
        for path in POLICIES
        for statement in statements(path)
        if statement["Effect"] == "Allow" and {"s3:PutObject"} & set(statement["Action"])
    }
    assert writers == {"archive-writer"}
    (path,) = [path for path in POLICIES if path.stem == "archive-writer"]
    (denied,) = [s for s in statements(path) if s["Effect"] == "Deny"]
    assert "s3:DeleteObject" in denied["Action"]
    assert all(resource.endswith("/audit/*") for resource in denied["Resource"])
