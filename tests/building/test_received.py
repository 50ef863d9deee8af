"""Folders that someone else made: nothing that they say or hold leads out of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.building import database
from anyres_bench.building.assemble import withdraw
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.ledger import opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.collector import Candidate
from anyres_bench.collectors.folder import Folder
from anyres_bench.core.errors import AnyresBenchError, DatasetError
from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from tests.fuzz import fuzz, memory_folder, mutated, replay
from tests.servers import photo

ENGINE = LocalEngine(ResourceLimits(processes=1))
RULES = Rules(measure="header")
LEDGER = ".collect/ledger.sqlite"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of three in a home that has things of its own."""
    folder = tmp_path_factory.mktemp("collected")
    (folder / "in").mkdir()
    for i in range(3):
        (folder / "in" / f"{i}.jpg").write_bytes(photo(i))
    (folder / "home").mkdir()
    (folder / "home" / "precious").write_text("precious")
    build(ordered(folder), ENGINE)
    return folder


def ordered(folder: Path) -> Order:
    """The order of the collection in a folder."""
    return Order(Folder(folder / "in"), folder / "home" / "out", "d", RULES)


@pytest.fixture
def order(collected: Path, tmp_path: Path) -> Order:
    """A copy of the collection."""
    shutil.copytree(collected, tmp_path, dirs_exist_ok=True)
    return ordered(tmp_path)


@pytest.fixture(autouse=True)
def nothing_outside_changes(tmp_path: Path) -> Any:
    yield
    home = tmp_path / "home"
    assert (home / "precious").read_text() == "precious"
    assert {path.name for path in home.iterdir()} <= {"precious", "out", "elsewhere"}
    assert not [p for p in (home / "elsewhere").rglob("*") if p.name != "precious"]


