"""Who was erased is nowhere: not in any file that the node can open, not in a copy of one, not in the log."""

import datetime
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import files as node_files
from node.assemble import open_node
from node.erasure import CERTIFICATE, certificate, erase_data, erase_person, expire, held
from node.ingest.load import ingest
from node.keys import rotate_records
from node.optouts import load_optouts
from node.people import open_key
from node.persons import recognise
from node.store import Store, Swap
from privacy.contract_file import read_contract
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.signing import PublicKey
from tests.approved import FINDER, PASSPHRASE, a_node
from tests.nodes import CONTRACT, HEADER, NOW, nhs_numbers

NUMBERS = nhs_numbers(30)
HER, OTHER = NUMBERS[4], NUMBERS[5]
RARE, RARE_AND_BAD = "Q87.4-MARFAN", "E75.2-FABRY"


def extract():
    """Return two years of everybody; hers alone have a rare ward, and one bad row with another."""
    rows = [f"{n},L,{y},50,1,{RARE if n == HER else 'W'}" for n in NUMBERS for y in (1, 2)]
    return "\n".join([HEADER, *rows, f"{HER},L,3,50,9,{RARE_AND_BAD}", f"{OTHER},L,3,50,9,X"]) + "\n"


@pytest.fixture
def node(tmp_path):
    """Return a node with three loads, two of which hold her."""
    made = a_node(tmp_path, Ed25519PrivateKey.generate(), records=extract(), people=30)
    load(made, tmp_path, extract().replace(HER, OTHER).replace(RARE, "W").replace(RARE_AND_BAD, "X"))
    load(made, tmp_path, extract())
    return made


def load(node, place, text, contract=CONTRACT):
    (place / "contract.toml").write_text(contract)
    (place / "extract.csv").write_text(text)
    return ingest(
        contract=read_contract(place / "contract.toml"),
        location=place / "extract.csv",
        store=node.store,
        keystore=node.keystore,
        optouts=node.store.optouts(),
        now=node.now(),
        allow_test_numbers=True,
    )


def keys(node):
    place = node.home.parent / "keys"
    return {name: open_key(place / f"{name}.key", PASSPHRASE, home=node.home) for name in ("ada", "ben")}


def erase(node, *numbers, reason="article 17 request 41"):
    return erase_person(node, numbers=numbers or [HER], keys=keys(node), reason=reason)


def pseudonym(node, number):
    return str(recognise([number], node.keystore, allow_test_numbers=True).pseudonyms[0])


def opened(node):
    """Return everything that the node can decrypt: each value of each column, dictionaries included."""
    texts = set()
    for row in node.database.rows("SELECT file FROM file_key"):
        path, key = node.home / "store" / row["file"], node.store.files.vault.key(row["file"])
        properties = pe.create_decryption_properties(key, aad_prefix=path.name.encode())
        with pq.ParquetFile(path, decryption_properties=properties) as file:
            table = file.read()
            texts.add(str(file.metadata) + str(file.schema))
        for column in table.columns:
            texts |= {str(value) for value in column.to_pylist()}
            for chunk in column.chunks:
                if pa.types.is_dictionary(chunk.type):
                    texts |= {str(value) for value in chunk.dictionary.to_pylist()}
    return texts


def plain(node):
    """Return every byte under the node's directory."""
    return b"".join(path.read_bytes() for path in node.home.rglob("*") if path.is_file())


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    return type(caught.value), caught.value.code


def reopened(node):
    return open_node(node.home, {}, lambda: NOW, finder=FINDER)


def test_after_an_erasure_nothing_of_her_opens(node):
    hers = {pseudonym(node, HER), RARE, RARE_AND_BAD}
    assert hers <= opened(node)  # the control: before, this search finds all of it
    assert hers & {str(v) for v in node.store.optouts().allowed}
    erase(node)
    assert not hers & opened(node)
    assert pseudonym(node, OTHER) in opened(node)
    assert pseudonym(node, HER) not in node.store.optouts().allowed
    node.verify()
    reopened(node).verify()


def test_only_her_rows_went(node):
    names = ["year", "age", "sex", "ward"]

    def rows():
        tables = [node.store.read(v, names) for v in node.store.versions("visits")]
        return [[row for row in table.to_pylist() if row["person"] != pseudonym(node, HER)] for table in tables]

    before, other = rows(), [node.store.read_quarantine(v).num_rows for v in node.store.versions("visits")]
    erase(node)
    assert rows() == before
    assert [node.store.read_quarantine(v).num_rows for v in node.store.versions("visits")] == [
        other[0] - 1,
        other[1],
        other[2] - 1,
    ]


