"""One door: in the node, only ``egress.py`` calls ``send`` and only it can turn a release or a notice into bytes."""

import ast
from pathlib import Path

import pytest

NODE = Path(__file__).parents[2] / "node"
DOOR = "egress.py"
OUTWARD = {"privacy.release": {"encode"}, "privacy.witnessing": {"seal"}, "privacy.envelope": {"Envelope"}}
LISTENS = {"socket"}  # web/ listens for a monitor; it may not dial
DIALS = {"httpx", "requests", "urllib", "http", "socket", "flwr", "aiohttp", "adbc_driver_postgresql"}
READS = {"sources/postgresql.py": {"adbc_driver_postgresql"}}  # asks the organisation's own database, read-only
HARMLESS = {"urllib.parse"}  # takes addresses apart


def breaches(source: str, path: str) -> list[str]:
    """Return what a file of the node does that only the door, or only federation/, may do."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name == "send" and path != DOOR:
                found.append(f"{path}:{node.lineno} calls send")
        if isinstance(node, ast.ImportFrom) and node.module in OUTWARD and path != DOOR:
            taken = OUTWARD[node.module] & {alias.name for alias in node.names}
            found += [f"{path}:{node.lineno} imports {name}" for name in taken]
        if isinstance(node, ast.Import | ast.ImportFrom) and not path.startswith("federation/"):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            forbidden = DIALS - (LISTENS if path.startswith("web/") else READS.get(path, set()))
            taken = [m for m in modules if m.split(".")[0] in forbidden and m not in HARMLESS]
            found += [f"{path}:{node.lineno} imports {m}" for m in taken]
    return found


def test_only_the_door_sends_and_only_federation_dials():
    found = [b for p in sorted(NODE.rglob("*.py")) for b in breaches(p.read_text(), str(p.relative_to(NODE)))]
    assert not found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("service.py", "def tell(send):\n    send(b'1,234 people')"),
        ("federation/fleet.py", "def loop(self):\n    self.send(b'rows')"),
        ("scoring.py", "from privacy.release import encode"),
        ("sums.py", "from privacy.envelope import Envelope"),
        ("witness.py", "from privacy.witnessing import seal"),
        ("store.py", "import httpx"),
        ("web/health.py", "import httpx"),
        ("web/health.py", "async def answer(send):\n    await send(b'1,234 people')"),
        ("ingest.py", "import socket"),
        ("ingest.py", "from urllib.request import urlopen"),
        ("ingest.py", "from adbc_driver_postgresql import dbapi"),
        ("sources/postgresql.py", "import socket"),
    ],
)
def test_a_planted_breach_is_caught(path, source):
    assert breaches(source, path)


def test_the_door_itself_does_send():
    calls = [n for n in ast.walk(ast.parse((NODE / DOOR).read_text())) if isinstance(n, ast.Call)]
    assert sum(isinstance(c.func, ast.Name) and c.func.id == "send" for c in calls) == 3
