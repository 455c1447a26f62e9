"""A made-up archive with photos, and the page of it: real requests, and a real recorder."""

from __future__ import annotations

import http.client
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import uvicorn
from PIL import Image

from headcount.answers.record import Answer
from headcount.archive.selection import select_pack, select_parts
from headcount.assignments import history
from headcount.assignments.expectations import write_expectations
from headcount.collections.photos import collection_id
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice, PackRecord
from headcount.contract.vocabulary import person_id
from headcount.rosters.changes import EXPECTATIONS
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.jobs.submit import make_spec
from orchestrator.people.answering import Answering
from workers.tables.rows import fixed_lists
from workers.web.app import make_app
from workers.web.checking import Asked
from workers.web.crops import Pictures
from workers.web.index import ArchiveIndex
from workers.web.recorder import Recorder
from workers.web.security import Access
from workers.web.session import Opened, Session

PACK, WIDTH = "made-up", 8
FIRST = "20261128-100000-abcdef"

HOSTILE = "<script>alert(1)</script>\u202e\n.jpg"


@dataclass(frozen=True)
class Seen:
    """A face: its photo, whose it is (a number), the name it has, and its cluster."""

    photo: str
    whose: int
    person: str | None = None
    cluster: str = ""


def face_id(number: int) -> str:
    return f"f{number:023x}"


def cluster_id(whose: int) -> str:
    return f"k{whose:012x}"


def vectors(faces: list[Seen]) -> np.ndarray[Any, Any]:
    """Those of one person are much alike, and of others not at all."""
    random = np.random.default_rng(5)
    centres = np.eye(WIDTH, dtype=np.float32)
    noise = random.normal(0, 0.05, (len(faces), WIDTH)).astype(np.float32)
    found = np.stack([centres[one.whose % WIDTH] for one in faces]) + noise
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def make_archive(
    folder: Path,
    faces: list[Seen],
    *,
    enrolled: dict[str, int] | None = None,
    expected: list[tuple[str, str]] = (),  # type: ignore[assignment]
    needed: str = "every",
    job_id: str = FIRST,
) -> Store:
    """An archive of photos 300 pixels wide, in which the faces of one stand side by side.

    ``enrolled`` are people with one reference each, of the person of that number. ``expected`` are
    pairs of a photo, or with ``needed`` some of a folder, and a person who is absent from it.
    """
    photos = canonical_uri(str(folder / "photos"))
    store, s3, keys = open_store(str(folder / "archive")), S3Settings(), PackKeys(PACK)
    collection = collection_id(photos)
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=_choice()).to_bytes())
    store.put(keys.record, _pack().to_bytes())
    spec = make_spec(
        photos=photos, people=None, archive=store.uri, out=None, settings=Settings()
    ).model_copy(update={"job_id": job_id})
    store.put(JobKeys(job_id).spec, spec.to_bytes())
    names = list(dict.fromkeys(one.photo for one in faces))
    _photos(folder, Table(store.uri, keys.photos, s3), collection, names)
    table = Table(store.uri, keys.faces, s3)
    table.create(faces_schema(WIDTH))
    table.append(_faces(collection, faces))
    people = enrolled or {}
    gallery = Table(store.uri, keys.gallery, s3)
    gallery.create(gallery_schema(WIDTH))
    gallery.append(_gallery(photos, names, people))
    say(store, collection, faces, job_id)
    rows = [_expected(photo, person, needed) for photo, person in expected]
    write_expectations(store, keys, collection, job_id, pa.Table.from_pylist(rows, EXPECTATIONS))
    return store


def say(store: Store, collection: str, faces: list[Seen], job_id: str) -> None:
    """Write what a job said."""
    rows = [
        {
            "photo": one.photo,
            "face_id": face_id(n),
            "decision": "matched" if one.person else "unknown",
            "person_id": person_id(one.person) if one.person else None,
            "person": one.person,
            "cluster_id": one.cluster or cluster_id(one.whose),
        }
        for n, one in enumerate(faces)
    ]
    table = pa.Table.from_pylist(rows, history.ASSIGNMENTS)
    history.write_assignments(store, PackKeys(PACK), collection, job_id, table)


def _choice() -> ModelChoice:
    return ModelChoice(name="made-up", pack_id=PACK)


def _pack() -> PackRecord:
    texts = dict.fromkeys(
        ("digest", "detector", "detector_sha256", "recogniser", "recogniser_sha256", "licence"), ""
    )
    return PackRecord(
        name="made-up",
        pack_id=PACK,
        dimensions=WIDTH,
        threshold=0.4,
        margin=0.05,
        cluster_threshold=0.45,
        **texts,
    )


def _photos(folder: Path, table: Table, collection: str, names: list[str]) -> None:
    table.create(PHOTOS)
    rows = []
    for n, name in enumerate(names):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_picture(n))
        rows.append(
            {
                "collection": collection,
                "photo": name,
                "outcome": "faces",
                "content": f"{n:064x}",
                "width": 300,
                "height": 200,
                "orientation": 1,
            }
        )
    table.append(pa.Table.from_pylist(rows, PHOTOS))