def test_a_file_of_many_parts_loses_her_rows_wherever_they_are_and_never_lies_in_memory_whole(node, monkeypatch):
    for version in node.store.versions("visits"):
        whole = node.store.read_whole(version, "records")
        rows = [whole.slice(i, 1) for i in range(whole.num_rows)]  # each a row group of its own
        node.store.change("records-rewritten", {}, lambda v=version, r=rows: [Swap(v, "records", r)], now=NOW)
        parts = list(node.store.parts(version, "records"))
        assert [part.num_rows for part in parts] == [1] * whole.num_rows
        assert [row for part in parts for row in part.to_pylist()] == whole.to_pylist()
    with monkeypatch.context() as patched:
        patched.delattr(Store, "read_whole")
        erase(node)
        rotate_records(node, rewrite=True)
    assert not {pseudonym(node, HER), RARE, RARE_AND_BAD} & opened(node)
    assert pseudonym(node, OTHER) in opened(node)
    reopened(node).verify()


def test_a_copy_of_an_old_file_opens_with_nothing_that_is_left(node):
    version = node.store.versions("visits")[0]
    (row,) = node.database.rows("SELECT wrapped FROM file_key WHERE file = ?", [version.file])
    assert row["wrapped"] in plain(node)  # the control: the key is found as long as it is there
    shutil.copy(node.home / "store" / version.file, node.home.parent / version.file)
    erase(node)
    assert not (node.home / "store" / version.file).exists()
    assert row["wrapped"] not in plain(node)
    assert code_of(lambda: node.store.files.vault.key(version.file)) == (Tampered, "store-tampered")


def test_the_leaf_proves_it_and_tells_nothing_about_whom(node):
    version = node.store.versions("visits")[0]
    before = node.store.files.sha256(version.file)
    leaf = erase(node)
    proof = certificate(node, leaf)
    changed = {(f.get("version"), f["kind"]) for f in proof["facts"]["files"]}
    assert changed == {(1, "records"), (1, "quarantine"), (3, "records"), (3, "quarantine"), (None, "optouts")}
    assert proof["facts"]["files"][0]["before"] == before
    assert proof["facts"]["files"][0]["after"] == node.store.files.sha256(node.store.versions("visits")[0].file)
    assert set(proof["facts"]["signed_by"]) == {"ada", "ben"}
    assert not any(text in json.dumps(proof) for text in (HER, pseudonym(node, HER), RARE))
    signature = proof.pop("signature")
    PublicKey.of(node.key).verify(CERTIFICATE, proof, signature)
    with pytest.raises(Tampered):
        PublicKey.of(node.key).verify(CERTIFICATE, {**proof, "at": "2020-01-01"}, signature)
    assert code_of(lambda: certificate(node, 0)) == (Refusal, "leaf-unknown")


def test_nothing_to_erase_is_a_proof_too(node):
    erase(node)
    events = len(node.audit.events())
    leaf = erase(node)
    assert certificate(node, leaf)["facts"]["files"] == []
    assert len(node.audit.events()) == events + 1
    node.verify()


def test_several_at_once(node):
    erase(node, HER, OTHER)
    assert not {pseudonym(node, HER), pseudonym(node, OTHER)} & opened(node)


def test_what_was_spent_stays_spent(node):
    before = node.ledger.accounts()
    erase(node)
    assert node.ledger.accounts() == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"numbers": []}, (Invalid, "number-wrong")),
        ({"numbers": [HER, "123"]}, (Invalid, "number-wrong")),
        ({"reason": " "}, (Refusal, "purpose-absent")),
        ({"reason": f"asked by {HER[:3]} {HER[3:6]} {HER[6:]}"}, (Refusal, "reason-identifying")),
        ({"keys": 1}, (Refusal, "same-person-twice")),
        ({"keys": 0}, (Refusal, "same-person-twice")),
    ],
)
def test_a_wrong_request_erases_nothing_and_never_shows_the_number(node, change, expected):
    before = plain(node)
    given = {"numbers": [HER], "keys": 2, "reason": "request 41", **change}
    given["keys"] = dict(list(keys(node).items())[: given["keys"]])
    with pytest.raises(HedgerowError) as caught:
        erase_person(node, **given)
    assert (type(caught.value), caught.value.code) == expected
    assert HER not in str(caught.value) + " ".join(caught.value.faults)
    assert plain(node) == before


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("step", ["first file", "last file", "commit", "after"])
def test_a_crash_leaves_the_old_state_or_the_new_and_it_goes_on(node, monkeypatch, step):
    her = pseudonym(node, HER)
    real, calls = node_files.seal, []

    def seal(*arguments, **named):
        calls.append(1)
        if len(calls) == (1 if step == "first file" else 5):
            raise PowerCutError
        real(*arguments, **named)

    def cut(*_arguments, **_named):
        raise PowerCutError

    if step.endswith("file"):
        monkeypatch.setattr(node_files, "seal", seal)
    elif step == "commit":
        monkeypatch.setattr(node.audit, "append", cut)
    else:
        monkeypatch.setattr(node.database, "scrub", cut)
    monkeypatch.setattr(node.store.files, "unlink_unrecorded", lambda: None)  # a crash cleans nothing up
    with pytest.raises(PowerCutError):
        erase(node)
    monkeypatch.undo()
    again = reopened(node)
    assert (her in opened(again)) == (step != "after")
    again.verify()
    erase(again)
    assert her not in opened(again)
    recorded = {row["file"] for row in again.database.rows("SELECT file FROM file_key")}
    assert {p.name for p in (again.home / "store").iterdir()} == recorded | {node_files.LOCK}
    again.verify()


