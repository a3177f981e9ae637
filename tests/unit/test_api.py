"""Each call has one role; every error has one shape; no exception's text, and nobody else's study, comes out."""

import asyncio
import json
import threading
import time

import httpx
import jwt
import pytest
import structlog

from coordinator.identity.tokens import Caller, mint_operator_token
from coordinator.web.api import make_app
from models.version import ModelVersion
from privacy.errors import CATALOGUE, HedgerowError, Unreachable
from privacy.request import Request
from tests.coordinators import NOW, Clock, Fleet, Site, new_home, serving, sites, study_document

LARGEST = 20_000
NHS_NUMBER = "9990000018"
SHAPE = {"code", "what", "next"}
CALLS = {
    ("GET", "/v1/studies"): {"node", "operator"},
    ("POST", "/v1/studies"): {"operator"},
    ("GET", "/v1/studies/next-year-admission"): {"operator"},
    ("GET", "/v1/studies/next-year-admission/document"): {"operator"},
    ("POST", "/v1/studies/next-year-admission/run"): {"operator"},
    ("GET", "/v1/studies/next-year-admission/run"): {"operator"},
    ("POST", "/v1/studies/next-year-admission/run/cancel"): {"operator"},
    ("POST", "/v1/studies/next-year-admission/run/resume"): {"operator"},
    ("POST", "/v1/studies/next-year-admission/withdraw"): {"operator"},
    ("GET", "/v1/studies/next-year-admission/result"): {"operator"},
    ("GET", "/v1/nodes"): {"operator"},
    ("POST", "/v1/notices"): {"node"},
    ("GET", "/v1/models/sha256:00"): {"node", "operator"},
}


class Api:
    """A served hub, called as one of its members or as the operator."""

    def __init__(self, hub, home, members, fleet):
        self.hub, self.home, self.members, self.fleet = hub, home, members, fleet
        self.app = make_app(hub, largest_body=LARGEST)

    def token(self, who):
        return mint_operator_token(self.home.identity, now=NOW) if who == "operator" else who.token()

    def call(self, who, method, path, content=None, **headers):
        if who:
            headers["authorization"] = f"Bearer {self.token(who)}"
        return asyncio.run(self.request(method, path, content, headers))

    async def request(self, method, path, content=None, headers=None):
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://hub") as http:
            return await http.request(method, path, content=content, headers=headers)

    def submit(self, **changes):
        document = study_document(self.members, **changes)
        return self.call("operator", "POST", "/v1/studies", json.dumps(document))


@pytest.fixture
def api(tmp_path):
    home, members = new_home(tmp_path / "hub"), sites()
    fleet = Fleet(list(members))
    with serving(home, members, Clock(), fleet) as hub:
        yield Api(hub, home, members, fleet)


def code_of(response, status):
    """Return the code of a refusal that has the one shape."""
    said = response.json()
    assert response.status_code == status, said
    assert {"detail", "faults"} | SHAPE >= said.keys() >= SHAPE
    assert (said["what"], said["next"]) == (
        CATALOGUE[said["code"]].what,
        CATALOGUE[said["code"]].next_step,
    )
    return said["code"]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_nobody_gets_in_without_a_token(api, method, path):
    assert code_of(api.call(None, method, path), 401) == "token-refused"
    for given in ("Bearer x", "Basic eDp5", "Bearer", "Bearer a.b.c"):
        assert code_of(api.call(None, method, path, authorization=given), 401) == "token-refused"
    assert api.call(None, method, path).json().keys() == SHAPE


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("role", ["node", "operator"])
def test_each_call_is_for_its_roles(api, method, path, role):
    response = api.call(api.members[0] if role == "node" else "operator", method, path)
    if role in CALLS[method, path]:
        assert response.status_code not in {401, 403}
    else:
        assert code_of(response, 403) == "role-refused"


