"""What tests of a whole federation do alike: load rows into a node, and have a study asked, approved and run."""

import datetime

from node.ingest.load import ingest
from node.optouts import load_optouts


def load_rows(node, numbers, loads, path):
    """Load the list of those who did not opt out, everybody, and rows as CSV lines by their contracts, in order."""
    data = {"store": node.store, "keystore": node.keystore, "now": node.now(), "allow_test_numbers": True}
    path.write_text("\n".join(numbers))
    optouts = load_optouts(file=path, as_of=node.now().date(), **data)
    for contract, lines in loads:
        path.write_text("\n".join(lines))
        ingest(contract=contract, location=path, optouts=optouts, **data)


def finished_study(federation, document):
    """Return the hash of a study that two people at every node approved and that ran to its end."""
    ends = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=30)
    study = federation.submit({**document, "ends": ends.isoformat()})
    federation.approve_everywhere(study)
    assert federation.run(study)["run"]["state"] == "finished"
    return study
