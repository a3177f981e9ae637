"""One node behind 64 kbit/s, in a network namespace of its own: its study waits for it, and no other study does.

It needs root, ``ip`` and ``tc``, and leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from coordinator.assemble import SCHEMAS, open_hub
from coordinator.federation.superlink import SuperLink
from coordinator.home import make_home
from coordinator.hub import Hub
from coordinator.settings import checked
from node.federation.fleet import FleetSettings, hold_connection
from privacy.canonical import canonical
from privacy.release import Notice, decode
from privacy.signing import PublicKey
from tests.coordinators import Site, sites, study_document
from tests.federation import distant

RATE, BURST = "64kbit", "4kb"  # as over a bad line; a burst of a few packets
HERE, THERE = "10.213.77.1", "10.213.77.2"
ROUNDS = 20  # so many exchanges that the slow line shows
PATIENCE = 240.0


def run(*words: str, check: bool = True) -> None:
    """Run a command of the network; what it prints is shown when it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, (words, done.stderr)


@contextmanager
def slow_line() -> Iterator[str]:
    """Give the name of a network namespace that is reached over a line of 64 kbit/s each way, and remove it after."""
    number = os.getpid() % 100_000
    name, near, far = f"hedgerow-{number}", f"hgn{number}", f"hgf{number}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        run("ip", "addr", "add", f"{HERE}/30", "dev", near)
        run("ip", "link", "set", near, "up")
        run("ip", "-n", name, "addr", "add", f"{THERE}/30", "dev", far)
        run("ip", "-n", name, "link", "set", far, "up")
        shape = ("root", "tbf", "rate", RATE, "burst", BURST, "latency", "2s")
        run("tc", "qdisc", "add", "dev", near, *shape)
        run("tc", "-n", name, "qdisc", "add", "dev", far, *shape)
        yield name
    finally:
        run("ip", "link", "del", near, check=False)
        run("ip", "netns", "del", name, check=False)


@dataclass
class Scene:
    """A coordinator that listens on the line too, its near sites, and the one behind the line."""

    hub: Hub
    near: list[Site]
    far: Site

    def submitted(self, name: str, *members: Site) -> str:
        """Submit a study and have its members approve it."""
        document = study_document([*self.near, self.far], name=name)
        document["invited"] = [{"name": site.name, "fingerprint": site.fingerprint} for site in members]
        document["steps"][0]["parameters"]["rounds"] = ROUNDS
        study = str(self.hub.submit(canonical(document))["hash"])
        for site in members:
            notice = decode(site.notice("approved", study), PublicKey.of(site.key))
            assert isinstance(notice, Notice)
            self.hub.studies.note(notice, at=self.hub.now())
        return study

    def state(self, study: str) -> str:
        last = self.hub.runs.last(study)
        return last.state if last else ""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    near, far = sites("leeds", "york"), Site(distant.NAME)
    settings = checked({"name": "north", "deadline_seconds": 60.0})
    home, kit = make_home(tmp_path / "hub", settings=settings, hosts=["127.0.0.1", HERE], now=datetime.now(UTC))
    keys, now = home.keys, lambda: datetime.now(UTC)
    link = SuperLink(
        host="0.0.0.0", port=0, certificate=keys.server, private_key=keys.server_key, home=tmp_path / "fleet"
    )
    database = home.database(*SCHEMAS)
    with ExitStack() as stack:
        name = stack.enter_context(slow_line())
        stack.enter_context(link)
        presence = link.grid("presence")
        hub = stack.enter_context(
            open_hub(home, database, grid_of=lambda s: closing(link.grid(s)), presence=presence, now=now)
        )
        for site in (*near, far):
            link.register(site.fingerprint, hub.register.enrol(site.enrolment, at=now()).fleet_key.encode())
        made = Scene(hub, near, far)
        study = made.submitted("far", *near, far)
        root = kit.root_certificate.encode()
        for site in near:
            stack.enter_context(connected(site, f"127.0.0.1:{link.port}", root, tmp_path, hub))
        stack.enter_context(behind(name, far, f"{HERE}:{link.port}", root, tmp_path / "far", hub, study))
        eventually(lambda: len(presence.online()) == 3)
        yield made
    database.close()


@contextmanager
def connected(site: Site, address: str, root: bytes, folder: Path, hub: Hub) -> Iterator[None]:
    """Keep a near site connected, on a thread; it answers whatever study asks."""
    stop = threading.Event()

    def answer(content: bytes, send: Callable[[bytes], None]) -> None:
        from privacy.request import Request

        study = hub.studies.with_hash(Request.decode(content, hub.public_key).study)
        send(site.answer_zeros(study, hub.public_key, content))

    thread = threading.Thread(
        target=hold_connection,
        args=(FleetSettings(address, root, site.fleet, folder),),
        kwargs={"answer": answer, "refuse": lambda *_: None, "stop": stop, "on_state": lambda _: None},
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def behind(name: str, site: Site, address: str, root: bytes, folder: Path, hub: Hub, study: str) -> Iterator[None]:  # noqa: PLR0917
    """Run the far site in the namespace, and end it by its own process id."""
    folder.mkdir()
    pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / distant.IDENTITY).write_bytes(site.key.private_bytes(*pem))
    (folder / distant.FLEET).write_bytes(site.fleet.private_bytes(*pem))
    (folder / distant.ROOT).write_bytes(root)
    (folder / distant.STUDY).write_bytes(canonical(hub.studies.with_hash(study).document()))
    (folder / distant.HUB).write_text(hub.public_key.text)
    command = ["ip", "netns", "exec", name, sys.executable, distant.__file__, address, str(folder)]
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONSAFEPATH": "1"}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environ)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def eventually(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.05)


@pytest.mark.services
def test_a_study_over_a_slow_line_delays_no_other(scene: Scene) -> None:
    far, near = scene.hub.studies.find("far").hash, scene.submitted("near", *scene.near)
    scene.hub.run(far)
    eventually(lambda: (scene.hub.runner.watch(far) or None) is not None)
    scene.hub.run(near)  # the same sums, asked later, of the same two near sites
    eventually(lambda: scene.state(near) == "finished")
    assert scene.state(far) == "running"
    eventually(lambda: (scene.hub.history(far)["now"] or {}).get("waiting") == [distant.NAME])  # whom it waits for
    eventually(lambda: scene.state(far) == "finished")
    seconds = {"near": 0.0, distant.NAME: 0.0}
    for exchange in scene.hub.history(far)["exchanges"]:
        assert {n["name"] for n in exchange["nodes"]} == {"leeds", "york", distant.NAME}
        for node in exchange["nodes"]:
            assert node["state"] == "answered"
            kind = node["name"] if node["name"] == distant.NAME else "near"
            seconds[kind] += node["seconds"]
    assert seconds[distant.NAME] > seconds["near"]  # the control: the line is what takes the time
