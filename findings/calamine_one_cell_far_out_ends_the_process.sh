#!/usr/bin/env bash
# calamine: one cell far from a table of two rows ends the process, with no exception
#
# One would guess: a sheet of five cells takes memory for five cells, since XLSX names each cell that is there;
# and what a reader cannot hold is an error that Python can catch (its own, or MemoryError).
# Seen, in python-calamine 0.9.1 and fastexcel 0.21.0 (the reader behind polars.read_excel; pandas'
# engine="calamine" is the former): a sheet is held as one rectangle from its first cell to its last, 32 bytes
# a cell, empty or not. A valid file of 1.5 KB with one letter in XFD1048576 asks for 549,755,813,888 bytes;
# Rust's allocator then aborts: SIGABRT, exit code 134, no exception, no finally. Asking for `nrows=1` does
# not help, and one letter in column CV of row 300,000 costs 0.9 GB. There is no option that bounds it.
# Why it matters for photo archives: class lists and rosters come as XLSX from people, and a blank typed by
# accident far down (Ctrl+End shows it) is common. One such file takes a web process or a worker with it;
# a queue delivers the task again, and the next worker dies too. The cells' places must be looked at first.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir \
  python-calamine==0.9.1 fastexcel==0.21.0 pyarrow==26.0.1

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import resource
import subprocess
import sys
import zipfile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/"


def cell(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def write(name, row, column):
    rows = (
        f'<row r="1">{cell("A1", "photo")}{cell("B1", "person")}</row>'
        f'<row r="2">{cell("A2", "a.jpg")}{cell("B2", "Ada")}</row>'
        f'<row r="{row}">{cell(f"{column}{row}", "x")}</row>'
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, text in parts.items():
            archive.writestr(part, text)


READERS = {
    "python-calamine": "import python_calamine as c\n"
    "sheet = c.CalamineWorkbook.from_path(name).get_sheet_by_index(0)\n"
    "rows = sheet.to_python(nrows=1)\n",
    "fastexcel": "import fastexcel\nrows = fastexcel.read_excel(name).load_sheet(0, n_rows=1).to_arrow()\n",
}
ENDING = "except BaseException as error:\n    print('caught', type(error).__name__)\nelse:\n    print('read')\n"


def read(reader, name):
    """How a process of its own ends that reads the file with 4 GB to spend, and what it says."""
    body = "".join(f"    {line}\n" for line in READERS[reader].splitlines())
    code = f"import sys\nname = sys.argv[1]\ntry:\n{body}{ENDING}"
    done = subprocess.run(
        [sys.executable, "-c", code, name],
        capture_output=True,
        text=True,
        env={"RUST_BACKTRACE": "0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
    )
    error = done.stderr.strip().splitlines()
    return done.returncode, done.stdout.strip(), error[0] if error else ""


write("near.xlsx", 3, "C")
write("far.xlsx", 1_048_576, "XFD")
as_seen = True
for reader in READERS:
    near, far = read(reader, "near.xlsx"), read(reader, "far.xlsx")
    print(f"{reader}: near {near}, far {far}")
    as_seen &= near[:2] == (0, "read")
    as_seen &= far[0] == -6 and not far[1] and "memory allocation of 549755813888 bytes failed" in far[2]
print("as seen" if as_seen else "no longer as seen")
sys.exit(0 if as_seen else 1)
PYTHON
