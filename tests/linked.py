"""A node whose two controllers signed a linkage agreement, with the two extracts that it is about."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import Node
from node.linkage.zone import Zone
from node.optouts import current_optouts, load_optouts
from node.people import open_key
from privacy.linkage import Agreement, read_agreement
from tests.approved import PASSPHRASE, a_node
from tests.linkage_people import Person, as_client, as_patient, people, write
from tests.nodes import NOW

AGREEMENT = """\
[agreement]
name = "north"
version = 1
purpose = "Falls prevention across health and social care"
legal_basis = "Health and Care Act 2022; UK GDPR articles 6(1)(e) and 9(2)(h)"
expires = 2028-03-31

[[controllers]]
name = "A trust"
person = "ada"

[[controllers]]
name = "A council"
person = "ben"

[reference]
name = "patient-index"
controller = "A trust"
id = "NHS_NUMBER"
[reference.columns]
given_name = "FORENAME"
surname = "SURNAME"
date_of_birth = "DOB"
sex = "SEX"
postcode = "POSTCODE"
address = "ADDRESS"

[[targets]]
name = "adult-social-care"
controller = "A council"
id = "CLIENT"
dates = ["%d/%m/%Y"]
data_sets = ["care-packages"]
known = "nhs"
[targets.columns]
given_name = "first_name"
surname = "last_name"
date_of_birth = "birth"
sex = "gender"
postcode = "post_code"
address = "address"
[targets.groups]
ethnicity = "ethnicity"
"""
COUNT = 1200


@dataclass
class Linked:
    home: Path
    node: Node
    people: list[Person]
    patients: list[Person]
    clients: dict[str, Person]
    reference: Path
    target: Path

    def key(self, name: str) -> Ed25519PrivateKey:
        return open_key(self.home / "keys" / f"{name}.key", PASSPHRASE, home=self.node.home)

    def agreement(self, text: str = AGREEMENT) -> Agreement:
        file = self.home / "agreement.toml"
        file.write_text(text)
        return read_agreement(file)

    def agree(self, text: str = AGREEMENT, names: tuple[str, ...] = ("ada", "ben")) -> None:
        self.node.agreements.agree(self.agreement(text), {name: self.key(name) for name in names}, now=NOW)

    def zone(self) -> Zone:
        return Zone(
            agreements=self.node.agreements,
            tables=self.node.links,
            keystore=self.node.keystore,
            optouts=current_optouts(self.node.store, now=NOW, at_most_days=7),
            allow_test_numbers=True,
            now=NOW,
        )


@dataclass
class Extracts:
    """A patient index that lacks one person in ten, and a council's records of one person in two."""

    people: list[Person]
    patients: list[Person]
    clients: dict[str, Person]
    reference: Path
    target: Path


def extracts(home: Path, seed: int = 1) -> Extracts:
    everybody, chance = people(COUNT, seed), random.Random(seed + 1)
    patients = [p for p in everybody if chance.random() < 0.9]
    known = [p for p in everybody if chance.random() < 0.5]
    rows = [as_client(p, i, chance, ethnicity="AJMZ"[i % 4]) for i, p in enumerate(known)]
    clients = {row["CLIENT"]: p for row, p in zip(rows, known, strict=True)}
    reference = write(home / "patients.csv", [as_patient(p) for p in patients])
    return Extracts(everybody, patients, clients, reference, write(home / "clients.csv", rows))


def linked(home: Path, *, seed: int = 1, opted_out: int = 3, more: Sequence[str] = ()) -> Linked:
    """Return a node beside two extracts; the first few people have opted out."""
    node = a_node(home, Ed25519PrivateKey.generate(), more=more)
    made = extracts(home, seed)
    allowed = home / "allowed-patients.txt"
    allowed.write_text("\n".join(p.number for p in made.people[opted_out:]))
    load_optouts(
        file=allowed, as_of=NOW.date(), store=node.store, keystore=node.keystore, now=NOW, allow_test_numbers=True
    )
    return Linked(home, node, **made.__dict__)
