"""People with planted identifiers go through every command: no file, log, error, metric or page shows one of them."""

from __future__ import annotations

import base64
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laden import COMMAND, NUMBERS, PEOPLE_CONTRACT, TREE, Laden, event_row, events_file, people_file, person_row

DRESSED = NUMBERS[:5]
WRONG = NUMBERS[6][:-1] + str((int(NUMBERS[6][-1]) + 1) % 10)
SURNAMES, POSTCODE, PRACTICE = ("Quillfeather", "Ravensbourne"), "LS17 9QQ", "B86999"
BORN, CODE, VALUE, PHONE, MAIL = "1903-07-19", "Q87.41", "487.3125", "07700 900461", "quill.f@example.nhs.uk"
SEPARATORS = ("", " ", "-", ".", "\u00a0")
PLANTED = (*DRESSED, WRONG, *SURNAMES, POSTCODE, PRACTICE, BORN, CODE, VALUE, PHONE, MAIL)
BY = ("--as", "ada", "--key")


def dressed(number: str) -> list[str]:
    """Return a number as people write it."""
    return [sign.join((number[:3], number[3:6], number[6:])) for sign in SEPARATORS]


def written_as(text: str) -> Iterator[bytes]:
    """Yield how a text may lie in a file: in its dresses, in three encodings, as hex, base64, and as a number."""
    spellings = {text, text.upper(), text.replace(" ", ""), text.replace(".", "", 1)}
    if text.isdigit():
        spellings |= set(dressed(text))
        yield from (int(text).to_bytes(8, "little"), int(text).to_bytes(8, "big"))
    if text == BORN:
        spellings |= {"19/07/1903", "19.07.1903", "19030719", "19 Jul 1903"}
    for raw in {s.encode(e) for s in spellings for e in ("utf-8", "latin-1", "utf-16-le", "utf-16-be")}:
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):  # as base64 has it wherever it begins, without what neighbours decide
            yield base64.b64encode(bytes(shift) + raw)[-(-shift * 4 // 3) :].rstrip(b"=")[:-1]


FORMS = {form: text for text in PLANTED for form in written_as(text) if len(form) > 5}


def shown_in(content: bytes) -> set[str]:
    """Return every planted text that a content shows in any form."""
    return {text for form, text in FORMS.items() if form in content}


def shown_below(*places: Path) -> dict[str, set[str]]:
    """Return the files that show something, and what."""
    found = {}
    for path in itertools.chain.from_iterable(place.rglob("*") for place in places):
        try:
            if path.is_file() and (shown := shown_in(path.name.encode() + b"\0" + path.read_bytes())):
                found[str(path)] = shown
        except FileNotFoundError:  # gone between the list and the look
            continue
    return found


def planted_people() -> str:
    rows = [person_row(i, number) for i, number in enumerate(dressed(DRESSED[i])[i] for i in range(5))]
    rows += [person_row(i) for i in range(5, 40) if i != 6] + [person_row(6, WRONG, surname=SURNAMES[1])]
    rows[0] = person_row(0, dressed(DRESSED[0])[1], surname=SURNAMES[0], birth_date=BORN, postcode=POSTCODE)
    rows[1] = person_row(1, dressed(DRESSED[1])[1], surname=SURNAMES[1], practice=PRACTICE)
    rows[7] = person_row(8, birth_date="1703-07-19", postcode=POSTCODE, sex="7")  # to quarantine
    return people_file(rows)


def planted_events() -> str:
    rows = [event_row(i, dressed(NUMBERS[i % 5])[i % 5]) for i in range(300)]
    rows += [event_row(300, code=CODE, value=VALUE), event_row(301, code=CODE, cost="-1", value=VALUE)]
    return events_file(rows)


COMMON = ("Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel", "Khan", "Walker")

NOTES = PEOPLE_CONTRACT.replace('"people"', '"notes"').replace(
    'kind = "direct-identifier"\ntype = "text"\ntreatment = "drop"', 'kind = "measure"\ntype = "text"'
)


def noted(*texts: str) -> str:
    return people_file([person_row(i, surname=texts[i % len(texts)]) for i in range(40)])


@pytest.fixture
def node(tmp_path):
    """A node whose home, temporary directory, account and working directory are watched; what it is given is not."""
    made = Laden.made(tmp_path)
    made.given = tmp_path / "given"
    for name in ("given", "work", "tmp", "account"):
        (tmp_path / name).mkdir()
    made.work = tmp_path / "work"
    made.more = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "account"), "HEDGEROW_NODE_LOG_LEVEL": "debug"}
    for name in ("people.toml", "events.toml"):
        (tmp_path / name).rename(made.given / name)
    for name in ("people.csv", "events.csv", "allowed.txt"):
        (tmp_path / name).unlink()
    made.write("people.csv", planted_people())
    made.write("events.csv", planted_events())
    return made


