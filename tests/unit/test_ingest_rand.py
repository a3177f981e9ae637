"""Real records: the RAND Health Insurance Experiment goes through the load and comes out as it went in."""

from pathlib import Path

import pandas as pd
import pytest
import statsmodels.datasets.randhie

from node.persons import recognise
from tests.nodes import CONTRACT, NodeData, nhs_numbers

RAND = Path(statsmodels.datasets.randhie.__file__).parent / "src" / "randhie.csv"
MAY_BE_MISSING = ("educdec", "ghindx", "mdeoff", "pioff", "lnmeddol")


def rand_contract(frame):
    head = CONTRACT[: CONTRACT.index("[columns.local_id]")].replace("bad_rows_at_most = 0.5", "bad_rows_at_most = 0.01")
    tables = ['[columns.zper]\nkind = "direct-identifier"\ntype = "text"\ntreatment = "drop"']
    for name in frame.columns.drop(["zper", "nhs_number"]):
        numbers = pd.to_numeric(frame[name])
        kind = "integer" if (numbers.dropna() % 1 == 0).all() else "number"
        missing = "\nmay_be_missing = true" if name in MAY_BE_MISSING else ""
        bounds = f"low = {int(numbers.min()) - 1}\nhigh = {int(numbers.max()) + 1}"
        tables.append(f'[columns.{name}]\nkind = "measure"\ntype = "{kind}"\n{bounds}{missing}')
    return head + "\n\n".join(tables)


def test_the_rand_health_insurance_experiment_loads_whole(tmp_path):
    frame = pd.read_csv(RAND, dtype=str, keep_default_na=False)
    people = frame["zper"].unique()
    number_of = dict(zip(people, nhs_numbers(len(people)), strict=True))
    frame.insert(0, "nhs_number", frame["zper"].map(number_of))
    node = NodeData(tmp_path)
    node.allow(list(number_of.values()))
    contract = rand_contract(frame.replace("", None))
    report = node.load(frame.to_csv(index=False), contract)
    assert (report.rows_read, report.rows_kept, report.people_kept, report.findings) == (20_190, 20_190, 5_912, ())
    columns = list(frame.columns.drop(["zper", "nhs_number"]))
    table = node.store.read(report.version, columns).to_pandas()
    assert abs(table.groupby("person")["held_back"].first().mean() - 0.25) < 0.03
    assert {name for name in columns if table[name].isna().any()} == set(MAY_BE_MISSING)
    frame["person"] = frame["zper"].map(dict(zip(people, recognised(node, number_of), strict=True)))
    expected = frame.assign(year=frame["year"].astype(int)).sort_values(["person", "year"])
    for name in columns:
        assert pd.to_numeric(expected[name]).astype(float).to_numpy() == pytest.approx(
            table[name].astype(float).to_numpy(), nan_ok=True, abs=0
        )


def recognised(node, number_of):
    return recognise(list(number_of.values()), node.keystore, allow_test_numbers=True).pseudonyms
