"""A load that is cut short, by its source, its keys, its disk or kill -9: the store is as before, or as after."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node.ingest import load
from node.optouts import current_optouts
from privacy.contract_file import read_contract
from privacy.errors import HedgerowError
from tests.laden import EVENTS_HEADER, NUMBERS, TREE, Laden, event_row, events_file, people_file

ROWS = 400
EXTRACT = events_file([event_row(i) for i in range(ROWS)])
KILLED = [sys.executable, "-P", str(TREE / "tests/attack/killed_load.py")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Laden.made(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def node(whole, tmp_path):
    return whole.copy(tmp_path)


@pytest.fixture(autouse=True)
def _in_step(monkeypatch):
    """Read no batch ahead: a source this small would be read whole before anything happens to it."""
    monkeypatch.setattr(load, "ahead", iter)


def load_watched(node, source, tell):
    """Load events; ``tell`` is called in the midst of it."""
    opened = node.node()
    try:
        return load.ingest(
            contract=read_contract(node.place / "events.toml"),
            location=source,
            store=opened.store,
            keystore=opened.keystore,
            optouts=current_optouts(opened.store, now=opened.now(), at_most_days=30),
            now=opened.now(),
            allow_test_numbers=True,
            tell=tell,
        )
    finally:
        opened.database.close()


def code_of(act, *arguments):
    with pytest.raises(HedgerowError) as caught:
        act(*arguments)
    assert not any(number in str(caught.value) for number in NUMBERS)
    return caught.value.code


def loaded_after(node, before):
    """Say whether the load that was cut short counts; whichever, what was there is there, and nothing lies about."""
    after = node.seen()  # reading everything, and holding it against the log
    if after == before:
        return False
    assert after.holds(before)
    assert [after.records[name][0] for name in set(after.records) - set(before.records)] == [ROWS]
    assert len(after.files) == len(before.files) + 2  # records and quarantine: no scratch file is left
    return True


def parts(place: Path) -> Path:
    """Write the events as three Parquet files."""
    folder = place / "parts"
    folder.mkdir()
    cells = [row.split(",") for row in EXTRACT.splitlines()[1:]]
    for part in range(3):
        own = zip(EVENTS_HEADER.split(","), zip(*cells[part::3], strict=True), strict=True)
        pq.write_table(pa.table({name: list(column) for name, column in own}), folder / f"part-{part}.parquet")
    return folder


@pytest.mark.parametrize("fate", ["cut", "grown", "gone"])
def test_a_file_that_changes_under_the_reader_changes_nothing(node, fate):
    before, source = node.seen(), node.write("more.csv", EXTRACT)

    def act(_rows):
        if fate == "gone":
            source.unlink(missing_ok=True)
        else:
            source.write_text(EXTRACT[: len(EXTRACT) // 2] if fate == "cut" else EXTRACT + "\n")

    assert code_of(load_watched, node, source, act) == "file-changed"
    assert not loaded_after(node, before)


def test_a_pipe_that_somebody_stops_filling_is_refused_and_not_waited_for(node):
    before, pipe = node.seen(), node.place / "events.pipe"
    os.mkfifo(pipe)
    assert node.load("events", pipe).code == "file-unreadable"
    assert not loaded_after(node, before)


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("fate", ["gone", "grown", "another"])
def test_a_part_that_vanishes_or_changes_under_the_reader_changes_nothing(node, part, fate):
    before, folder, done = node.seen(), parts(node.place), []
    path = folder / f"part-{part}.parquet"

    def act(_rows):
        if done:
            return
        done.append(True)
        if fate == "gone":
            path.unlink()
        elif fate == "grown":
            with path.open("ab") as file:
                file.write(b"more")
        else:
            shutil.copy2(folder / "part-1.parquet", folder / "new")
            (folder / "new").replace(path)

    assert code_of(load_watched, node, folder, act) in {"file-changed", "parquet-malformed"}
    assert done
    assert not loaded_after(node, before)


def test_a_part_that_is_gone_before_it_is_opened_is_an_error_of_the_catalogue(node):
    before, folder = node.seen(), parts(node.place)
    for path in folder.iterdir():
        path.unlink()
    assert node.load("events", folder).code == "file-unreadable"
    assert not loaded_after(node, before)


def renamed(_key, keystore):
    keystore.write_text(keystore.read_text().replace("pseudonym@1", "pseudonym@0"))


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (lambda key, _: key.unlink(), "wrapping-key-absent"),
        (lambda key, _: key.write_bytes(os.urandom(len(key.read_bytes()))), "wrapping-key-wrong"),
        (lambda key, _: key.write_bytes(b""), "wrapping-key-wrong"),
        (lambda _, keystore: keystore.unlink(), "keystore-absent"),
        (renamed, "keystore-tampered"),
    ],
    ids=["missing", "wrong", "empty", "no keystore", "a key of another name"],
)
def test_a_key_that_is_missing_or_wrong_stops_a_load_before_it_begins(node, break_it, code):
    before = node.seen()
    key, store = node.place / "node.wrapping-key", node.home / "keystore.json"
    kept = {path: path.read_bytes() for path in (key, store)}
    break_it(key, store)
    done = node.load("events", node.write("more.csv", EXTRACT))
    for path, content in kept.items():
        path.write_bytes(content)
        path.chmod(0o600)
    assert (done.code, done.status in {3, 4, 5, 6}) == (code, True), done.err
    assert not loaded_after(node, before)


@pytest.mark.parametrize(
    "words",
    [
        ("key", "rotate", "records"),
        ("key", "rotate", "records", "--rewrite"),
        ("key", "rotate", "wrapping", "--new-file", "wrapping-2"),
    ],
    ids=["records", "rewrite", "wrapping"],
)
def test_a_key_rotated_in_the_midst_of_a_load_leaves_every_file_readable(node, words):
    before, said = node.seen(), []

    def rotate(_rows):
        if not said:
            said.append(node.run(*words))

    source = node.write("more.csv", EXTRACT)
    with contextlib.suppress(HedgerowError):  # another wrapping key: the load cannot end, and says so
        load_watched(node, source, rotate)
    assert said[0].status in {0, 4}, said[0].err
    assert before.records.items() <= node.seen().records.items()
    again = node.load("events", source)
    assert again.status == 0, again.err


INGEST = [sys.executable, "-P", "-c", "from node.command import main; main()", "ingest", "events.toml", "more.csv"]
FULL = {"store-unwritable", "state-unwritable", "disk-full"}


def test_pseudonyms_are_not_renamed_under_a_load_nor_loaded_under_two_keys(tmp_path):
    """Rotation is refused while a load is at work; after it everybody has one name in all data sets."""
    node, said = Laden.made(tmp_path, reversible_pseudonyms=True), []
    words = ["key", "rotate", "pseudonym"]
    for person in ("ada", "ben"):
        words += ["--signed-by", f"{person}={node.place / 'keys' / person}.key"]

    def rotate(_rows):
        if not said:
            said.append(node.run(*words))

    load_watched(node, node.write("more.csv", EXTRACT), rotate)
    assert said[0].err.startswith("store-busy"), said[0].err
    opened = node.node()
    people, events = (
        set(opened.store.read(opened.store.latest(name), ["person"])["person"].to_pylist())
        for name in ("people", "events")
    )
    opened.database.close()
    assert events <= people


def test_while_a_load_is_at_work_others_are_read_and_a_second_load_is_told_to_wait(node):
    before, said = node.seen(), []

    def look(_rows):
        said.append(node.run("quality", "show", "people"))
        said.append(node.load("people", node.write("people.csv", people_file())))

    load_watched(node, node.write("more.csv", EXTRACT), look)
    reading, loading = said
    assert reading.status == 0, reading.err
    assert loading.code == "store-busy"
    assert loaded_after(node, before)


@pytest.mark.parametrize("limit", [0, 1000, 4000, 9000, 14_000])
def test_a_disk_that_takes_no_more_changes_nothing(node, limit):
    """No file may grow beyond a size: what a full disk does, without root. The test below fills a real one."""
    node.write("more.csv", EXTRACT)
    before, options = node.seen(), {"cwd": node.place, "env": node.environ(), "capture_output": True, "text": True}
    small = ["prlimit", f"--fsize={limit}", *INGEST, "--json"]
    done = subprocess.run(small, check=False, **options)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["code"] in FULL
    assert not loaded_after(node, before)
    assert node.load("events", "more.csv").status == 0


@pytest.mark.services
@pytest.mark.parametrize("left", [0, 8192, 20_480])
def test_a_full_disk_changes_nothing_and_with_space_again_the_load_goes_through(whole, tmp_path, left):
    assert os.geteuid() == 0, "needs root, to mount a small file system that nobody else sees"
    disk, python = tmp_path / "disk", f"{sys.executable} -P -c"
    disk.mkdir()
    whole.write("more.csv", EXTRACT)
    laden = "from pathlib import Path; from tests.laden import Laden;"
    see = f"{python} '{laden} print(Laden(Path(\"{disk}\")).seen())'"
    load = f"cd {disk}; HEDGEROW_NODE_HOME={disk}/node {shlex.join(INGEST)} --json"
    script = [
        f"mount -t tmpfs -o size=4m,mode=0700 tmpfs {disk}",
        f'{python} \'{laden} Laden(Path("{whole.place}")).copy(Path("{disk}"))\'',
        see,
        f"dd if=/dev/zero of={disk}/ballast bs=4096 2>/dev/null || true",
        f"truncate -s -{left} {disk}/ballast",
        f"({load} 2>&1 >/dev/null || true) | tail -1",
        f"rm {disk}/ballast",
        see,
        f"{load} 2>/dev/null | tr -d '\\n'",
    ]
    words = ["unshare", "-m", "bash", "-c", "\n".join(["set -e", *script])]
    done = subprocess.run(words, env=whole.environ(), cwd=TREE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    before, said, after, loaded = done.stdout.splitlines()
    assert json.loads(said)["code"] in FULL
    assert before == after
    assert json.loads(loaded)["rows_kept"] == ROWS


def killed(node, at):
    """Run a load that kills itself at a touch of the node's files; return whether it lived, and its touches."""
    options = {"cwd": node.place, "env": node.environ(), "capture_output": True, "text": True}
    done = subprocess.run([*KILLED, str(at)], check=False, **options)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode == 0, done.stdout.splitlines()


def test_kill_9_at_any_moment_leaves_the_store_as_before_or_as_after(whole, tmp_path):
    first = whole.copy(tmp_path / "first")
    first.seen()  # opened once before, as the others
    first.write("more.csv", EXTRACT)
    finished, touches = killed(first, 0)
    assert finished
    assert any("scratch" in touch for touch in touches)
    commit = len(touches) - touches[::-1].index("before a commit")
    fates = []
    for at in sorted({1, commit // 3, commit // 2, 3 * commit // 4, commit - 1, commit, commit + 1}):
        node = whole.copy(tmp_path / str(at))
        before = node.seen()
        node.write("more.csv", EXTRACT)
        assert not killed(node, at)[0]
        fates.append(loaded_after(node, before))
        assert node.load("events", "more.csv").status == 0
    assert fates == sorted(fates)  # from some moment on it counts
    assert (fates[0], fates[-1]) == (False, True)


def test_kill_9_of_one_load_leaves_the_other_data_set_open_to_read_and_load(node):
    node.write("more.csv", EXTRACT)
    killed(node, 4)
    assert node.load("people", node.write("people.csv", people_file())).status == 0
