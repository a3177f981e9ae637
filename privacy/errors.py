"""Every way Hedgerow can say no: one tree of errors, and one catalogue of codes with the next step for each.

::

    HedgerowError            anything a person can act on                              exit
    ├── Invalid              what was given is malformed or does not fit               3
    ├── Unreachable          a service, file or lock could not be had                  4
    ├── Refusal              understood, and refused; it has a kind                    5
    │     kind: never | not-yet | ask-differently | misconfigured
    └── Tampered             a signature, hash or log does not hold                    6

Exit 0 is success, 1 an unexpected fault (a bug: please report it), 2 a wrong command line.
A code is all that ever crosses the door. ``detail`` and ``faults`` are for the people at this machine: they may
name a file, line, column or option, never a value of a record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

Kind = Literal["never", "not-yet", "ask-differently", "misconfigured"]


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue: what happened, what to do next and, for a refusal, its kind."""

    what: str
    next_step: str
    kind: Kind | None = None


# long because it is one table: every code in one place, so that a test can prove it complete
CATALOGUE: dict[str, Entry] = {
    # data contract and load
    "contract-malformed": Entry("The data contract has faults.", "Mend the lines listed, then run the command again."),
    "contract-changed": Entry(
        "The contract differs from the one already loaded under this name and version.",
        "Raise `version` in the contract, so that studies can tell the two apart, then ingest again.",
    ),
    "file-unreadable": Entry(
        "The file could not be read.", "Check that the path is right and that this account may read it."
    ),
    "file-empty": Entry("The file holds no rows.", "Check the extract at its source, then ingest again."),
    "file-malformed": Entry("The file is not UTF-8 CSV text.", "Export it again as UTF-8 CSV with every quote closed."),
    "file-ragged": Entry(
        "Some rows have more or fewer cells than the header.",
        "Mend the lines listed (often an unquoted comma), then ingest again. Nothing was loaded.",
    ),
    "header-absent": Entry(
        "The first line names none of the contract's columns.",
        "Give the file a header line with the names that the contract uses. Its first line is not shown: it may be a record.",
    ),
    "column-repeated": Entry("The header names a column twice.", "Rename or remove one of the two, then ingest again."),
    "column-undeclared": Entry(
        "The file has columns that the contract does not declare.",
        "Declare each in the contract with its kind, or leave it out of the extract. Nothing was loaded.",
    ),
    "column-absent": Entry(
        "The file lacks columns that the contract declares.",
        "Add them to the extract, or take them out of the contract and raise its version. Nothing was loaded.",
    ),
    "identifier-undeclared": Entry(
        "A column looks like NHS numbers, and the contract does not say so.",
        'Declare it with kind = "direct-identifier", or leave it out of the extract. Nothing was loaded.',
    ),
    "too-many-bad-rows": Entry(
        "More rows are bad than the contract allows.",
        "Mend the extract by the reasons listed, or correct the contract. Nothing was loaded.",
    ),
    "no-rows-left": Entry(
        "No good row of a person on the allow-list was in the file.",
        "Check that the opt-out list and the extract are about the same people. Nothing was loaded.",
    ),
    # why a row goes to quarantine: these are never raised, they are counted for the people at this node
    "value-out-of-bounds": Entry(
        "A value lies outside the contract's bounds.", "Correct it at the source, or the bounds."
    ),
    "value-wrong-type": Entry(
        "A value is not of the column's type.", "Correct it at the source, or the column's type."
    ),
    "value-missing": Entry(
        "A value is missing that may not be.", "Fill it at the source, or set may_be_missing = true."
    ),
    "code-unknown": Entry("A code is not among the contract's codes.", "Correct it at the source, or add the code."),
    "nhs-number-malformed": Entry("An NHS number does not have ten digits.", "Correct it at the source."),
    "nhs-number-checksum": Entry("An NHS number's check digit is wrong.", "Correct it at the source: it is mistyped."),
    "nhs-number-not-issued": Entry(
        "An NHS number lies in no issued range.", "Correct it at the source; test numbers (9…) need the test setting."
    ),
    "key-repeated": Entry(
        "Several rows share the contract's key.", "Keep one of them at the source, or widen the key."
    ),
    # opt-outs
    "optouts-absent": Entry(
        "No opt-out list was loaded.",
        "Get the cleaned list and run `hedgerow-node optout load FILE --as-of DATE`.",
        "not-yet",
    ),
    "optouts-stale": Entry(
        "The opt-out list is too old, or dated in the future.",
        "Get a fresh cleaned list and run `hedgerow-node optout load FILE --as-of DATE`.",
        "not-yet",
    ),
    "optouts-malformed": Entry(
        "The opt-out list has faults.",
        "It must hold one valid NHS number a line; mend the lines listed and load it again.",
    ),
    # store and keys
    "data-set-unknown": Entry(
        "No such data set is loaded here.", "Load it with `hedgerow-node ingest CONTRACT.toml FILE`.", "ask-differently"
    ),
    "variable-unknown": Entry(
        "No such variable in the data contract.", "Use a column that the contract declares and the store keeps."
    ),
    "store-busy": Entry("Another load is running on this node.", "Wait until it ends, then run the command again."),
    "store-unwritable": Entry(
        "The node's store could not be written.", "Check free space and rights; nothing was loaded."
    ),
    "store-tampered": Entry(
        "A stored file is missing, was changed, or is not the one that was stored.",
        "Do not use this node's data: keep the directory as evidence, tell the IG lead, restore from backup.",
    ),
    "keystore-exists": Entry(
        "There is a keystore already.", "It is never overwritten: choose another directory.", "never"
    ),
    "keystore-absent": Entry(
        "The keystore could not be read.", "Run `hedgerow-node init`, or check the path and rights."
    ),
    "keystore-tampered": Entry("The keystore was damaged or changed.", "Restore it from backup; tell the IG lead."),
    "key-unknown": Entry(
        "The keystore has no such key.", "Check the key's name, or restore the keystore.", "misconfigured"
    ),
    "wrapping-key-absent": Entry(
        "The wrapping key could not be read.",
        "Mount the wrapping key file at the path in the settings, then start again.",
    ),
    "wrapping-key-wrong": Entry(
        "The wrapping key does not open this keystore.",
        "Point the settings at the file that was made together with this keystore.",
        "misconfigured",
    ),
    "wrapping-key-inside": Entry(
        "The wrapping key lies inside the node's directory.",
        "Keep it elsewhere (another volume or a secret mount): a copy of the directory must not open itself.",
        "misconfigured",
    ),
    "wrapping-key-exposed": Entry(
        "Other accounts can read the wrapping key file.", "Run `chmod 600` on it, then start again.", "misconfigured"
    ),
    # the node's settings, policy and people
    "home-exists": Entry(
        "The directory is not empty.",
        "Choose a directory that does not exist yet: nothing is overwritten.",
        "never",
    ),
    "home-absent": Entry(
        "There is no node or coordinator in this directory.",
        "Give `--home` (HEDGEROW_NODE_HOME, HEDGEROW_COORDINATOR_HOME), or make one with the command's `init`.",
    ),
    "home-unwritable": Entry(
        "The node's files could not be written.", "Check free space and rights; nothing was made or changed."
    ),
    "policy-malformed": Entry("The policy has faults.", "Mend the fields listed; nothing was changed."),
    "policy-unsigned": Entry(
        "The node's policy is not the one that two of its people signed.",
        "Undo the edit of policy.toml or policy.signatures.json; change a policy with `hedgerow-node policy change` only.",
        "misconfigured",
    ),
    "person-unknown": Entry(
        "The node's policy knows no person of that name.",
        "Run `hedgerow-node policy show`; add people with `hedgerow-node person add`.",
        "ask-differently",
    ),
    "person-key-wrong": Entry(
        "The key is not the one that the policy names for this person.",
        "Use this person's own key file.",
        "ask-differently",
    ),
    "person-key-inside": Entry(
        "A person's signing key lies inside the node's directory.",
        "Keep it with the person, elsewhere: the node never holds an approver's key.",
        "never",
    ),
    "person-key-exists": Entry(
        "There is a key file of that name already.", "It is never overwritten: choose another path.", "never"
    ),
    "person-key-unreadable": Entry(
        "The signing key file could not be read or written.", "Check the path; `hedgerow-node person key` makes one."
    ),
    "passphrase-absent": Entry(
        "A passphrase is needed, and there is nobody to ask.",
        "Give `--passphrase-file FILE` or HEDGEROW_PASSPHRASE_FILE.",
    ),
    "passphrase-short": Entry(
        "The passphrase is too short.", "Use at least 12 characters, such as three random words."
    ),
    "passphrase-wrong": Entry(
        "The passphrase does not open this key.", "Try again with this key's own passphrase.", "ask-differently"
    ),
    "role-not-allowed": Entry(
        "This person's role may not decide that.",
        "Ask somebody who has one of the policy's `approver_roles`.",
        "ask-differently",
    ),
    "same-person-twice": Entry(
        "One person cannot give both decisions.",
        "Ask a second person whom the policy allows to approve.",
        "ask-differently",
    ),
    # a study at a node
    "purpose-not-allowed": Entry(
        "The node's policy does not allow the study's purpose.",
        "Ask the node's people, or state another purpose.",
        "ask-differently",
    ),
    "computation-not-allowed": Entry(
        "The node's policy does not allow one of the study's computations.",
        "Ask the node's people, or use another.",
        "ask-differently",
    ),
    "epsilon-above-policy": Entry(
        "The study's epsilon is above the node's policy.", "Ask for a smaller epsilon.", "ask-differently"
    ),
    "delta-above-policy": Entry(
        "The study's delta is above the node's policy.", "Ask for a smaller delta.", "ask-differently"
    ),
    "quorum-below-policy": Entry(
        "The study's quorum is below the node's policy.", "Ask for a larger quorum.", "ask-differently"
    ),
    "cohort-floor-below-policy": Entry(
        "The study's minimum cohort is below the node's policy.", "Ask for a larger minimum cohort.", "ask-differently"
    ),
    "not-invited": Entry(
        "The study does not invite this node.", "Name the node's fingerprint under `invited`.", "ask-differently"
    ),
    "software-differs": Entry(
        "The study was written for other software than runs here.",
        "Install the same version of Hedgerow on both sides, then submit the study again.",
        "ask-differently",
    ),
    "variable-bounds": Entry(
        "A variable's range reaches outside the data contract's bounds.",
        "Keep `low` and `high` within the column's bounds in the contract.",
    ),
    "study-unknown": Entry(
        "No study of that name or hash is here.",
        "List them with `hedgerow-node study list` or `hedgerow-coordinator study status`.",
        "ask-differently",
    ),
    "study-ambiguous": Entry(
        "Several studies have that name or start of a hash.", "Give more digits of the hash listed.", "ask-differently"
    ),
    "study-not-waiting": Entry(
        "The study is not waiting for that decision.",
        "Run `hedgerow-node study show STUDY` to see its state.",
        "ask-differently",
    ),
    "study-not-approved": Entry(
        "Two people at this node have not approved this study.",
        "Ask the node's people; nothing runs without them.",
        "not-yet",
    ),
    "study-changed": Entry(
        "The study is not the one that its hash names.",
        "Do not run it: tell the IG lead. A changed study needs a new submission and new approvals.",
    ),
    "study-refused": Entry(
        "A person at the node refused the study.", "Ask the node's people why; answer them with another study.", "never"
    ),
    "cohort-too-small": Entry(
        "Too few people at this node seem to be in the study's cohort.",
        "Widen the cohort, or go on without this node.",
        "never",
    ),
    "node-paused": Entry("The node is paused.", "Wait until its people run `hedgerow-node resume`.", "not-yet"),
    "node-running": Entry("This node is being served already.", "Stop the other `hedgerow-node serve` first."),
    # start-up
    "room-shadowed": Entry(
        "A file or folder stands in the way of one of Hedgerow's own packages.",
        "Rename or move what is listed, or work in another directory; if nothing is in the way, install Hedgerow again.",
        "misconfigured",
    ),
    "software-unreadable": Entry(
        "The source of the installed software could not be read, so no study can name it.",
        "Install Hedgerow from its wheel, with its source files.",
        "misconfigured",
    ),
    # what is signed, sent and stored
    "message-malformed": Entry(
        "A message, document or file is not of the expected form.",
        "Ask whoever made it to make it again with the same version of Hedgerow.",
    ),
    "signature-wrong": Entry(
        "A signature does not hold.",
        "Do not use the file or message; compare key fingerprints with whoever sent it, by another channel.",
    ),
    "kit-malformed": Entry(
        "The join kit or enrolment file is not one.",
        "Fetch the file again from whoever made it; `hedgerow-coordinator init` and `hedgerow-node init` write them.",
    ),
    "file-unreadable": Entry("A file could not be read.", "Check the path and who may read it."),
    "state-locked": Entry(
        "The state file is in use and did not become free.", "Wait for the other command to end, then try again."
    ),
    "state-unreadable": Entry(
        "The state file could not be opened.", "Check that the directory exists and that this user may write there."
    ),
    # the log and the ledger
    "audit-tampered": Entry(
        "The audit log does not add up: a leaf was changed, dropped or added.",
        "Stop the node, keep a copy of its directory, and call the information governance lead.",
    ),
    "ledger-tampered": Entry(
        "The ledger does not agree with the audit log.",
        "Stop the node, keep a copy of its directory, and call the information governance lead.",
    ),
    "release-unpaid": Entry(
        "The bytes of a release are not those that its receipt paid for.", "Do not use the release; report it."
    ),
    "place-answered": Entry(
        "This place of the plan was answered already, for another request.",
        "Send the same request again to get the same answer, or use a spare place of the plan.",
        "ask-differently",
    ),
    "budget-too-small": Entry(
        "The study costs more than is left of this population's privacy budget.",
        "Run `hedgerow-node ledger show`; ask for a smaller epsilon.",
        "ask-differently",
    ),
    "budget-exhausted": Entry(
        "This population's privacy budget does not hold the charge.",
        "Run `hedgerow-node ledger show`; a budget is for life and is never refilled.",
        "never",
    ),
    # the study and its computations
    "study-malformed": Entry("The study has faults.", "Mend the fields listed, then check the study again."),
    "study-expired": Entry("The study has ended.", "Submit a new study with a later end date.", "never"),
    "variable-unknown": Entry(
        "The study uses a variable or column that is not there.",
        "Compare the study's columns with the data contract.",
    ),
    "step-unknown": Entry("The study has no step of that name.", "Mend the step's name in the study."),
    "parameters-wrong": Entry(
        "A computation's parameters do not fit.", "Mend the parameters named, then check the study again."
    ),
    "computation-unknown": Entry(
        "No computation of that name is installed.",
        "Use one that `hedgerow-coordinator study check` lists, or install the version that has it.",
    ),
    "epsilon-too-small": Entry(
        "The study's epsilon is too small to split over its sums.",
        "Ask for a larger epsilon, fewer sums or fewer spares.",
    ),
    "contribution-shape": Entry(
        "A computation gave contributions of another shape than its plan says.", "Report it to its author: a bug."
    ),
    "quorum-lost": Entry(
        "Too few nodes answered for the study's quorum.",
        "See `hedgerow-coordinator study status` for who is missing; run again when they are back.",
        "not-yet",
    ),
    "node-refused": Entry(
        "A node refused the request.", "Ask its information governance lead; the code says why.", "not-yet"
    ),
    "release-unexpected": Entry(
        "A release is not the answer to what was asked.", "Do not use it; report the node and the place."
    ),
    "roster-wrong": Entry(
        "The nodes of this round are not those the study allows.",
        "Run again with the invited nodes.",
        "ask-differently",
    ),
    "place-unknown": Entry("The plan has no such place to ask for.", "Report it: the two sides differ.", "never"),
    "computation-failed": Entry(
        "A computation failed at the node; its charge stands.", "Ask the node's data team for the cause in its own log."
    ),
    "file-unwritable": Entry(
        "The file to write is there already, or its directory is not.", "Name a new file: nothing is ever replaced."
    ),
    "purpose-absent": Entry("No purpose was stated.", "Say in --purpose what the figures are for.", "ask-differently"),
    "dry-run-failed": Entry(
        "A computation of the study does not run through, tried on nobody.",
        "Compare its parameters with the study's variables; if they fit, report it to the computation's author.",
    ),
    "model-kind-absent": Entry(
        "The model holds no result of the kind needed.", "Name a study whose steps include a risk model."
    ),
    # the coordinator: its home, its nodes, its studies and its API
    "settings-wrong": Entry("Some settings do not fit.", "Mend those listed; flags go before environment, then TOML."),
    "key-exposed": Entry(
        "Other accounts can read a private key file.",
        "Run `chmod 600` on it; if others use this machine, make new keys.",
        "misconfigured",
    ),
    "token-refused": Entry(
        "The token was not accepted.",
        "Check that both clocks are right and that this key is enrolled; each token serves one request.",
        "misconfigured",
    ),
    "role-refused": Entry("This is not for the caller's role.", "Ask someone whose role allows it.", "never"),
    "address-unknown": Entry("Nothing is at that address.", "Use a client of the same version as the coordinator."),
    "body-too-large": Entry("The request is too large.", "Send a smaller document."),
    "fault": Entry(
        "Something unexpected happened: a fault of Hedgerow's.",
        "Report it with the time and the version; the coordinator's log names the kind of fault.",
    ),
    "server-unreachable": Entry(
        "The coordinator's server does not answer.", "Start it with `hedgerow-coordinator serve`, then try again."
    ),
    "node-enrolled": Entry("This node is enrolled already.", "Nothing is to be done; `node list` shows it.", "never"),
    "node-name-taken": Entry(
        "Another node is enrolled under this name.",
        "Have the new node choose another name, then enrol it.",
        "ask-differently",
    ),
    "invited-unknown": Entry(
        "The study invites fingerprints that are not enrolled.",
        "Compare them with `hedgerow-coordinator node list`; enrol the nodes first.",
    ),
    "data-set-other": Entry(
        "The study is about another data set than the contract.",
        "Give the contract of the data set that the study names.",
    ),
    "study-name-taken": Entry(
        "Another study was submitted under this name.",
        "Give the changed study a name of its own, such as NAME-2: what people approved must stay what it was.",
        "ask-differently",
    ),
    "study-withdrawn": Entry(
        "The node withdrew from this study.", "A withdrawal is final: submit a new study.", "never"
    ),
    "study-finished": Entry(
        "The study has run to its end.",
        "See `hedgerow-coordinator result show STUDY`; to run again, submit another.",
        "never",
    ),
    "study-not-ready": Entry(
        "Too few nodes have approved the study and are online.",
        "See `hedgerow-coordinator study status STUDY` for whom it waits; `run STUDY` waits by itself.",
        "not-yet",
    ),
    "run-failed": Entry(
        "The run ended before the study was finished.",
        "See the code beside it; `hedgerow-coordinator run STUDY` goes on from the last finished round.",
        "not-yet",
    ),
    "model-absent": Entry(
        "The study has no result yet.", "See `hedgerow-coordinator study status STUDY` for how far it is.", "not-yet"
    ),
    # federation: the connection between node and coordinator
    "answer-failed": Entry(
        "The node could not answer a request; nothing left it.",
        "Look in the node's log for the fault at that time. The coordinator was told this code and nothing else.",
        "not-yet",
    ),
    "bundle-refused": Entry(
        "A request came with an app bundle that this node does not allow; the bundle was neither fetched nor run.",
        "Ask the hub why it ships code. Only an administrator of this node can allow a bundle, by its SHA-256.",
        "never",
    ),
    "certificate-unusable": Entry(
        "The coordinator's TLS certificate or its private key cannot be read, or the two do not belong together.",
        "Check both paths in the settings, and that this account may read them.",
    ),
    "coordinator-certificate-refused": Entry(
        "The coordinator's certificate is not signed by the root certificate that this node trusts, or names another host.",
        "Compare the node's root certificate and the coordinator's address with what the hub gave you.",
        "misconfigured",
    ),
    "coordinator-unreachable": Entry(
        "The coordinator cannot be reached; the node keeps trying.",
        "Check the coordinator's address and the outgoing firewall. If others connect, wait.",
    ),
    "message-too-large": Entry(
        "A message between coordinator and node is larger than 64 MiB.",
        "Ask for fewer or smaller blocks in one request.",
    ),
    "node-key-malformed": Entry(
        "The node's public key is not an elliptic-curve key in PEM form.",
        "Send the file that `hedgerow-node` wrote at enrolment, unchanged.",
    ),
    "node-key-refused": Entry(
        "The coordinator does not know this node's key, or this machine's clock is more than five minutes wrong.",
        "Check the clock, then ask the hub to confirm the enrolment. The node keeps trying.",
        "not-yet",
    ),
    "node-key-reused": Entry(
        "Another node is already registered with this key.",
        "Enrol the node with a key of its own; keys are never shared between nodes.",
    ),
    "port-unavailable": Entry(
        "The address and port cannot be listened on.",
        "Stop what else listens there, or choose another port in the settings.",
    ),
    "request-malformed": Entry(
        "A request was not in the form that this node answers.",
        "Check that node and coordinator run the same release.",
        "ask-differently",
    ),
    "root-certificate-unreadable": Entry(
        "The root certificate is not a certificate in PEM form.",
        "Check the path in the settings; the file must begin with -----BEGIN CERTIFICATE-----.",
    ),
}