def edited(order: Order, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Change a ledger as its sender might, who can make seals too."""
    db = sqlite3.connect(order.folder / LEDGER)
    db.create_function("seal", -1, database.seal)
    for text, values in statements:
        db.execute(text, values)
    db.commit()
    db.close()


def sealed(path: Path, table: str) -> None:
    """Seal all rows of a table, whatever they hold."""
    with _closing(path) as db:
        rows = db.execute(f"SELECT {database._ROWS[table]}, rowid FROM {table}").fetchall()
        seals = [(database.seal(*row), place) for *row, place in rows]
        db.executemany(f"UPDATE {table} SET seal = ? WHERE rowid = ?", seals)
        db.commit()


def planted(order: Order, name: str, **changes: object) -> None:
    """A sealed row that says that an image is elsewhere."""
    db = sqlite3.connect(order.folder / LEDGER)
    number, text = db.execute("SELECT number, image FROM images").fetchone()
    db.close()
    record, metadata = json.loads(text)
    image = json.dumps([{**record, "file_name": name, **changes}, metadata])
    change = (
        "UPDATE images SET file_name = ?1, image = ?2, seal = seal(?1, ?3, ?2) WHERE number = ?3"
    )
    edited(order, (change, (name, image, number)))


OUTSIDE = ["../precious", "images/../../precious", "/etc/passwd", "images/00000/../../../precious",
           "images/00000/folder_0.jpg/../x", ".collect/lock", "images/00007/folder_0.jpg",
           "images/00000/other.jpg", "dataset.json", "images/00000/folder_0.jpg\n", ""]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_rows_that_name_files_elsewhere(order: Order, name: str) -> None:
    planted(order, name)
    for act in (lambda: build(order, ENGINE), lambda: withdraw(order.folder, {name: "licence"})):
        with pytest.raises(DatasetError, match=r"hostile|names no file|changed by hand"):
            act()


@pytest.mark.parametrize(
    "changes",
    [{"height": "tall"}, {"height": 0}, {"n_bytes": -1}, {"sha256": None}, {"surprise": 1}],
)
def test_rows_of_odd_values(order: Order, changes: dict[str, object]) -> None:
    planted(order, "images/00000/folder_0.jpg", **changes)
    with pytest.raises(DatasetError, match="the ledger's image of folder_0"):
        build(order, ENGINE)


@pytest.mark.parametrize("key", ["../../../precious", "a/b", "a.b", "", "x" * 300, "a\x00b"])
def test_keys_that_name_files_elsewhere(order: Order, key: str) -> None:
    text = Candidate(key=key, url="0.jpg").to_json()
    values = (9, key, key, text, "pending", "", "", 0)
    insert = "INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    edited(order, (insert, (*values, database.seal(*values))))
    remote = dataclasses.replace(order, collector=_Remote(Path(order.collector.path)))  # type: ignore[attr-defined]
    for one in (order, remote):
        try:
            build(one, ENGINE)
        except DatasetError as error:
            assert "is no key" in str(error)  # noqa: PT017


class _Remote(Folder):
    local = False


def test_planted_candidates_of_a_folder_are_not_obtained(order: Order) -> None:
    """What the tree does not hold is not collected, whatever the ledger says of it."""
    text = Candidate(key="folder_x", url="../home/precious", source_id="x").to_json()
    values = (9, "folder_x", "x", text, "pending", "", "", 0)
    insert = "INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    edited(order, (insert, (*values, database.seal(*values))))
    built = build(order, ENGINE)
    assert built.rejects == {"gone": 1}
    assert len(built.dataset.manifest) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW extra AS SELECT 1",
        "CREATE TRIGGER extra AFTER UPDATE ON candidates BEGIN DELETE FROM images; END",
        "ALTER TABLE candidates ADD COLUMN extra",
        "DROP INDEX by_state",
        "PRAGMA user_version = 7",
    ],
)
def test_a_schema_that_is_not_ours(order: Order, statement: str) -> None:
    edited(order, (statement, ()))
    with pytest.raises(DatasetError, match="of another program"):
        build(order, ENGINE)


LINKS = ["images", "images/00000", ".collect", ".collect/aside", ".collect/incoming",
         ".collect/lock", LEDGER, f"{LEDGER}-wal", ".collect/found"]  # fmt: skip


@pytest.mark.parametrize("name", LINKS)
def test_links_in_the_place_of_ours(order: Order, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "home" / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    is_file = name == ".collect/lock" or name.startswith(LEDGER)
    place = order.folder / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.symlink_to(elsewhere / "precious" if is_file else elsewhere)
    (tmp_path / "in" / "new.jpg").write_bytes(photo(9))
    near = dataclasses.replace(order)
    try:
        build(near, ENGINE)
    except DatasetError as error:
        assert "link" in str(error) or "regular" in str(error) or "not empty" in str(error)  # noqa: PT017
    else:
        assert name in (".collect/aside", ".collect/found"), "nothing had to go there"
    assert [p.name for p in elsewhere.iterdir()] == ["precious"]
    assert (elsewhere / "precious").read_text() == "precious"


def test_links_and_pipes_among_what_is_under_way(order: Order, tmp_path: Path) -> None:
    incoming = order.folder / ".collect" / "incoming"
    for name in ("folder_new", ".folder_new.part", ".folder_new.part.json", "folder_new.derived"):
        (incoming / name).symlink_to(tmp_path / "home" / "precious")
    os.mkfifo(incoming / ".folder_pipe.part")
    (tmp_path / "in" / "new.jpg").write_bytes(photo(9))
    assert len(build(order, ENGINE).dataset.manifest) == 4
    assert list(incoming.iterdir()) == []


def test_an_image_that_is_a_link_is_made_again(order: Order, tmp_path: Path) -> None:
    name = "images/00000/folder_0.jpg"
    data = (order.folder / name).read_bytes()
    (tmp_path / "home" / "precious").write_bytes(b"precious")
    for target in (tmp_path / "home" / "precious", tmp_path / "in" / "0.jpg", "/dev/zero"):
        (order.folder / name).unlink()
        (order.folder / name).symlink_to(target)
        build(order, ENGINE)
        assert not (order.folder / name).is_symlink()
        assert (order.folder / name).read_bytes() == data


def test_every_flipped_bit_is_known(order: Order) -> None:
    """What a disk loses is said and done again, or the ledger is refused; nothing is silent."""
    path = order.folder / LEDGER
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    whole, digest = path.read_bytes(), Dataset.read(order.folder).digest
    with opened(order.folder) as ledger:
        rows = _rows(ledger)
    rng, full = random.Random(0), [i for i, byte in enumerate(whole) if byte]
    seen = {"refused": 0, "cured": 0, "of no matter": 0}
    for _ in range(100):
        data = bytearray(whole)
        data[rng.choice(full)] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        try:
            with opened(order.folder) as ledger:
                damage = ledger.damage
                same = _rows(ledger) == rows
        except DatasetError:
            seen["refused"] += 1
            continue
        assert same or damage != database.Damage(), "a row changed silently"
        seen["of no matter" if same else "cured"] += 1
    assert seen["refused"] > 6
    assert seen["cured"] > 30
    path.write_bytes(whole)
    assert build(order, ENGINE).dataset.digest == digest


def _rows(ledger: Any) -> list[Any]:
    tables = ("meta", "candidates", "images")
    return [ledger._db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables]


@pytest.mark.parametrize(
    ("table", "column", "n_again"),
    [("images", "image", 1), ("images", "file_name", 1), ("images", "number", 1),
     ("candidates", "candidate", 1), ("candidates", "state", 1), ("candidates", "key", 1)],
)  # fmt: skip
def test_changed_rows_are_done_again(order: Order, table: str, column: str, n_again: int) -> None:
    first = Dataset.read(order.folder)
    edited(order, (f"UPDATE {table} SET {column} = {column} || '7' WHERE number = 2", ()))
    done: list[Outcome] = []
    built = build(order, ENGINE, on_outcome=done.append)
    assert len(done) == n_again
    assert "1 rows of the ledger had changed" in built.notes[0]
    assert {r.sha256 for r in built.dataset.manifest} == {r.sha256 for r in first.manifest}
    assert not build(order, ENGINE).notes or table == "candidates"


@pytest.mark.slow
@pytest.mark.parametrize("value", ["x'ff00'", "CAST(x'ff41' AS TEXT)", "1.5", "9e99", "'x'", "-1"])
def test_values_of_other_types(order: Order, value: str) -> None:
    """In each column, sealed: the row is done again, or the ledger is refused."""
    path, first = order.folder / LEDGER, Dataset.read(order.folder)
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    whole = path.read_bytes()
    for table, columns in database._ROWS.items():
        for column in columns.split(", "):
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            path.write_bytes(whole)
            row = f"rowid = (SELECT max(rowid) FROM {table})"
            with contextlib.closing(sqlite3.connect(path)) as db:
                with contextlib.suppress(sqlite3.IntegrityError):  # what SQLite itself keeps out
                    db.execute(f"UPDATE {table} SET {column} = {value} WHERE {row}")
                db.commit()
            sealed(path, table)
            try:
                with opened(order.folder) as ledger:
                    list(ledger.images())
                    list(ledger.rejects())
                    list(ledger.pending())
                built = build(order, ENGINE)
            except DatasetError:
                continue
            assert {r.sha256 for r in built.dataset.manifest} == {r.sha256 for r in first.manifest}


@pytest.mark.parametrize("value", ["x'ff00'", "CAST(x'ff41' AS TEXT)", "'lost'"])
def test_a_row_of_another_type_is_done_again(order: Order, value: str) -> None:
    with contextlib.closing(sqlite3.connect(order.folder / LEDGER)) as db:
        db.execute(f"UPDATE candidates SET state = {value} WHERE number = 2")
        db.commit()
    sealed(order.folder / LEDGER, "candidates")
    built = build(order, ENGINE)
    assert len(built.dataset.manifest) == 3
    assert "1 rows of the ledger had changed" in built.notes[0]


def test_a_candidate_that_lost_its_image_is_done_again(order: Order) -> None:
    edited(order, ("DELETE FROM images WHERE number = 2", ()))
    with opened(order.folder) as ledger:
        assert ledger.damage == database.Damage(0, 1)
    assert len(build(order, ENGINE).dataset.manifest) == 3


def test_ledgers_of_the_first_schema_go_on(order: Order) -> None:
    first = Dataset.read(order.folder)
    path = order.folder / LEDGER
    old = sqlite3.connect(path)
    rows = {
        table: old.execute(f"SELECT {columns} FROM {table}").fetchall()
        for table, columns in database._ROWS.items()
    }
    old.close()
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new = sqlite3.connect(path)
    new.executescript(database._FIRST_SCHEMA)
    for table, values in rows.items():
        marks = ", ".join("?" * len(values[0]))
        new.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    new.commit()
    new.close()
    done: list[Outcome] = []
    assert build(order, ENGINE, on_outcome=done.append).dataset.digest == first.digest
    assert not done
    planted(order, "../precious")
    with pytest.raises(DatasetError):
        build(order, ENGINE)


@pytest.mark.parametrize("id_", ["/tmp/evil", "../../x", "a/b", "a:b", "", " a", "a\n", 7, None])
def test_ids_that_are_paths(order: Order, id_: object) -> None:
    path = order.folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "id": id_}))
    with pytest.raises(DatasetError, match="cannot be the id of a dataset"):
        Dataset.read(order.folder)


@pytest.mark.parametrize("name", ["../in/0.jpg", "/etc/passwd", "images/../../x", "a\x00b"])
def test_tables_that_name_files_elsewhere(order: Order, name: str) -> None:
    dataset = Dataset.read(order.folder)
    records = list(dataset.manifest)
    records[0] = dataclasses.replace(records[0], file_name=name)
    dataclasses.replace(dataset, manifest=type(dataset.manifest)(records)).write()
    with pytest.raises(DatasetError, match="names no file inside the folder"):
        Dataset.read(order.folder)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def number(path: Path) -> None:
    path.write_text("NaN")


@pytest.mark.parametrize("make", [pipe, zero, folder, deep, number])
@pytest.mark.parametrize("name", ["dataset.json", "metadata.parquet"])
def test_tables_that_are_none(order: Order, name: str, make: Callable[[Path], None]) -> None:
    (order.folder / name).unlink()
    make(order.folder / name)
    with pytest.raises(AnyresBenchError):
        Dataset.read(order.folder)


@pytest.mark.parametrize("make", [pipe, zero, folder])
def test_images_that_are_none(order: Order, make: Callable[[Path], None]) -> None:
    from anyres_bench.data.reading import read_image

    dataset = Dataset.read(order.folder)
    path = dataset.path(dataset.manifest[0])
    path.unlink()
    make(path)
    with pytest.raises(AnyresBenchError):
        read_image(dataset, 0)


def test_a_sparse_tail_is_not_read(order: Order) -> None:
    from anyres_bench.data.reading import read_image

    dataset = Dataset.read(order.folder)
    os.truncate(dataset.path(dataset.manifest[0]), 12 << 30)
    with pytest.raises(AnyresBenchError):
        read_image(dataset, 0)


def test_a_folder_of_ours_is_as_it_was(order: Order) -> None:
    before = {p: sha256_file(p) for p in (order.folder / "images").rglob("*.jpg")}
    assert not build(order, ENGINE).notes
    assert {p: sha256_file(p) for p in (order.folder / "images").rglob("*.jpg")} == before


def _dataset_target(data: bytes, folder: Path) -> None:
    """The first byte says which file of a sound folder the others stand in for."""
    name = ("dataset.json", "metadata.parquet")[data[0] % 2] if data else "dataset.json"
    whole = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(data[1:])
        dataset = Dataset.read(folder)
        for record in dataset.manifest:
            assert dataset.path(record).is_relative_to(folder)
            json.dumps(dataclasses.asdict(record)).encode()
    finally:
        (folder / name).write_bytes(whole)


def _ledger_target(data: bytes, folder: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"{LEDGER}{suffix}").unlink(missing_ok=True)
    (folder / LEDGER).parent.mkdir(parents=True, exist_ok=True)
    (folder / LEDGER).write_bytes(data)
    with opened(folder) as ledger:
        for _, image in ledger.images():
            assert (folder / image.file_name).resolve().is_relative_to(folder)
        json.dumps([dataclasses.asdict(reject) for reject in ledger.rejects()])
        json.dumps([dataclasses.asdict(task) for task in ledger.pending()])
        assert all(isinstance(text, str) for text in [*ledger.notices, *(ledger.written or ())])
        assert all(isinstance(name, str) for name in ledger.image_names())
        if ledger.counts():
            Rules.of(ledger.recipe.get("rules"))


def _other_values(rng: random.Random, known: Sequence[bytes], path: Path) -> bytes:
    """A ledger whose values are of any type, sealed as its sender would: or a few bytes changed."""
    if rng.random() < 0.3:
        return mutated(rng, known)
    path.write_bytes(rng.choice(known))
    values = (None, -1, 2**63 - 1, 1.5, 9e99, b"", b"\xff", "", "x" * 5000, "NaN", "[" * 900, "{}")
    columns = database._ROWS | {"sqlite_master": "type, name, tbl_name, rootpage, sql"}
    for _ in range(rng.randint(1, 3)):
        table = rng.choice(list(columns))
        with contextlib.suppress(sqlite3.Error, TypeError), _closing(path) as db:
            rows = db.execute(f"SELECT rowid, {columns[table]} FROM {table}").fetchall()
            place, *row = rng.choice(rows or [None])
            at = rng.randrange(len(row))
            cell = mutated(rng, [str(row[at]).encode(errors="replace")]).decode(errors="replace")
            change = f"UPDATE {table} SET {columns[table].split(', ')[at]} = ? WHERE rowid = ?"
            db.execute(change, (rng.choice((cell, rng.choice(values))), place))
            db.commit()
            if table in database._ROWS:
                sealed(path, table)
    return path.read_bytes()


def _closing(path: Path) -> contextlib.closing[sqlite3.Connection]:
    db = sqlite3.connect(path)
    db.text_factory = lambda text: text.decode(errors="replace")
    db.execute("PRAGMA writable_schema = ON")
    return contextlib.closing(db)


def _ledger_bytes(order: Order) -> bytes:
    sqlite3.connect(order.folder / LEDGER).execute(
        "PRAGMA journal_mode = DELETE"
    ).connection.close()
    return (order.folder / LEDGER).read_bytes()


@pytest.mark.slow
def test_fuzz_dataset_folders(order: Order) -> None:
    files = [(order.folder / name).read_bytes() for name in ("dataset.json", "metadata.parquet")]
    seeds = [bytes([i]) + data for i, data in enumerate(files)]
    allowed = (AnyresBenchError,)
    assert fuzz("datasets", seeds, lambda d: _dataset_target(d, order.folder), allowed) > 500


@pytest.mark.slow
def test_fuzz_ledgers(order: Order) -> None:
    with memory_folder() as folder:
        n = fuzz(
            "ledgers",
            [_ledger_bytes(order)],
            lambda data: _ledger_target(data, folder / "fuzzed"),
            (AnyresBenchError,),
            mutate=lambda rng, known: _other_values(rng, known, folder / "scratch"),
        )
    assert n > 500


def test_the_corpora_of_folders(order: Order, tmp_path: Path) -> None:
    allowed = (AnyresBenchError,)
    assert replay("datasets", lambda data: _dataset_target(data, order.folder), allowed)
    assert replay("ledgers", lambda data: _ledger_target(data, tmp_path / "fuzzed"), allowed)
