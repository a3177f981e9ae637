"""``hedgerow-node synthetic report``: made-up data against the real people of a node, through the inner door."""

import json
import os
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from node.command import synthetics
from node.command.menu import app
from node.ingest.load import ingest
from node.optouts import current_optouts
from node.people import open_key
from node.synthetic_report import report
from privacy.contract_file import read_contract
from privacy.errors import HedgerowError
from privacy.study import from_document
from synthetic.formats import format_of
from synthetic.judged.keyed import Keyed
from synthetic.manifest import Plan
from synthetic.provenance import Fitted, PublicPriors
from synthetic.written.writing import write
from tests.approved import PASSPHRASE, a_node, document
from tests.keyed_people import CODES, EDGES, RAND, bootstrap, chained, rand_people
from tests.nodes import HEADER, NOW, nhs_numbers
from tests.unit.test_ingest_rand import rand_contract

NAMES = (*EDGES, *CODES)


@dataclass(frozen=True)
class Drawn:
    """A fitted data set of one table, its bands as numbers within them and its codes as they are."""

    keyed: object
    name: str = "people"
    schema: pa.Schema = field(default_factory=lambda: pa.schema([(n, pa.float64()) for n in NAMES]))

    def schemas(self):
        return {self.name: self.schema}

    def parts(self):
        return 1

    def part(self, _):
        columns = []
        for j, name in enumerate(NAMES):
            place = self.keyed.places[:, j]
            if name in CODES:
                columns.append(pa.array(place.astype(float)))
                continue
            within = np.append([EDGES[name][0] - 0.5], np.array(EDGES[name]) + 0.01)
            missing = place == len(within)
            columns.append(pa.array(within[np.where(missing, 0, place)], mask=missing))
        yield self.name, pa.record_batch(columns, schema=self.schema)


def written(out, keyed, provenance, *, step="heads"):
    tables = {"people": dict.fromkeys(NAMES, "number")}
    software = {"hedgerow": "0", "package": "0", "numpy": "0", "pyarrow": "0"}
    plan = Plan(provenance, "by hand", 1, {"step": step}, "parquet", tables, software)
    write(source=Drawn(keyed), plan=plan, out=out, format=format_of("parquet"), processes=1, tell=lambda *_: None)
    return out


def variables(contract):
    """Return the study's bands, within the contract's bounds."""
    columns = {c.name: c for c in contract.columns}
    edges = {**EDGES, **{name: [0.5] for name in CODES}}
    return [
        {"name": n, "column": n, "transform": "band", "low": columns[n].low, "high": columns[n].high,
         "edges": list(map(float, e))}
        for n, e in edges.items()
    ]  # fmt: skip