class HedgerowError(Exception):
    """Base of everything a person can act on; always carries a code from the catalogue.

    ``detail`` says where, in one phrase; ``faults`` lists all faults at once. Neither may hold a record's value.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, code: str, detail: str = "", *, faults: Iterable[str] = ()) -> None:
        self.code = code
        self.entry = CATALOGUE[code]
        self.detail = detail
        self.faults = tuple(faults)
        super().__init__(f"{code}: {self.entry.what}" + (f" {detail}" if detail else ""))

    def explain(self) -> str:
        """Return what happened, where, and what to do next, as lines for a terminal."""
        head = f"{self.entry.what} ({self.detail})" if self.detail else self.entry.what
        return "\n".join(
            [f"{self.code}: {head}", *(f"  - {fault}" for fault in self.faults), f"Next: {self.entry.next_step}"]
        )


class Invalid(HedgerowError):
    """What was given is malformed or does not fit."""

    exit_status = 3


class Unreachable(HedgerowError):
    """A service, file or lock could not be had."""

    exit_status = 4


class Refusal(HedgerowError):
    """Understood, and refused."""

    exit_status = 5

    @property
    def kind(self) -> Kind:
        """Say whether asking again can help: never, not-yet, ask-differently or misconfigured."""
        return self.entry.kind or "never"


class Tampered(HedgerowError):
    """A signature, a hash or a log does not hold."""

    exit_status = 6


__all__ = ["CATALOGUE", "Entry", "HedgerowError", "Invalid", "Kind", "Refusal", "Tampered", "Unreachable"]