def test_a_revoked_node_is_told_so_and_all_others_are_served(api):
    gone, *others = api.members
    assert api.submit().status_code == 200
    api.hub.note(Caller("node", gone.fingerprint), gone.notice("approved", api.hub.studies.all()[0].hash))
    api.hub.register.revoke(gone.name, reason="merged", at=NOW)
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            assert code_of(api.call(gone, "GET", "/v1/studies"), 403) == "node-revoked"
            assert all(api.call(site, "GET", "/v1/studies").status_code == 200 for site in others)
    assert [(line["code"], line["why"]) for line in logs] == [("node-revoked", gone.fingerprint)]
    status = api.call("operator", "GET", "/v1/studies/next-year-admission").json()
    assert [(n["state"], n["code"]) for n in status["nodes"]] == [
        ("revoked", "node-revoked"), ("offered", ""), ("offered", "")
    ]  # fmt: skip
    assert status["approved"] == 0
    with pytest.raises(HedgerowError, match="token-refused"):
        api.hub.note(Caller("node", gone.fingerprint), gone.notice("approved"))


def test_whoever_only_says_that_it_was_a_revoked_node_learns_nothing(api):
    gone = api.members[0]
    api.hub.register.revoke(gone.name, reason="merged", at=NOW)
    posing = jwt.encode(gone.claims(), Site("mallory").key, algorithm="EdDSA")
    stale = jwt.encode({**gone.claims(), "exp": 1}, gone.key, algorithm="EdDSA")
    for token in (posing, stale):
        response = api.call(None, "GET", "/v1/studies", authorization=f"Bearer {token}")
        assert code_of(response, 401) == "token-refused"


def test_a_study_that_invites_a_revoked_node_cannot_be_submitted(api):
    api.hub.register.revoke(api.members[0].name, reason="merged", at=NOW)
    response = api.submit()
    assert code_of(response, 409) == "invited-revoked"
    assert api.members[0].fingerprint in str(response.json()["faults"])


def test_what_a_node_says_of_its_software_is_kept_when_it_calls(api):
    site = api.members[0]
    for said in ("hedgerow-node/0.1.0", "x" * 500):
        api.call(site, "GET", "/v1/studies", **{"user-agent": said})
        assert api.hub.register.sightings()[site.fingerprint].software == "0.1.0"
    assert set(api.hub.register.sightings()) == {site.fingerprint}


def test_a_token_serves_one_request(api):
    given = f"Bearer {api.members[0].token()}"
    assert api.call(None, "GET", "/v1/studies", authorization=given).status_code == 200
    assert code_of(api.call(None, "GET", "/v1/studies", authorization=given), 401) == "token-refused"


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json", "/v1", "/v1/nodes/leeds", "/v1/studies/a/b"])
def test_nothing_else_is_served(api, path):
    assert code_of(api.call("operator", "GET", path), 404) == "address-unknown"
    assert code_of(api.call("operator", "DELETE", "/v1/studies"), 404) == "address-unknown"


def test_a_node_sees_the_studies_that_invite_it_and_no_others(api):
    leeds, _, hull = api.members
    two = [{"name": s.name, "fingerprint": s.fingerprint} for s in api.members[:2]]
    study_hash = api.submit(invited=two).json()["hash"]
    offered = api.call(leeds, "GET", "/v1/studies").json()["studies"]
    assert [(o["hash"], o["document"]["name"]) for o in offered] == [(study_hash, "next-year-admission")]
    assert api.call(hull, "GET", "/v1/studies").json()["studies"] == []
    assert code_of(api.call(hull, "POST", "/v1/notices", hull.notice("approved", study_hash)), 404)


def test_only_the_operator_learns_which_faults_a_study_has(api):
    refused = api.submit(epsilom=3)
    assert code_of(refused, 422) == "study-malformed"
    assert refused.json()["faults"] == ["epsilom: is not known"]
    refused = api.call(api.members[0], "POST", "/v1/notices", b"x")
    assert code_of(refused, 422) == "message-malformed"
    assert refused.json().keys() == SHAPE


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 10_000])
def test_what_is_no_document_is_refused(api, content):
    assert code_of(api.call("operator", "POST", "/v1/studies", content), 422) == "message-malformed"


async def chunks(count, sent=None):
    for number in range(count):
        yield b"x" * 1000
        if sent is not None:
            sent.append(number)


