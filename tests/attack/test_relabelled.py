"""Records that a manifest says are simulated, and are not: a part is made again, and the bytes tell."""

import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from privacy.errors import Tampered
from synthetic.manifest import NAME, Written, read_manifest
from synthetic.report.making import make_report
from synthetic.report.remade import made_again
from synthetic.written.reading import open_data_set
from tests.synthetic_people import data_set

PART = "people/synthetic-people-000.parquet"


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(data_set(), tmp_path / "people")


def relist(home, *paths, **changes):
    """Write the manifest as a forger would: with the hashes of what lies there now."""
    manifest = read_manifest(home)
    kept = [file for file in manifest.files if file.path not in paths]
    files = [*kept, *(Written.of(home, path, "people", 1500) for path in paths if (home / path).exists())]
    changed = replace(manifest, plan=replace(manifest.plan, **changes), files=tuple(sorted(files)))
    (home / NAME).write_bytes(changed.encode())


def test_one_record_in_the_place_of_a_made_up_one_is_found(copy):
    assert made_again(open_data_set(copy))  # the control
    table = pq.read_table(copy / PART)
    born = pc.add(table["birth_date"].cast("int32"), pa.scalar(1, pa.int32())).cast("date32")
    pq.write_table(table.set_column(table.schema.get_field_index("birth_date"), "birth_date", born), copy / PART)
    relist(copy, PART)
    with pytest.raises(Tampered, match="data-set-tampered") as found:
        make_report(copy)
    assert found.value.faults == (PART,)
    assert not (copy / "report.json").exists()


def test_a_part_more_than_the_recipe_has_is_found(copy):
    more = PART.replace("000", "001")
    shutil.copy(copy / PART, copy / more)
    relist(copy, more)
    with pytest.raises(Tampered, match="data-set-tampered") as found:
        made_again(open_data_set(copy))
    assert found.value.faults == (more,)


def test_what_cannot_be_made_again_is_said_not_to_be(copy):
    software = read_manifest(copy).plan.software
    relist(copy, software={**software, "numpy": "0"})
    assert make_report(copy)["made_again"] is False
    assert "not here, since another version of the software" in (copy / "report.html").read_text()
    assert all(made_again(open_data_set(data_set(each))) for each in ("csv", "contract"))  # the control