def test_an_erased_file_that_is_put_back_is_found(node):
    version = node.store.versions("visits")[0]
    content = (node.home / "store" / version.file).read_bytes()
    row = tuple(node.database.one("SELECT * FROM file_key WHERE file = ?", [version.file]))
    erase(node)
    (node.home / "store" / version.file).write_bytes(content)
    with node.database.transaction() as connection:
        connection.execute("UPDATE data_version SET file = ? WHERE version = 1", [version.file])
        connection.execute("INSERT INTO file_key VALUES (?, ?, ?)", row)
    assert code_of(node.verify) == (Tampered, "store-tampered")


# Data sets and versions


def test_a_version_is_erased_and_its_number_is_never_given_again(node, tmp_path):
    leaf = erase_data(node, name="visits@3", keys=keys(node), reason="no legal basis")
    assert [v.version for v in node.store.versions("visits")] == [1, 2]
    assert [f["kind"] for f in certificate(node, leaf)["facts"]["files"]] == ["records", "quarantine"]
    node.verify()
    assert load(node, tmp_path, extract()).version.version == 4
    node.verify()


def test_a_whole_data_set_is_erased_and_no_study_pays_for_that(node, tmp_path):
    erase_data(node, name="visits", keys=keys(node), reason="agreement ended")
    assert node.store.versions("visits") == []
    assert not {RARE, RARE_AND_BAD} & opened(node)
    assert code_of(lambda: erase_data(node, name="visits", keys=keys(node), reason="again")) == (
        Refusal,
        "data-set-unknown",
    )
    node.verify()
    assert load(node, tmp_path, extract()).version.version == 4


@pytest.mark.parametrize("count", [0, 1])
def test_two_people_sign_for_a_data_set_too(node, count):
    signers = dict(list(keys(node).items())[:count])
    assert code_of(lambda: erase_data(node, name="visits", keys=signers, reason="x"))[1] == "same-person-twice"
    assert len(node.store.versions("visits")) == 3


# Retention


def keeping(**fields):
    lines = "".join(f"{name} = {value}\n" for name, value in fields.items())
    return CONTRACT.replace("version = 1\n", f"version = 2\n{lines}", 1)


def test_only_as_many_versions_are_kept_as_the_contract_says(node, tmp_path):
    assert expire(node) == []
    load(node, tmp_path, extract(), keeping(keep_versions=2))
    assert [h.until is None for h in held(node.store, NOW)] == [False, False, True, True]
    assert expire(node) == ["visits@1", "visits@2"]
    assert expire(node) == []
    assert [v.version for v in node.store.versions("visits")] == [3, 4]
    last = node.audit.events()[-1]
    assert (last["event"], last["facts"]["reason"]) == ("data-erased", "retention")
    node.verify()


def test_records_go_on_the_day_that_the_contract_says(node, tmp_path):
    load(node, tmp_path, extract(), keeping(keep_days=30))
    assert {h.until for h in held(node.store, NOW)} == {NOW + datetime.timedelta(days=30)}
    assert expire(node) == []
    later = open_node(node.home, {}, lambda: NOW + datetime.timedelta(days=30), finder=FINDER)
    assert len(expire(later)) == 4
    assert later.store.all() == []
    later.verify()


def test_an_opt_out_list_that_is_loaded_later_is_a_list_again(node, tmp_path):
    erase(node)
    (tmp_path / "list.txt").write_text("\n".join(NUMBERS[:10]))
    data = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    load_optouts(file=tmp_path / "list.txt", as_of=NOW.date(), **data)
    node.verify()
