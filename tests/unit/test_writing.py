"""A data set is written whole or not at all: the same bytes from any number of processes and after any interruption."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from synthetic.formats import format_of
from synthetic.manifest import check_files, read_manifest
from synthetic.written.writing import write
from tests.made_up_tables import MadeUp, a_plan

TREE = Path(__file__).resolve().parents[2]
PLAIN = ("csv", "parquet")  # formats of whatever tables


def written(out, *, source=None, kind="parquet", processes=1, plan=None, tell=lambda done, of: None):
    source = source or MadeUp()
    plan = plan or a_plan(kind)
    return write(source=source, plan=plan, out=out, format=format_of(kind), processes=processes, tell=tell)


def bytes_of(out):
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("kind", PLAIN)
def test_the_bytes_are_the_same_again_and_in_two_processes(tmp_path, kind):
    for name, processes in (("a", 1), ("b", 1), ("c", 2)):
        written(tmp_path / name, kind=kind, processes=processes)
    one, again, two = (bytes_of(tmp_path / name) for name in "abc")
    assert [path for path in one if not one[path] == again.get(path) == two.get(path)] == []
    assert set(one) == set(again) == set(two)
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "c"}


def test_the_manifest_names_every_file_with_its_hash_and_rows(tmp_path):
    manifest = written(tmp_path / "out")
    assert read_manifest(tmp_path / "out") == manifest
    assert manifest.rows == {"people": 600, "events": 3000, "truth/falls": 600}
    held = bytes_of(tmp_path / "out")
    assert {file.path for file in manifest.files} == set(held) - {"manifest.json"}
    assert all(hashlib.sha256(held[file.path]).hexdigest() == file.sha256 for file in manifest.files)
    assert manifest.of_table("truth/falls")[0] == "truth/falls/synthetic-truth-falls-000.parquet"
    assert sum(pq.read_metadata(tmp_path / "out" / path).num_rows for path in manifest.of_table("events")) == 3000
    said = (tmp_path / "out/README.txt").read_text()
    assert said.startswith("These people never were.")
    assert all(each in said for each in manifest.plan.provenance.may_not)
    with pytest.raises(Invalid, match="table-unknown"):
        manifest.of_table("falls")


def test_nothing_is_overwritten(tmp_path):
    written(tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    with pytest.raises(Refusal, match="data-set-exists"):
        written(tmp_path / "out")
    assert bytes_of(tmp_path / "out") == before


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_run_goes_on_with_the_parts_that_are_there(tmp_path, processes):
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "out", source=MadeUp(fault="interrupted", at=1))
    assert not (tmp_path / "out").exists()
    kept = tmp_path / "out.unfinished/events/synthetic-events-000.parquet"
    before, told = kept.stat().st_mtime_ns, []
    written(tmp_path / "out", processes=processes, tell=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (tmp_path / "out/events" / kept.name).stat().st_mtime_ns == before
    written(tmp_path / "straight")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "straight")


def test_a_part_that_is_not_whole_is_made_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "out", source=MadeUp(fault="interrupted", at=2))
    (tmp_path / "out.unfinished/people/synthetic-people-001.parquet").write_bytes(b"PAR1")
    (tmp_path / "out.unfinished/.finished/000.json").write_bytes(b"[")
    (tmp_path / "out.unfinished/people/left-over").write_bytes(b"")
    told = []
    written(tmp_path / "out", tell=lambda done, of: told.append(done))
    written(tmp_path / "straight")
    assert told == [0, 1, 2, 3]
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "straight")


def test_a_run_that_stopped_at_the_very_end_only_takes_its_name(tmp_path, monkeypatch):
    rename = Path.rename

    def no_new_name(self, target):
        if target == tmp_path / "out":
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", no_new_name)
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path / "out", source=MadeUp(count=1), kind="csv")
    assert (tmp_path / "out.unfinished/manifest.json").exists()
    assert not (tmp_path / "out").exists()
    told = []
    written(tmp_path / "out", source=MadeUp(count=1), kind="csv", tell=lambda done, of: told.append(done))
    assert told == []
    assert read_manifest(tmp_path / "out").rows["people"] == 200


@pytest.mark.parametrize(("changes", "differing"), [({"seed": 2}, "seed"), ({"software": {"numpy": "9"}}, "software")])
def test_another_recipe_or_version_does_not_go_on_with_it(tmp_path, changes, differing):
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "out", source=MadeUp(fault="interrupted", at=1))
    with pytest.raises(Invalid, match="data-set-half-made") as caught:
        written(tmp_path / "out", plan=a_plan(**changes))
    begun, what = caught.value.faults
    assert begun == f"it was begun by: {a_plan().command}"
    assert what == f"what differs: {differing}"


def test_a_directory_that_only_looks_unfinished_is_left_alone(tmp_path):
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished/thesis.txt").write_text("mine")
    with pytest.raises(Invalid, match="data-set-half-made"):
        written(tmp_path / "out")
    assert (tmp_path / "out.unfinished/thesis.txt").read_text() == "mine"


def test_a_process_that_is_killed_is_told_and_its_parts_are_made_by_the_next_run(tmp_path):
    with pytest.raises(Unreachable, match="process-died"):
        written(tmp_path / "out", source=MadeUp(fault="killed", at=1), processes=2)
    assert not (tmp_path / "out").exists()
    written(tmp_path / "out")
    assert read_manifest(tmp_path / "out").rows["people"] == 600


SLOW = """
import signal
import sys
from pathlib import Path
from tests.made_up_tables import MadeUp
from tests.unit.test_writing import written
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
    print("started", flush=True)
    try:
        written(Path(sys.argv[1]), source=MadeUp(fault=sys.argv[2], at=1), processes=2,
                tell=lambda done, of: print(done, flush=True))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_when_the_program_is_stopped_no_process_is_left_and_two_never_write_at_once(tmp_path, sign):
    environ = {**os.environ, "PYTHONPATH": str(TREE)}
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, tmp_path / "out", "slow"], env=environ, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        while (line := program.stdout.readline().strip()) != "1":  # one part is there, the other sleeps
            assert line in ("started", "0"), line
        children = children_of(program.pid)
        assert children
        with pytest.raises(Unreachable, match="data-set-busy"):
            written(tmp_path / "out")
        program.send_signal(sign)
        assert program.wait(timeout=20) == (130 if sign == signal.SIGINT else -9)
    ended = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() and not zombie(child) for child in children):
        assert time.monotonic() < ended
        time.sleep(0.05)
    written(tmp_path / "out")