def test_a_body_that_is_too_large_is_refused(api):
    assert code_of(api.call("operator", "POST", "/v1/studies", b"x" * (LARGEST + 1)), 413) == "body-too-large"
    assert code_of(api.call("operator", "POST", "/v1/studies", b"x" * LARGEST), 422) == "message-malformed"
    assert code_of(api.call("operator", "POST", "/v1/studies", chunks(30)), 413) == "body-too-large"


def test_a_body_is_not_read_for_somebody_who_was_not_admitted(api):
    read = []
    assert code_of(api.call(None, "POST", "/v1/studies", chunks(30, read)), 401) == "token-refused"
    assert len(read) <= 1  # the client may have sent one unasked


def test_the_text_of_an_exception_never_comes_out(api, monkeypatch):
    def planted(*_, **__):
        raise RuntimeError(f"row 7 holds {NHS_NUMBER}")

    monkeypatch.setattr(type(api.hub.studies), "all", planted)
    with structlog.testing.capture_logs() as logs:
        response = api.call("operator", "GET", "/v1/studies")
    assert code_of(response, 500) == "fault"
    assert response.json().keys() == SHAPE
    assert NHS_NUMBER not in response.text + str(response.headers) + str(logs)
    assert logs == [{"event": "api-fault", "kind": "RuntimeError", "log_level": "error"}]
    with pytest.raises(RuntimeError, match=NHS_NUMBER):  # the plant is there to be found
        api.hub.studies.all()


def test_an_error_with_a_detail_keeps_it_from_a_node(api, monkeypatch):
    def planted(*_):
        raise Unreachable("file-unreadable", "/srv/secret")

    monkeypatch.setattr(type(api.hub), "model", planted)
    response = api.call(api.members[0], "GET", "/v1/models/x")
    assert code_of(response, 503) == "file-unreadable"
    assert "secret" not in response.text


def test_a_notice_counts_only_from_the_node_that_signed_it(api):
    leeds, york, _ = api.members
    study_hash = api.submit().json()["hash"]
    forged = york.notice("approved", study_hash)
    assert code_of(api.call(leeds, "POST", "/v1/notices", forged), 400) == "signature-wrong"
    altered = bytearray(leeds.notice("approved", study_hash))
    altered[40] ^= 1
    assert api.call(leeds, "POST", "/v1/notices", bytes(altered)).status_code in {400, 422}
    nodes = api.call("operator", "GET", f"/v1/studies/{study_hash}").json()["nodes"]
    assert {n["state"] for n in nodes} == {"offered"}
    assert api.call(leeds, "POST", "/v1/notices", leeds.notice("approved", study_hash)).status_code == 204
    nodes = api.call("operator", "GET", f"/v1/studies/{study_hash}").json()["nodes"]
    assert [n["state"] for n in nodes] == ["approved", "offered", "offered"]


def test_a_release_is_refused_at_this_door(api):
    leeds = api.members[0]
    api.submit()
    study = api.hub.studies.find("next-year-admission")
    request = Request.of(study.hash, 1, (leeds.fingerprint,), {}).encode(api.home.identity)
    release = leeds.answer_zeros(study, api.hub.public_key, request)
    assert code_of(api.call(leeds, "POST", "/v1/notices", release), 422) == "message-malformed"


def test_a_node_that_is_no_longer_enrolled_is_refused(api, monkeypatch):
    monkeypatch.setattr(type(api.hub.register), "find", lambda *_: None)
    assert code_of(api.call(api.members[0], "GET", "/v1/studies"), 401) == "token-refused"


def approve(api, count=3):
    study_hash = api.submit().json()["hash"]
    for site in api.members[:count]:
        assert api.call(site, "POST", "/v1/notices", site.notice("approved", study_hash)).status_code == 204
    return study_hash


def finished(api, study_hash):
    for _ in range(200):
        run = api.call("operator", "GET", f"/v1/studies/{study_hash}").json()["run"]
        if run["state"] not in {"queued", "running"}:
            return run
        api.hub.runner._stopping.wait(0.05)
    raise AssertionError("the run did not end")