def watched(node: Laden) -> tuple[Path, ...]:
    return node.home, node.work, *(Path(node.more[name]) for name in ("TMPDIR", "HOME"))


def no_sight(node: Laden, said: str = "") -> None:
    assert shown_in(said.encode()) == set(), said[:2000]
    assert shown_below(*watched(node)) == {}


def test_the_search_finds_each_plant_however_it_lies_about(node):
    """The control: without it, finding nothing would prove nothing."""
    for text in PLANTED:
        raw = text.encode()
        for content in (
            raw,
            text.encode("utf-16-le"),
            raw.hex().encode(),
            *(base64.b64encode(b"x" * n + raw) for n in range(3)),
        ):
            leak = node.home / "store/run.tmp"
            leak.write_bytes(b"PAR1" + os.urandom(500) + content + os.urandom(500))
            assert shown_below(*watched(node)) == {str(leak): {text}}
            leak.unlink()
    for number in DRESSED:
        assert all(shown_in(one.encode()) == {number} for one in dressed(number))
        assert shown_in(int(number).to_bytes(8, "little")) == {number}
    log = Path(node.more["TMPDIR"]) / f"{SURNAMES[0]}.log"
    log.touch()
    assert shown_below(*watched(node)) == {str(log): {SURNAMES[0]}}
    log.unlink()
    no_sight(node)