def children_of(pid):
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in listed for child in file.read_text().split()]


def zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_is_told_and_the_finished_parts_are_kept(tmp_path, kind, processes):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        with pytest.raises(Unreachable, match="data-set-no-room"):
            written(tmp_path / "out", kind=kind, processes=processes)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not (tmp_path / "out").exists()
    written(tmp_path / "out", kind=kind)
    check_files(tmp_path / "out", read_manifest(tmp_path / "out").files)


def test_a_disk_that_is_too_full_for_a_database_is_told(tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Unreachable, match="file-unwritable"):
            written(tmp_path / "out", kind="duckdb")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not (tmp_path / "out").exists()
    written(tmp_path / "out", kind="duckdb")
    assert {p.name for p in (tmp_path / "out").rglob("*") if p.is_file()} == {
        "synthetic.duckdb", "synthetic-truth.duckdb", "manifest.json", "README.txt",
    }  # fmt: skip


def test_a_disk_that_will_be_full_is_told_after_the_first_part(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(Unreachable, match="data-set-no-room") as caught:
        written(tmp_path / "out")
    assert "MB more are needed" in caught.value.detail
    assert (tmp_path / "out.unfinished/.finished/000.json").exists()
    assert not (tmp_path / "out.unfinished/.finished/001.json").exists()


def test_changed_files_and_manifests_are_found(tmp_path):
    manifest = written(tmp_path / "out")
    check_files(tmp_path / "out", manifest.files)
    victim = tmp_path / "out" / manifest.files[1].path
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    (tmp_path / "out" / manifest.files[2].path).unlink()
    with pytest.raises(Tampered, match="data-set-tampered") as caught:
        check_files(tmp_path / "out", manifest.files)
    assert caught.value.faults == (manifest.files[1].path, manifest.files[2].path)
    path = tmp_path / "out/manifest.json"
    document = json.loads(path.read_text())
    document["provenance"]["use"]["may_not"].pop()
    for content in (json.dumps(document, indent=2), "{}", "[", json.dumps({**document, "provenance": None})):
        path.write_text(content)
        with pytest.raises(Invalid, match="manifest-malformed"):
            read_manifest(tmp_path / "out")
    path.unlink()
    with pytest.raises(Unreachable, match="manifest-absent"):
        read_manifest(tmp_path / "out")