def test_a_study_runs_only_once_a_quorum_approved_it_and_is_online(api):
    study_hash = approve(api, count=1)
    path = f"/v1/studies/{study_hash}/run"
    assert code_of(api.call("operator", "POST", path), 409) == "study-not-ready"
    york = api.members[1]
    api.call(york, "POST", "/v1/notices", york.notice("approved", study_hash))
    api.fleet.present = [york]
    assert code_of(api.call("operator", "POST", path), 409) == "study-not-ready"
    assert api.hub.runs.last(study_hash) is None


def test_a_run_ends_in_a_model_that_nodes_fetch_and_operators_read(api):
    study_hash = approve(api)
    nothing_yet = api.call(api.members[0], "GET", f"/v1/models/{study_hash}")
    assert code_of(nothing_yet, 404) == "model-absent"
    assert code_of(api.call("operator", "GET", f"/v1/studies/{study_hash}/result"), 404) == "model-absent"
    assert api.call("operator", "POST", f"/v1/studies/{study_hash}/run").status_code == 202
    assert finished(api, study_hash)["state"] == "finished"
    assert code_of(api.call(api.members[0], "GET", f"/v1/models/{study_hash}"), 409) == "model-unpublished"
    publish(api, study_hash)
    content = api.call(api.members[0], "GET", f"/v1/models/{study_hash}").content
    model = ModelVersion.open(content, api.hub.public_key)
    assert model.study.hash == study_hash
    assert len(model.receipts) == 4 * 3  # moments, two gradients, a histogram; three sites
    result = api.call("operator", "GET", "/v1/studies/next-year-admission/result").json()
    assert [step["kind"] for step in result["steps"]] == ["linear-risk", "evaluation"]
    assert (result["exchanges"], result["receipts"], len(result["nodes"])) == (4, 12, 3)
    assert 0 < result["epsilon_spent"] < result["epsilon"]  # the spares were not needed
    files = list((api.home.path / "models").iterdir())
    assert [path.name for path in files] == [result["version"].removeprefix("sha256:") + ".model"]
    assert files[0].stat().st_mode & 0o777 == 0o644
    again = api.call("operator", "POST", f"/v1/studies/{study_hash}/run")
    assert code_of(again, 409) == "study-finished"


def publish(api, study_hash):
    registry = api.hub.registry
    registry.say("published", registry.find(study_hash), key=api.home.identity, at=api.hub.now())


def test_the_news_says_what_a_node_said_and_whether_a_study_is_over(api):
    study_hash = approve(api, count=2)

    def news(site):
        (offer,) = api.call(site, "GET", "/v1/studies").json()["studies"]
        return offer["said"], offer["state"]

    assert [news(site) for site in api.members] == [("approved", "open"), ("approved", "open"), ("offered", "open")]
    api.call("operator", "POST", f"/v1/studies/{study_hash}/run")
    finished(api, study_hash)
    assert [news(site)[1] for site in api.members] == ["finished"] * 3