def _picture(number: int) -> bytes:
    """Three fields of a colour each, so that a crop tells which of them it is of."""
    image = np.full((200, 300, 3), 40 + number, np.uint8)
    for place, colour in enumerate(((200, 0, 0), (0, 200, 0), (0, 0, 200))):
        image[:, 100 * place : 100 * place + 100] = colour
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _faces(collection: str, faces: list[Seen]) -> pa.Table:
    places: dict[str, int] = {}
    rows = []
    for n, one in enumerate(faces):
        place = places[one.photo] = places.get(one.photo, -1) + 1
        rows.append(
            {
                "collection": collection,
                "photo": one.photo,
                "face_id": face_id(n),
                "x": 100.0 * place + 30,
                "y": 80.0,
                "w": 40.0,
                "h": 40.0,
                "quality": 0.5 + n / 1000,
                "sharpness": 1.0,
                "outside": 0.0,
                "usable": True,
                "pass": "first",
            }
        )
    schema = faces_schema(WIDTH)
    table = pa.Table.from_pylist(rows, schema)
    at = schema.get_field_index("descriptor")
    return table.set_column(
        at, schema.field("descriptor"), fixed_lists(vectors(faces).astype(np.float16))
    )


def _gallery(photos: str, names: list[str], people: dict[str, int]) -> pa.Table:
    schema = gallery_schema(WIDTH)
    rows = [
        {
            "person_id": person_id(name),
            "person": name,
            "source": photos,
            "photo": names[0],
            "etag": "",
            "content": "",
            "x": 30.0,
            "y": 80.0,
            "w": 40.0,
            "h": 40.0,
            "quality": 1.0,
        }
        for name in people
    ]
    table = pa.Table.from_pylist(rows, schema)
    at = schema.get_field_index("descriptor")
    found = np.eye(WIDTH, dtype=np.float32)[[n % WIDTH for n in people.values()]]
    column = fixed_lists(found.reshape(-1, WIDTH)).cast(schema.field("descriptor").type)
    return table.set_column(at, schema.field("descriptor"), column)


def _expected(photo: str, person: str, needed: str) -> dict[str, str | None]:
    return {
        "scope": photo,
        "needed": needed,
        "photo": photo if needed == "every" else None,
        "person_id": person_id(person),
        "person": person,
        "status": "absent",
    }


# -- the page -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Page:
    """A page that is served, and who may ask it."""

    port: int
    access: Access
    session: Session

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str = "",
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """Ask as somebody with the token; ``headers`` in the place of those."""
        mine = {"Authorization": f"Bearer {self.access.token}"} if headers is None else headers
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        connection.request(method or ("GET" if data is None else "POST"), path, data, mine)
        answer = connection.getresponse()
        found = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def get(self, path: str) -> Any:
        found = self.ask(path)
        assert found.status == 200, (found.status, found.body)
        return found.json

    def say(self, *lines: dict[str, str], sure: bool = True) -> Any:
        found = self.ask("/api/answers", {"lines": list(lines), "sure": sure})
        assert found.status == 200, (found.status, found.body)
        return found.json


def recorder_of(store: Store) -> Recorder:
    """A recorder whose other end checks and records, in a thread in place of a process."""
    down, up = os.pipe(), os.pipe()
    requests, replies = os.fdopen(down[0]), os.fdopen(up[1], "w")
    recorder = Recorder(os.fdopen(down[1], "w"))
    answering = Answering(store, S3Settings())

    def work() -> None:
        for line in requests:
            asked = json.loads(line)
            try:
                if asked["do"] == "apply":
                    reply = answering.apply(asked["lines"], sure=asked["sure"])
                else:
                    reply = answering.undo(asked.get("ids", ()))
            except Exception as error:
                reply = {"error": str(error)}
            replies.write(json.dumps({"id": asked["id"], **reply}) + "\n")
            replies.flush()

    threading.Thread(target=work, daemon=True).start()
    replies_in = os.fdopen(up[0])
    threading.Thread(target=recorder.listen, args=(replies_in,), daemon=True).start()
    return recorder


@contextmanager
def page_of(store: Store, *, by: str = "", asked: Asked | None = None) -> Iterator[Page]:
    """The page of an archive, served in this process until the block ends."""
    record = select_pack(store, None)
    [part] = select_parts(store, record.pack_id, None, None)
    index = ArchiveIndex(store, S3Settings(), part, record)
    session = Session(index, recorder_of(store), by)
    config = uvicorn.Config(lambda: None, port=0, log_level="critical", server_header=False)
    listening = config.bind_socket()
    listening.listen()
    port = listening.getsockname()[1]
    access = Access(
        frozenset({f"127.0.0.1:{port}", f"localhost:{port}"}), start="/check" if asked else "/"
    )
    pictures = Pictures(open_store, 1 << 24, 10**8)
    config.app = make_app(Opened(lambda: session), pictures, access, asked)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    page = Page(port, access, session)
    while page.get("/api/state")["loading"]:
        time.sleep(0.01)
    try:
        yield page
    finally:
        server.should_exit = True
        thread.join()


def recorded(store: Store) -> list[Answer]:
    """All answers of an archive."""
    from headcount.answers.kept import read_answers

    return read_answers(store)
