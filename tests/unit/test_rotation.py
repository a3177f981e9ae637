"""A rotation of the pseudonyms' key names everybody anew, all at once or not at all, and mixes nothing."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from node import epochs, rotation, sharding, translation
from node.assemble import open_node
from node.clock import stamp
from node.erasure import erase_person
from node.ingest.load import ingest
from node.linkage.tables import LinkageVersion, Links
from node.optouts import current_optouts, load_optouts
from node.people import open_key
from node.persons import recognise, tag_in_force
from node.policy import policy_of
from node.rotation import rotate_pseudonyms
from privacy.contract_file import read_contract
from privacy.errors import HedgerowError, Refusal, Tampered, Unreachable
from privacy.pseudonyms import Tag
from tests.approved import FINDER, PASSPHRASE, a_node
from tests.nodes import NOW, nhs_numbers


class PowerCutError(Exception):
    pass


@pytest.fixture
def node(tmp_path, hub):
    """A node of reversible pseudonyms, loaded under them."""
    return reversible(a_node(tmp_path, hub), tmp_path)


@pytest.fixture
def hub():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def reversible(node, tmp_path, *, on=True):
    document = {**node.policy.document(), "reversible_pseudonyms": on}
    node.policies.accept(policy_of(document), signers(node), now=stamp(NOW))
    rotate_pseudonyms(node, keys=signers(node), erase_records=True)
    load(node, tmp_path)
    return node


def load(node, tmp_path, **more):
    data = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    optouts = load_optouts(file=tmp_path / "allowed.txt", as_of=NOW.date(), **data)
    contract, extract = read_contract(tmp_path / "contract.toml"), tmp_path / "extract.csv"
    return ingest(contract=contract, location=extract, optouts=optouts, **data, **more)


def signers(node):
    keys = node.home.parent / "keys"
    return {name: open_key(keys / f"{name}.key", PASSPHRASE, home=node.home) for name in ("ada", "ben")}


def reopened(node):
    return open_node(node.home, {}, lambda: NOW, finder=FINDER)


def everything(node):
    """Return what is stored, by NHS number, and which pseudonyms there are."""
    people = {n: recognise([n], node.keystore, allow_test_numbers=True).pseudonyms[0] for n in nhs_numbers(150)}
    by_name = {name: number for number, name in people.items()}
    rows, names = [], set()
    for version in node.store.all():
        for kind in ("records", "quarantine"):
            table = node.store.read_whole(version, kind)
            persons = table["person"].to_pylist()
            names |= {p for p in persons if p}
            values = [tuple(row.values()) for row in table.drop_columns(["person"]).to_pylist()]
            rows += sorted((version.name, kind, by_name[p], v) for p, v in zip(persons, values, strict=True) if p)
            if kind == "records":
                assert persons == sorted(persons)
    allowed = node.store.optouts().allowed.tolist()
    return rows, sorted(by_name[p] for p in allowed), {p.partition(".")[0] for p in [*names, *allowed]}


def code_of(act):
    with pytest.raises(HedgerowError) as told:
        act()
    return type(told.value), told.value.code


def test_everybody_is_named_anew_and_nothing_else_changes(node):
    rows, allowed, tags = everything(node)
    assert tags == {"r2"}
    assert rotate_pseudonyms(node, keys=signers(node)) == Tag("r", 3)
    again = reopened(node)
    assert everything(again) == (rows, allowed, {"r3"})
    assert [k for k in again.keystore.key_ids if k.startswith(("pseudonym", "reversible"))] == ["reversible@3"]
    again.verify()
    assert (
        current_optouts(again.store, now=NOW, at_most_days=7)
        .keep(again.store.read(again.store.latest("visits"), [])["person"].to_numpy().astype(str))
        .all()
    )


def test_many_rows_are_written_anew_part_by_part(node, monkeypatch):
    rows, allowed, _ = everything(node)
    monkeypatch.setattr(translation, "ROWS_IN_MEMORY", 70)
    monkeypatch.setattr(sharding, "ROWS_A_SHARD", 40)
    rotate_pseudonyms(node, keys=signers(node))
    assert everything(reopened(node)) == (rows, allowed, {"r3"})
    shards = list(node.store.people(node.store.latest("visits"), ["age"], shards=7))
    assert sum(table.num_rows for table in shards) == 300
    assert sum(len(pc.unique(table["person"].cast(pa.string()))) for table in shards) == 150


def test_a_version_without_rows_is_translated_too(node):
    erase_person(node, numbers=nhs_numbers(150), keys=signers(node), reason="request 5")
    rotate_pseudonyms(node, keys=signers(node))
    assert reopened(node).store.read(node.store.latest("visits"), []).num_rows == 0


def test_reversible_ones_can_become_irreversible_for_good(node):
    rows, allowed, _ = everything(node)
    document = {**node.policy.document(), "reversible_pseudonyms": False}
    node.policies.accept(policy_of(document), signers(node), now=stamp(NOW))
    assert rotate_pseudonyms(node, keys=signers(node)) == Tag("k", 3)
    assert everything(reopened(node)) == (rows, allowed, {"k3"})
    assert code_of(lambda: rotate_pseudonyms(node, keys=signers(node))) == (Refusal, "pseudonyms-irreversible")


def test_irreversible_ones_stay_or_go(tmp_path, hub):
    node = a_node(tmp_path, hub)
    before = everything(node)
    assert code_of(lambda: rotate_pseudonyms(node, keys=signers(node))) == (Refusal, "pseudonyms-irreversible")
    assert everything(reopened(node)) == before
    assert tag_in_force(node.keystore) == Tag("k", 1)
    assert rotate_pseudonyms(node, keys=signers(node), erase_records=True) == Tag("k", 2)
    assert node.store.empty
    assert list((node.home / "store").glob("*.sealed*")) == []
    node.verify()
    version = load(node, tmp_path).version
    assert version.version == 2  # a number is never given twice
    assert everything(node) == ([(v.replace("@1", "@2"), *rest) for v, *rest in before[0]], before[1], {"k2"})
    reopened(node).verify()


def test_one_person_alone_cannot(node):
    alone = {"ada": signers(node)["ada"]}
    assert code_of(lambda: rotate_pseudonyms(node, keys=alone)) == (Refusal, "same-person-twice")
    assert tag_in_force(node.keystore) == Tag("r", 2)


@pytest.mark.parametrize("step", ["both_sign", "waiting", "commit", "finish", "before the key", "sign_log"])
def test_a_crash_at_any_step_leaves_it_as_before_or_done(node, monkeypatch, step):
    rows, allowed, _ = everything(node)

    def cut(*_arguments, **_named):
        raise PowerCutError

    with monkeypatch.context() as patch:
        if step == "before the key":
            patch.setattr(type(node.keystore), "change", cut)
        elif step == "sign_log":
            patch.setattr(type(node), "sign_log", cut)
        elif step == "both_sign":
            patch.setattr(rotation, "both_sign", cut)
        elif step == "finish":  # the second one: the first only looks
            real, calls = epochs.finish, []
            patch.setattr(epochs, "finish", lambda *a: real(*a) if not calls and calls.append(1) is None else cut())
        else:
            patch.setattr(epochs, step, cut)
        with pytest.raises(PowerCutError):
            rotate_pseudonyms(node, keys=signers(node))
    again = reopened(node)
    again.verify()
    done = step in {"finish", "sign_log"}
    assert everything(again) == (rows, allowed, {"r3" if done else "r2"})
    assert tag_in_force(again.keystore) == Tag("r", 3 if done else 2)
    assert rotate_pseudonyms(again, keys=signers(again)) == Tag("r", 4 if done else 3)
    assert everything(reopened(node))[:2] == (rows, allowed)


def test_a_load_that_began_under_the_key_before_is_refused(node, tmp_path, monkeypatch):
    other = reopened(node)
    optouts = current_optouts(other.store, now=NOW, at_most_days=7)
    early = recognise(nhs_numbers(5), other.keystore, allow_test_numbers=True)
    key = other.keystore.secret("reversible@2")
    rotate_pseudonyms(node, keys=signers(node))
    before = everything(node)
    with monkeypatch.context() as patch:  # its key is in memory since before
        real = other.keystore.secret
        for room in ("node.persons", "node.ingest.load"):
            patch.setattr(f"{room}.tag_in_force", lambda _keystore: early.tag)
        patch.setattr(other.keystore, "secret", lambda key_id: key if key_id == "reversible@2" else real(key_id))
        assert code_of(lambda: load(other, tmp_path)) == (Refusal, "pseudonyms-rotated")
        assert code_of(lambda: erase_person(other, numbers=nhs_numbers(1), keys=signers(node), reason="request 4")) == (
            Refusal,
            "pseudonyms-rotated",
        )
    assert everything(reopened(node)) == before
    late = recognise(nhs_numbers(5), node.keystore, allow_test_numbers=True)
    assert code_of(lambda: optouts.keep(late.pseudonyms)) == (Refusal, "pseudonyms-rotated")


def test_no_rotation_comes_into_the_middle_of_a_load(node, tmp_path):
    seen = []

    def rotate_now(_rows):
        seen.append(code_of(lambda: rotate_pseudonyms(reopened(node), keys=signers(node))))

    before = everything(node)
    load(node, tmp_path, tell=rotate_now)
    assert set(seen) == {(Unreachable, "store-busy")}
    rows, allowed, tags = everything(reopened(node))
    assert (allowed, tags) == before[1:]
    assert len(rows) == 2 * len(before[0])
    rotate_pseudonyms(reopened(node), keys=signers(node))


def test_a_load_without_its_key_changes_nothing(node, tmp_path):
    before, key = node.store.all(), node.keystore.secret("reversible@2")
    files = sorted(path.name for path in (node.home / "store").iterdir())
    node.keystore.change(take_out=["reversible@2"])
    assert code_of(lambda: load(reopened(node), tmp_path)) == (Refusal, "key-unknown")
    assert reopened(node).store.all() == before
    assert sorted(path.name for path in (node.home / "store").iterdir()) == files
    node.keystore.change(put_in={"reversible@2": key})
    load(reopened(node), tmp_path)


def test_two_rotations_at_once_do_not_mix_their_keys(node):
    rows, allowed, _ = everything(node)
    other = reopened(node)
    real = other.store.change

    def first_the_other(*arguments, **named):
        rotate_pseudonyms(node, keys=signers(node))
        return real(*arguments, **named)

    other.store.change = first_the_other
    assert code_of(lambda: rotate_pseudonyms(other, keys=signers(node))) == (Refusal, "pseudonyms-rotated")
    assert everything(reopened(node)) == (rows, allowed, {"r3"})


def test_a_tag_that_was_put_back_is_found(node):
    rotate_pseudonyms(node, keys=signers(node))
    with node.database.transaction() as connection:
        connection.execute("UPDATE pseudonym_tag SET tag = 'r2'")
    assert code_of(node.verify) == (Tampered, "store-tampered")


def test_the_log_says_who_signed_and_no_pseudonym(node):
    rotate_pseudonyms(node, keys=signers(node))
    leaf = next(e for e in reversed(list(node.audit.events())) if e["event"] == "pseudonyms-rotated")
    facts = leaf["facts"]
    assert (facts["before"], facts["after"], facts["destroyed"]) == ("r2", "r3", "reversible@2")
    assert set(facts["signed_by"]) == {"ada", "ben"}
    assert [f["kind"] for f in facts["files"]] == ["records", "quarantine", "optouts"]
    assert "r3." not in repr(leaf)


def test_who_is_held_back_stays(node):
    before = dict(zip(nhs_numbers(150), held(node), strict=True))
    rotate_pseudonyms(node, keys=signers(node))
    assert dict(zip(nhs_numbers(150), held(node), strict=True)) == before


def held(node):
    table = node.store.read(node.store.latest("visits"), [])
    stored = dict(zip(table["person"].to_pylist(), table["held_back"].to_pylist(), strict=True))
    names = recognise(nhs_numbers(150), node.keystore, allow_test_numbers=True).pseudonyms.tolist()
    return [stored[name] for name in names]


def test_policies_that_were_signed_before_there_were_two_modes_keep_their_hash(node):
    old = {k: v for k, v in node.policy.document().items() if k != "reversible_pseudonyms"}
    assert policy_of(old).document() == old
    assert policy_of({**old, "reversible_pseudonyms": False}).hash == policy_of(old).hash
    assert policy_of({**old, "reversible_pseudonyms": True}).hash != policy_of(old).hash


def linked(node):
    """Keep a linkage of five people, and return it."""
    persons = recognise(nhs_numbers(5), node.keystore, allow_test_numbers=True)
    band = ["match"] * 5
    table = pa.table({"local": list("abcde"), "person": persons.texts, "held_back": persons.held_back, "band": band})
    made = LinkageVersion("north", "social-care", 0, "agreed", 1, "digest", "digest", "list", "", "")
    return node.links.save(made, Links(table, {"pairs": 5}, bytes(range(32))), now=NOW)


def test_linkages_are_translated_too(node):
    before = node.links.links(linked(node))
    rotate_pseudonyms(node, keys=signers(node))
    again = reopened(node)
    (version,) = again.links.in_force()
    after = again.links.links(version)
    names = recognise(nhs_numbers(5), again.keystore, allow_test_numbers=True).pseudonyms.tolist()
    assert after.table["person"].to_pylist() == names
    assert after.table.drop_columns(["person"]) == before.table.drop_columns(["person"])
    assert (after.figures, after.key) == (before.figures, before.key)
    again.verify()


def test_linkages_go_where_nothing_can_be_translated(tmp_path, hub):
    node = a_node(tmp_path, hub)
    linked(node)
    rotate_pseudonyms(node, keys=signers(node), erase_records=True)
    assert node.links.in_force() == []
    reopened(node).verify()


def test_keyed_texts_cannot_be_translated(node, tmp_path):
    contract = tmp_path / "contract.toml"
    text = contract.read_text().replace("version = 1", "version = 2")
    contract.write_text(text.replace('type = "text"\ntreatment = "drop"', 'type = "text"\ntreatment = "pseudonym"'))
    load(node, tmp_path)
    before = node.store.all()
    assert code_of(lambda: rotate_pseudonyms(node, keys=signers(node))) == (Refusal, "pseudonyms-irreversible")
    assert reopened(node).store.all() == before