def test_a_model_file_that_was_changed_is_not_handed_out(api):
    study_hash = approve(api)
    api.call("operator", "POST", f"/v1/studies/{study_hash}/run")
    finished(api, study_hash)
    publish(api, study_hash)
    path = next((api.home.path / "models").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert code_of(api.call(api.members[0], "GET", f"/v1/models/{study_hash}"), 400) == "signature-wrong"


def test_a_run_that_fails_says_why_by_a_code(api, monkeypatch):
    study_hash = approve(api)
    monkeypatch.setattr(
        Site, "answer_zeros", lambda self, *_: self.notice("refused", study_hash, code="budget-too-small")
    )
    api.call("operator", "POST", f"/v1/studies/{study_hash}/run")
    run = finished(api, study_hash)
    assert (run["state"], run["code"]) == ("failed", "quorum-lost")
    assert "budget-too-small" in run["detail"]


def test_a_fault_in_a_run_gives_a_code_and_no_text(api):
    study_hash = approve(api)

    def planted(*_):
        raise RuntimeError(NHS_NUMBER)

    api.fleet.grid = planted
    api.call("operator", "POST", f"/v1/studies/{study_hash}/run")
    run = finished(api, study_hash)
    assert (run["state"], run["code"], run["detail"]) == ("failed", "fault", "")
    assert NHS_NUMBER not in api.call("operator", "GET", f"/v1/studies/{study_hash}").text


def test_a_study_taken_back_is_offered_no_more_and_nodes_hear_why(api):
    study_hash = api.submit().json()["hash"]
    leeds, path = api.members[0], "/v1/studies/next-year-admission/withdraw"
    for reason in ("", "two\nlines", "x" * 501):
        said = api.call("operator", "POST", path, json.dumps({"reason": reason}))
        assert code_of(said, 422) == "reason-wrong"
    assert len(api.call(leeds, "GET", "/v1/studies").json()["studies"]) == 1
    said = api.call("operator", "POST", path, json.dumps({"reason": "The question changed"})).json()
    assert said["withdrawn"] == {"at": NOW.isoformat(timespec="seconds"), "reason": "The question changed"}
    again = api.call("operator", "POST", path, json.dumps({"reason": "Another"})).json()
    assert again["withdrawn"] == said["withdrawn"]
    news = api.call(leeds, "GET", "/v1/studies").json()
    back = [{"hash": study_hash, **said["withdrawn"]}]
    about_logs = {"prove_from": [], "cosigned": [], "logs": news["logs"]}
    assert [log["checkpoint"] for log in news["logs"]] == ["", ""]
    assert news == {"studies": [], "models": [], "withdrawn": back, "checkpoint": "", **about_logs}
    assert api.call(Site("late"), "GET", "/v1/studies").status_code == 401
    assert code_of(api.call("operator", "POST", path.replace("withdraw", "run")), 409) == "study-withdrawn"


def run_with(api, study_hash, action="", **wish):
    return api.call("operator", "POST", f"/v1/studies/{study_hash}/run{action}", json.dumps(wish))


def named(*sites):
    return [{"node": site if isinstance(site, str) else site.name} for site in sites]


def test_participants_must_be_invited_have_approved_and_be_online(api):
    leeds, york, hull = api.members
    study_hash = approve(api, count=2)
    for nodes, status, code in (
        (named("selby", leeds), 409, "node-not-invited"),
        (named(leeds), 409, "quorum-impossible"),
        (named(leeds, leeds.fingerprint), 409, "quorum-impossible"),
        (named(leeds, hull), 409, "node-not-approved"),
    ):
        refused = run_with(api, study_hash, nodes=nodes)
        assert code_of(refused, status) == code
    api.fleet.present = [leeds, hull]
    refused = run_with(api, study_hash, nodes=named(leeds, york))
    assert (code_of(refused, 409), refused.json()["detail"]) == ("node-offline", "york")
    api.call(hull, "POST", "/v1/notices", hull.notice("withdrawn", study_hash, code="study-withdrawn"))
    refused = run_with(api, study_hash, nodes=named(leeds, hull))
    assert code_of(refused, 409) == "quorum-impossible"
    assert "hull withdrawn" in refused.json()["detail"]
    assert api.hub.runs.last(study_hash) is None


def test_named_participants_and_no_others_take_part_and_the_deadline_is_kept(api):
    study_hash = approve(api)
    leeds, york, hull = api.members
    assert run_with(api, study_hash, nodes=named(york, leeds.fingerprint), deadline_seconds=7).status_code == 202
    run = finished(api, study_hash)
    assert (run["state"], run["deadline_seconds"], sorted(run["nodes"])) == ("finished", 7, ["leeds", "york"])
    history = api.call("operator", "GET", f"/v1/studies/{study_hash}/run").json()
    assert {n["name"] for e in history["exchanges"] for n in e["nodes"]} == {"leeds", "york"}
    assert hull.name not in json.dumps(history)
    assert history["now"] is None
    assert all(n["state"] == "answered" and n["seconds"] >= 0 for e in history["exchanges"] for n in e["nodes"])


@pytest.mark.parametrize(
    "wish", [{"nodes": "leeds"}, {"at_least": 0}, {"deadline_seconds": 0}, {"deadline_seconds": 1e9}, {"quorum": 1}]
)
def test_a_wish_with_a_fault_is_refused(api, wish):
    study_hash = approve(api)
    assert code_of(run_with(api, study_hash, **wish), 422) == "run-malformed"


def test_a_run_is_cancelled_whatever_it_waits_for_and_resumed_with_the_same_nodes(api, monkeypatch):
    leeds, york, hull = api.members
    study_hash = approve(api)
    waiting, gate, asked, answer = threading.Event(), threading.Event(), [], Site.answer_zeros

    def slow(self, study, coordinator, content):
        asked.append((self.name, content))
        if self is hull and not gate.is_set():
            waiting.set()
            gate.wait(20)
        return answer(self, study, coordinator, content)

    monkeypatch.setattr(Site, "answer_zeros", slow)
    assert code_of(run_with(api, study_hash, "/resume"), 409) == "run-absent"
    assert code_of(run_with(api, study_hash, "/cancel"), 409) == "run-not-running"
    run_with(api, study_hash)
    assert waiting.wait(20)
    for _ in range(200):  # hull is asked at the same time as the others, which answer when the machine lets them
        now = api.call("operator", "GET", f"/v1/studies/{study_hash}/run").json()["now"]
        if now["waiting"] == ["hull"]:
            break
        time.sleep(0.05)
    assert (now["step"], now["waiting"], now["since"]) == ("risk", ["hull"], NOW.isoformat(timespec="seconds"))
    run = run_with(api, study_hash, "/cancel").json()["run"]
    assert (run["state"], api.hub.runner.watch(study_hash)) == ("cancelled", None)
    history = api.call("operator", "GET", f"/v1/studies/{study_hash}/run").json()
    states = {n["name"]: n["state"] for n in history["exchanges"][0]["nodes"]}
    assert states == {"leeds": "answered", "york": "answered", "hull": "silent"}
    assert code_of(run_with(api, study_hash), 409) == "run-cancelled"
    gate.set()
    before = list(asked)
    api.fleet.present = [leeds]
    assert code_of(run_with(api, study_hash, "/resume"), 409) == "study-not-ready"
    api.fleet.present = [leeds, york, hull]
    assert run_with(api, study_hash, "/resume", deadline_seconds=9).status_code == 202
    assert finished(api, study_hash)["state"] == "finished"
    first = before[0][1]
    assert [name for name, content in asked[len(before) :] if content == first] == ["hull"]
    runs = api.call("operator", "GET", f"/v1/studies/{study_hash}/run").json()["runs"]
    assert [(r["state"], r["nodes"], r["deadline_seconds"]) for r in runs] == [
        ("cancelled", runs[0]["nodes"], None),
        ("finished", runs[0]["nodes"], 9),
    ]
    assert code_of(run_with(api, study_hash, "/resume"), 409) == "study-finished"


def test_a_run_that_began_keeps_its_nodes(api, monkeypatch):
    leeds, york, hull = api.members
    study_hash = approve(api)
    refuse = lambda self, *_: self.notice("refused", study_hash, code="node-paused")  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(Site, "answer_zeros", refuse)
        run_with(api, study_hash, nodes=named(leeds, york))
        assert finished(api, study_hash)["code"] == "quorum-lost"
    assert code_of(run_with(api, study_hash, nodes=named(leeds, hull)), 409) == "run-began"
    assert run_with(api, study_hash, nodes=named(leeds, york)).status_code == 202
    assert finished(api, study_hash)["state"] == "finished"


def test_a_withdrawn_study_ends_its_run(api, monkeypatch):
    study_hash = approve(api)
    waiting, gate = threading.Event(), threading.Event()

    def slow(self, *_):
        waiting.set()
        gate.wait(20)
        return self.notice("refused", study_hash, code="node-paused")

    monkeypatch.setattr(Site, "answer_zeros", slow)
    run_with(api, study_hash)
    assert waiting.wait(20)
    reason = json.dumps({"reason": "The question changed"})
    said = api.call("operator", "POST", f"/v1/studies/{study_hash}/withdraw", reason).json()
    gate.set()
    assert said["run"]["state"] == "cancelled"
    assert code_of(run_with(api, study_hash, "/resume"), 409) == "study-withdrawn"