@dataclass(frozen=True)
class Place:
    node: object
    home: object
    study: object
    used: object  # the very people whom the node did not hold back

    def key(self, person="ada"):
        return open_key(self.home / "keys" / f"{person}.key", PASSPHRASE, home=self.node.home)

    def report(self, data, out="report.html", **changes):
        given = {"person": "ada", "key": self.key(), "purpose": "may they go to the hackathon", **changes}
        return report(self.node, data, out=self.home / out, **given)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A node with one row of each person of the RAND experiment, and a study of their margins."""
    home = tmp_path_factory.mktemp("node")
    frame = pd.read_csv(RAND, dtype=str, keep_default_na=False).groupby("zper", as_index=False).last()
    numbers = nhs_numbers(len(frame))
    frame.insert(0, "nhs_number", numbers)
    node = a_node(home, Ed25519PrivateKey.generate(), people=len(frame), records=f"{HEADER}\n{numbers[0]},L,1,50,0,W")
    contract, extract = home / "rand.toml", home / "rand.csv"
    text = rand_contract(frame.replace("", None)).replace('name = "visits"', 'name = "rand"')
    contract.write_text(text.replace("[columns.income]", '[columns.income]\nrole = "deprivation"'))
    frame.to_csv(extract, index=False)
    agreed, optouts = read_contract(contract), current_optouts(node.store, now=NOW, at_most_days=90)
    data = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    ingest(contract=agreed, location=extract, optouts=optouts, **data)
    study = a_study(node, agreed, "training")
    rows = node.store.read(node.store.latest("rand"), list(NAMES)).to_pandas()
    used = Keyed.of(rand_people().attributes, keyed(rows[~rows["held_back"]]))
    yield Place(node, home, study, used)
    node.database.close()


def a_study(node, contract, people):
    others = ("1" * 40, "2" * 40, "3" * 40)
    told = document(node, others, use="marginals", data_set="rand", name=f"margins-{people}",
                    variables=variables(contract), parameters={"by": list(NAMES)})  # fmt: skip
    told["steps"][0]["people"] = people
    if people == "training":
        told["steps"].append({**told["steps"][0], "name": "all-of-them", "people": "everyone"})
    study = from_document(told)
    node.governance.receive(study.document(), now=NOW)
    return study


def keyed(frame):
    """Return the places of rows by hand, a value at a time: band edges belong to the band above."""
    columns = []
    for name in NAMES:
        edges = EDGES.get(name, [0.5])
        value = frame[name].astype(float)
        columns.append([len(edges) + 1 if np.isnan(v) else sum(v >= e for e in edges) for v in value])
    return np.array(columns).T


def fitted(study):
    return Fitted(study.hash, ("a receipt",), 1.0, 1.0, 1e-6, "c" * 40)


def test_data_of_an_honest_model_pass_and_a_bootstrap_of_this_nodes_rows_does_not(place):
    honest = written(place.home / "honest", chained(place.used, 4000, seed=1), fitted(place.study))
    found, twin = place.report(honest)
    assert found["verdict"] == "passes"
    assert json.loads(twin.read_text()) == found
    assert [g["attribute"] for g in found["groups"]] == ["income"] * len(found["groups"]) != []
    assert sum(found["people"].values()) == len(rand_people())
    assert found["people"]["used"] == len(place.used)
    for path in (twin, place.home / "report.html"):
        assert path.stat().st_mode & 0o077 == 0
    leaf = [e for e in place.node.audit.events() if e["event"] == "inside"][-1]["facts"]
    assert (leaf["action"], leaf["data"], leaf["model"]) == ("synthetic", "rand@1", found["manifest"])

    copied = written(place.home / "copied", bootstrap(place.used, 4000, seed=2), fitted(place.study))
    found, _ = place.report(copied, "copied.html")
    assert found["verdict"] == "fails"
    copies = next(a for a in found["attacks"] if a["attack"] == "copies")
    assert copies["data"]["advantage"] > 0.8  # so rows and records meet in the same keys


def test_what_cannot_be_judged_is_refused_before_anything_is_read_or_logged(place):
    data = chained(place.used, 100, seed=1)
    logged = len(list(place.node.audit.events()))

    def code(path, **more):
        with pytest.raises(HedgerowError) as refused:
            place.report(path, more.pop("out", "refused.html"), **more)
        return refused.value.code

    everyone = a_study(place.node, place.node.store.latest("rand").contract, "everyone")
    logged = len(list(place.node.audit.events()))
    assert code(written(place.home / "all", data, fitted(everyone))) == "synthetic-nobody-held-back"
    other_step = written(place.home / "other-step", data, fitted(place.study), step="all-of-them")
    assert code(other_step) == "synthetic-nobody-held-back"
    assert code(written(place.home / "no-step", data, fitted(place.study), step="")) == "synthetic-not-fitted"
    assert code(written(place.home / "priors", data, PublicPriors("0" * 64))) == "synthetic-not-fitted"
    unknown = Fitted("sha256:" + "0" * 64, ("r",), 1.0, 1.0, 1e-6, "c" * 40)
    assert code(written(place.home / "unknown", data, unknown)) == "study-unknown"
    good = written(place.home / "good", data, fitted(place.study))
    assert code(good, out=place.node.home / "inside.html") == "out-inside-home"
    assert code(good, purpose=" ") == "purpose-absent"
    assert code(good, person="ben") == "person-key-wrong"
    assert code(place.home) == "manifest-absent"
    next(good.glob("**/*.parquet")).write_bytes(b"other rows")
    assert code(good) == "data-set-tampered"
    assert len(list(place.node.audit.events())) == logged


def test_the_command_shows_each_attack_and_keeps_figures_out_of_stderr(place, monkeypatch):
    monkeypatch.setattr(synthetics, "opened", lambda _: place.node)  # the clock of this node is that of the tests
    data = written(place.home / "typed", chained(place.used, 50, seed=4), fitted(place.study))
    (place.home / "passphrase").write_text(PASSPHRASE)
    typed = ["synthetic", "report", str(data), "--as", "ada", "--key", str(place.home / "keys" / "ada.key"),
             "--purpose", "a test", "--out", str(place.home / "typed.html"),
             "--passphrase-file", str(place.home / "passphrase")]  # fmt: skip
    told = CliRunner().invoke(app, typed, env={**os.environ, "HEDGEROW_NODE_HOME": str(place.node.home)})
    assert told.exit_code == 0, told.output
    assert "closeness" in told.stdout
    assert "never leave" in told.stderr
    assert "closeness" not in told.stderr
