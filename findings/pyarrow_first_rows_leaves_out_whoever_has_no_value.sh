#!/usr/bin/env bash
# The first rows of a table (pyarrow's select_k_unstable): rows without a value are left out in silence,
# and of no rows at all it makes an error, by the version
#
# One would guess: `select_k_unstable(table, 10, keys)` is a sort that stops early. So of four rows it gives
# four, those without a value last as `sort_indices` has them; and of an empty table it gives none.
# Seen: pyarrow 24.0.0 gives three of four rows where the first key of one is null, without a word, and
# raises a ValueError ("Unable to wrap Datum in a Python object") for an empty table. 25.0.1 gives all four,
# and raises the same error for the empty one. 26.0.1 does what one would guess.
# Why it matters for photo archives: "the first 100 faces by quality" or "by date" is how a page shows a
# part of a large result. Whoever has no date is on no page then; and the first run, in which nothing is
# gone since the run before, ends in an error that names neither the table nor the cause.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cat > "$work/ask.py" <<'PYTHON'
import pyarrow as pa
import pyarrow.compute as pc

taken = [("taken", "ascending")]
photos = pa.table({"photo": ["a", "b", "c", "d"], "taken": [3, None, 1, 2]})
first = photos.take(pc.select_k_unstable(photos, 10, taken))["photo"].to_pylist()
in_order = photos.take(pc.sort_indices(photos, taken))["photo"].to_pylist()
try:
    nothing = str(len(pc.select_k_unstable(photos.slice(0, 0), 10, taken)))
except ValueError as error:
    nothing = str(error)
print(f"{pa.__version__}|{''.join(sorted(first))}|{''.join(in_order)}|{nothing}")
PYTHON

for version in 24.0.0 25.0.1 26.0.1; do
  "$python" -m venv "$work/$version"
  "$work/$version/bin/pip" install -q --disable-pip-version-check --no-cache-dir "pyarrow==$version"
  "$work/$version/bin/python" "$work/ask.py"
done | tee "$work/seen"

cat > "$work/as_seen" <<'SEEN'
24.0.0|acd|cdab|Unable to wrap Datum in a Python object
25.0.1|abcd|cdab|Unable to wrap Datum in a Python object
26.0.1|abcd|cdab|0
SEEN
if diff "$work/as_seen" "$work/seen"; then
  echo "as seen"
else
  echo "this has changed"
  exit 1
fi
