"""The coordinator keeps what nodes said of their logs, the newest as it was signed, and gives it back."""

import base64

import pytest

from coordinator.checkpoints import SCHEMA, Checkpoints
from privacy.durable import Database
from privacy.errors import HedgerowError
from privacy.release import Notice, decode
from privacy.signing import PublicKey
from tests.coordinators import NOW, sites


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(Database(tmp_path / "coordinator.db", SCHEMA))


def tell(kept, site, size, root="a" * 64, **more):
    content = site.notice("checkpoint", size=size, root=root, **more)
    kept.keep(decode(content, PublicKey.of(site.key)), content, at=NOW)
    return content


def code_of(work, *arguments, **more):
    with pytest.raises(HedgerowError) as caught:
        work(*arguments, **more)
    return caught.value.code


def test_a_node_cannot_show_two_histories(kept):
    (leeds,) = sites("leeds")
    tell(kept, leeds, 7)
    tell(kept, leeds, 7)
    assert code_of(tell, kept, leeds, 7, "b" * 64) == "audit-tampered"


def test_the_newest_is_given_back_as_it_was_signed_to_the_node_it_is_of(kept):
    leeds, york = sites("leeds", "york")
    assert kept.newest(leeds.fingerprint) is None
    assert kept.told(leeds.fingerprint) == ""
    tell(kept, leeds, 7)
    larger = tell(kept, leeds, 9, "c" * 64)
    tell(kept, leeds, 8, "b" * 64)  # later, but of an older state: the larger one stands
    assert base64.b64decode(kept.told(leeds.fingerprint)) == kept.newest(leeds.fingerprint) == larger
    assert kept.newest(york.fingerprint) is None


def test_an_answer_to_a_request_is_no_checkpoint(kept):
    (leeds,) = sites("leeds")
    for wrong in ({"place": 1, "size": 1}, {"size": 2**63}):
        said = Notice("checkpoint", leeds.fingerprint, root="a" * 64, **wrong)
        assert code_of(kept.keep, said, b"", at=NOW) == "message-malformed"
