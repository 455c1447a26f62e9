"""A forgotten person taken out of checks: what was drawn of the person goes, verdicts too.

Those that are left were drawn at random from the faces that are left, so that the bound made of
them anew holds for these.
"""

from __future__ import annotations

from headcount.assignments.checks.kept import check_key, read_checks
from headcount.assignments.checks.record import CheckRecord
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.vocabulary import person_id
from headcount.storage import Store


def forget_checks(store: Store, stone: ForgottenRecord) -> int:
    """Take the person out of all checks; the number that was changed. An empty check goes."""
    changed = 0
    for check in read_checks(store):
        left = without_person(check, stone)
        if left == check:
            continue
        changed += 1
        if left.items:
            store.put(check_key(check.id), left.to_bytes())
        else:
            store.delete(check_key(check.id))
    return changed


def without_person(check: CheckRecord, stone: ForgottenRecord) -> CheckRecord:
    """A check without a forgotten person: neither drawn nor as the one who judged."""
    people = {one.person_id for one in stone.by_each_name()}
    faces = set(stone.faces)
    items = tuple(
        item
        for item in check.items
        if item.person_id not in people
        and item.face_id not in faces
        and (item.person is None or person_id(item.person) not in people)
    )
    gone = len(check.items) - len(items)
    by = None if check.by and person_id(check.by) in people else check.by
    update = {"items": items, "by": by, "forgotten": check.forgotten + gone}
    return check.model_copy(update=update)