@pytest.mark.parametrize(("contract", "source"), [("people", "people.csv"), ("events", "events.csv")])
def test_while_a_load_is_at_work_no_file_shows_anybody(node, contract, source):
    """It is stopped at each touch of a file and looked through: what lies there, and what it holds open."""
    words = ["ingest", node.given / f"{contract}.toml", node.given / source]
    command = [sys.executable, "-P", str(TREE / "tests/attack/killed_load.py"), "-1", *map(str, words)]
    with subprocess.Popen(
        command,
        cwd=node.work,
        env=node.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as load:
        touches = []
        for touch in load.stdout:
            touches.append(touch.decode())
            assert shown_below(*watched(node)) == {}, touches[-3:]
            assert held_open(load.pid, node) == {}, touches[-3:]
            load.stdin.write(b".")
            load.stdin.flush()
        said = touches + load.stderr.read().decode().splitlines()
    assert load.returncode == 0, said
    assert any("scratch" in touch for touch in touches)  # it spilled, as large loads do
    no_sight(node, "\n".join(said))


def held_open(pid: int, node: Laden) -> dict[str, set[str]]:
    """Return what the files show that a process holds open, removed ones too; not those that the node was given."""
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = str(link.readlink())
        if target.startswith("/") and not target.startswith((str(node.given), "/dev")) and link.is_file():
            found[target] = shown_in(link.read_bytes())
    return {name: shown for name, shown in found.items() if shown}


def test_no_command_leaves_or_says_anything(node):
    given, key = node.given, node.place / "keys/ada.key"
    hall = [
        ["ingest", given / "people.toml", given / "people.csv"],
        ["ingest", given / "events.toml", given / "events.csv", "--json"],
        ["discover", given / "people.csv"],
        ["discover", given / "events.csv", "--json"],
        ["data", "list"],
        ["quality", "show", "people"],
        ["quality", "show", "events", "--json"],
        ["quality", "show", "events", "--html", node.work / "events.html"],
        ["quality", "history", "people"],
        ["quality", "drift", "people"],
        ["quarantine", "list", "people"],
        ["quarantine", "list", "events", "--json"],
        ["catalogue", "list"],
        ["catalogue", "search", "birth"],
        ["catalogue", "show", "people"],
        ["catalogue", "show", "events", "--json"],
        ["catalogue", "export", "--format", "dcat", "--publisher", "Us", "--out", node.work / "c.jsonld"],
        ["catalogue", "export", "--format", "hdruk", "--publisher", "Us"],
        ["contract", "check", given / "people.toml"],
        ["contract", "propose", given / "people.csv", "--out", node.work / "people.toml"],
        ["contract", "propose", given / "events.csv", "--out", node.work / "events.toml", "--json"],
        ["flows", "list"],
        ["flows", "list", "--json"],
        ["flows", "show", "people"],
        ["flows", "export", "--out", node.work / "register.html"],
        ["linkage", "list"],
        ["reidentify", "list"],
        ["study", "list"],
        ["fleet", "show"],
        ["key", "list"],
        ["key", "rotate", "records", "--rewrite"],
        ["audit", "verify", "--json"],
        ["ledger", "show", "--json"],
        ["finding", "list"],
        ["doctor", "--offline"],
        ["doctor", "--offline", "--json"],
        ["backup", node.work / "a.backup"],
        ["config", "show"],
    ]
    for words in hall:
        done = node.run(*words)
        assert "No such command" not in done.err, words
        assert done.status == 0 or words[0] == "doctor", (words, done.err[-2000:])  # the join kit has no certificate
        no_sight(node, done.out + done.err)
    inside = ["quarantine", "show", "events", *BY, key, "--purpose", "ticket 4", "--out", given / "rows.csv"]
    done = node.run(*inside)  # the inner door: what it writes is for one person, where they said
    no_sight(node, done.out + done.err)


REFUSED = {
    "undeclared phones": (NOTES, noted(*(f"{PHONE[:-2]}{n}" for n in range(61, 90)))),
    "undeclared mail": (NOTES, noted(*(f"{n or ''}{MAIL}" for n in range(20)))),
    "undeclared numbers": (NOTES, people_file([person_row(i, surname=n) for i, n in enumerate(NUMBERS)])),
    "undeclared names": (NOTES, noted(*COMMON, SURNAMES[0])),
    "no header": (PEOPLE_CONTRACT, planted_people().split("\n", 1)[1]),
    "a person for a header": (
        PEOPLE_CONTRACT,
        ",".join([SURNAMES[0], POSTCODE, BORN, MAIL, PHONE]) + "\n1,2,3,4,5\n",
    ),
    "a ragged row": (PEOPLE_CONTRACT, planted_people() + person_row(0, surname=SURNAMES[0]) + f",{MAIL}\n"),
    "an open quote": (PEOPLE_CONTRACT, planted_people() + f'{NUMBERS[0]},"{SURNAMES[0]}\n'),
    "another encoding": (
        PEOPLE_CONTRACT,
        planted_people().replace(SURNAMES[0], SURNAMES[0] + "\xe9").encode("latin-1"),
    ),
    "an extract for a contract": (planted_people(), planted_people()),
    "a person in a contract": (PEOPLE_CONTRACT.replace('"sex"', f'"{SURNAMES[0]} {POSTCODE}"'), planted_people()),
    "all bad": (PEOPLE_CONTRACT.replace("0.5", "0.0"), planted_people()),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_no_refusal_says_who(node, case, as_json):
    contract, content = REFUSED[case]
    words = [node.write("it.toml", contract), node.write("it.csv", content)]
    for command in (["ingest", *words], ["discover", words[1]], ["contract", "check", words[0]]):
        done = node.run(*command, *as_json)
        assert "Traceback" not in done.err
        if command[0] == "ingest":
            assert done.status in {3, 5}, done.out + done.err
        no_sight(node, done.out + done.err)


def test_a_list_that_is_none_and_a_number_in_the_wrong_place_are_not_repeated(node):
    for words in (
        ["optout", "load", node.given / "people.csv", "--as-of", "2026-01-01"],
        ["optout", "load", node.write("list.txt", f"{NUMBERS[0]}\n{SURNAMES[0]}\n{WRONG}\n"), "--as-of", "2026-01-01"],
        ["optout", "load", node.write("list.txt", f"{NUMBERS[0]},{SURNAMES[0]}\n"), "--as-of", "2026-01-01"],
        ["quarantine", "replay", "people", node.given / "people.csv"],
        ["quality", "show", "nobody"],
    ):
        done = node.run(*words, "--json")
        assert done.status in {3, 4, 5}, done.err
        no_sight(node, done.out + done.err)


def test_a_service_with_its_log_at_debug_and_its_monitor_say_nobody(node):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("people", "events"):
        assert node.load(name, node.given / f"{name}.csv").status == 0
    words = [*COMMAND, "serve", "--log-level", "debug", "--poll-seconds", "0.2", "--health-port", str(port)]
    with subprocess.Popen(
        words, cwd=node.work, env=node.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as service:
        said = monitored(port)
        service.send_signal(signal.SIGTERM)
        said += service.communicate(timeout=30)[0].decode()
    assert "hedgerow_up" in said
    no_sight(node, said)


def monitored(port: int) -> str:
    """Return what a monitor sees, once it is answered."""
    said = ""
    for path in ("metrics", "live", "ready", "started"):
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
                    said += answer.read().decode()
                break
            except urllib.error.HTTPError as error:
                said += error.read().decode()
                break
            except OSError:
                time.sleep(0.2)
    return said
