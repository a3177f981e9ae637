"""How sure it is that two records are one person: a Fellegi-Sunter model, trained by Splink on DuckDB in memory."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from models.in_memory import connect
from privacy.errors import Invalid, Unreachable

MEMORY = "3GB"  # two extracts, and every pair that is looked at
SEED = 20260101  # of the sample of pairs that do not match; with one thread, the same input gives the same model
PAIRS_SAMPLED = 1e6
RECALL_OF_EXACT = 0.6  # share of true pairs whose names and date agree exactly: .42 in FEBRL 4, .7 to .8 in NHS studies
LEAST_TO_TRAIN = 50  # pairs that agree exactly; from fewer no error rate can be told
EXACT = ("given_name", "surname", "date_of_birth")
BLOCKING = (  # a pair is looked at if it agrees on one of these; each is worked out from what one keying error leaves
    "l.date_of_birth = r.date_of_birth",
    "l.date_of_birth = r.transposed",
    "l.surname = r.surname and l.given_name = r.given_name",
    "l.surname = r.given_name and l.given_name = r.surname",
    "l.surname = r.surname and l.root = r.root",
    "l.surname = r.surname and substr(l.date_of_birth, 1, 7) = substr(r.date_of_birth, 1, 7)",
    "l.root = r.root and substr(l.date_of_birth, 1, 7) = substr(r.date_of_birth, 1, 7)",
)
AT_HOME = (
    "l.postcode = r.postcode and l.surname = r.surname",
    "l.postcode = r.postcode and l.root = r.root",
    "l.postcode = r.postcode and substr(l.date_of_birth, 1, 4) = substr(r.date_of_birth, 1, 4)",
)
BY_ID = ("l.shared_id = r.shared_id",)
_DISTANCE = "damerau_levenshtein({0}_l, {0}_r) <= {1}"
_ALIKE = "jaro_winkler_similarity({0}_l, {0}_r) >= {1}"
_SWAPPED = "given_name_l = surname_r and surname_l = given_name_r"
_NEAR_POSTCODE = _DISTANCE.format("postcode", 1)
LEVELS: Mapping[str, Sequence[tuple[str, float, float]]] = {
    # condition, then m and u to begin with; what is never seen in training keeps them
    "given_name": (
        ("given_name_l = given_name_r", 0.8, 0.005),
        ("root_l = root_r", 0.05, 0.002),
        (_SWAPPED, 0.01, 0.00001),
        (_ALIKE.format("given_name", 0.9), 0.06, 0.003),
        (_ALIKE.format("given_name", 0.8), 0.03, 0.01),
    ),
    "surname": (
        ("surname_l = surname_r", 0.85, 0.002),
        (_SWAPPED, 0.01, 0.00001),
        (_ALIKE.format("surname", 0.9), 0.06, 0.001),
        (_ALIKE.format("surname", 0.8), 0.03, 0.008),
    ),
    "date_of_birth": (
        ("date_of_birth_l = date_of_birth_r", 0.93, 0.00004),
        ("date_of_birth_l = transposed_r", 0.01, 0.00002),
        ("hamming(date_of_birth_l, date_of_birth_r) <= 1", 0.02, 0.0008),
        ("hamming(date_of_birth_l, date_of_birth_r) <= 2", 0.02, 0.01),  # two digits, or two in each other's place
    ),
    "sex": (("sex_l = sex_r", 0.99, 0.5),),
    # one comparison of the place, since address and postcode of one home agree together and would count twice
    "place": (
        ("postcode_l = postcode_r and address_l = address_r", 0.5, 0.00001),
        ("postcode_l = postcode_r", 0.15, 0.0001),
        (f"address_l = address_r or ({_NEAR_POSTCODE} and {_ALIKE.format('address', 0.9)})", 0.1, 0.0001),
        (_NEAR_POSTCODE, 0.03, 0.001),
        ("left(postcode_l, length(postcode_l) - 3) = left(postcode_r, length(postcode_r) - 3)", 0.07, 0.02),
        (_ALIKE.format("address", 0.9), 0.03, 0.003),
    ),
    "shared_id": (("shared_id_l = shared_id_r", 0.9, 0.000001), (_DISTANCE.format("shared_id", 1), 0.05, 0.00001)),
}  # fmt: skip
_NULL = {
    "place": "(postcode_l is null or postcode_r is null) and (address_l is null or address_r is null)",
}
_NEEDS = {
    "sex": ("sex",),
    "place": ("postcode", "address"),
    "shared_id": ("shared_id",),
}  # the others every agreement has
_TEXTS = ("given_name", "surname", "date_of_birth", "sex", "postcode", "address", "shared_id", "root", "transposed")

Model = dict[str, Any]


def train(reference: pa.Table, target: pa.Table, compared: Sequence[str], *, seed: int = SEED) -> Model:
    """Return a model trained on these records: how often true pairs, and others, agree on each column.

    u comes from a seeded sample of pairs, m by expectation maximisation on two kinds of blocks (Fellegi and Sunter
    1969; Winkler 2000). With too few exact pairs it is ``linkage-untrainable``.
    """
    exact = pc.sum(_exact_pairs(reference, target)).as_py() or 0
    if exact < LEAST_TO_TRAIN:
        raise Invalid("linkage-untrainable", f"at least {LEAST_TO_TRAIN} pairs must agree on {', '.join(EXACT)}")
    with _linker(_settings(compared), reference, target, threads=1) as linker:
        training = linker.training
        training.estimate_probability_two_random_records_match([_all(EXACT)], recall=RECALL_OF_EXACT)
        training.estimate_u_using_random_sampling(max_pairs=PAIRS_SAMPLED, seed=seed)
        training.estimate_parameters_using_expectation_maximisation(_all(["date_of_birth"]))
        training.estimate_parameters_using_expectation_maximisation(_all(["surname", "root"]))
        return _kept(linker.misc.save_model_to_json(), compared)


def score(model: Model, reference: pa.Table, target: pa.Table, *, least: float) -> pa.Table:
    """Return the pairs that are as probable as ``least``: ``reference``, ``target`` (rows), ``probability``, levels.

    A column for each of ``LEVELS`` says how well the pair agrees: 0 not at all, -1 one of the two is missing.
    """
    with _linker(model, reference, target) as linker:
        found = linker.inference.predict(threshold_match_probability=least, warning_mode="never").as_pyarrow_table()
    pairs = {
        "reference": found["unique_id_l"],
        "target": found["unique_id_r"],
        "probability": found["match_probability"],
    }
    missing = pa.array([-1] * len(found), pa.int32())
    for name in LEVELS:
        level = f"gamma_{name}"
        pairs[name] = found[level].cast(pa.int32()) if level in found.column_names else missing
    return pa.table(pairs).sort_by([("target", "ascending"), ("reference", "ascending")])


def _exact_pairs(reference: pa.Table, target: pa.Table) -> pa.ChunkedArray:
    counted = reference.group_by(list(EXACT)).aggregate([([], "count_all")])
    whole = target.select(list(EXACT)).drop_null()
    return whole.join(counted.drop_null(), keys=list(EXACT), join_type="inner")["count_all"]


def _settings(compared: Sequence[str]) -> Model:
    """Return the model before training: every level with the values that it begins with."""
    used = [name for name in LEVELS if not _NEEDS.get(name) or set(_NEEDS[name]) & set(compared)]
    rules = [*BLOCKING, *(AT_HOME if "postcode" in compared else ()), *(BY_ID if "shared_id" in compared else ())]
    return {
        "link_type": "link_only",
        "linker_uid": "hedgerow",
        "comparisons": [_comparison(name) for name in used],
        "blocking_rules_to_generate_predictions": [{"blocking_rule": rule, "sql_dialect": "duckdb"} for rule in rules],
        "retain_matching_columns": True,  # in the engine's memory; it keeps the levels of agreement only with them
        "retain_intermediate_calculation_columns": False,
        "em_convergence": 1e-5,
        "max_iterations": 50,
    }


def _comparison(name: str) -> Model:
    levels = LEVELS[name]
    null = _NULL.get(name, f"{name}_l is null or {name}_r is null")
    made: list[Model] = [{"sql_condition": null, "label_for_charts": "missing", "is_null_level": True}]
    for number, (condition, m, u) in enumerate(levels):
        level = {"sql_condition": condition, "label_for_charts": condition, "m_probability": m, "u_probability": u}
        if number == 0 and name in ("given_name", "surname"):  # two Smiths agree less than two Featherstonehaughs
            level |= {"tf_adjustment_column": name, "tf_adjustment_weight": 1.0}
        made.append(level)
    rest = {"m_probability": 1 - sum(m for _, m, _ in levels), "u_probability": 1 - sum(u for *_, u in levels)}
    return {
        "output_column_name": name,
        "comparison_levels": [*made, {"sql_condition": "ELSE", "label_for_charts": "else", **rest}],
    }


def _kept(trained: Model, compared: Sequence[str]) -> Model:
    """Return the trained model; a level that training never saw gets back what it began with."""
    first = {c["output_column_name"]: c["comparison_levels"] for c in _settings(compared)["comparisons"]}
    for comparison in trained["comparisons"]:
        for level, before in zip(comparison["comparison_levels"], first[comparison["output_column_name"]], strict=True):
            for which in ("m_probability", "u_probability"):
                if not level.get("is_null_level") and not isinstance(level.get(which), float):
                    level[which] = before[which]
    plain: Model = json.loads(json.dumps(trained))
    return plain


def _all(columns: Sequence[str]) -> str:
    return " and ".join(f"l.{column} = r.{column}" for column in columns)


@contextmanager
def _linker(settings: Model, reference: pa.Table, target: pa.Table, *, threads: int | None = None) -> Iterator[Any]:
    """Give Splink an engine that can write nothing; its own messages, which count records, are not heard."""
    from duckdb import OutOfMemoryException  # noqa: PLC0415 - with the engine
    from splink import DuckDBAPI, Linker  # noqa: PLC0415 - half a second
    from splink.internals.exceptions import SplinkException  # noqa: PLC0415 - the same

    logger = logging.getLogger("splink")
    level = logger.level
    with connect(memory=MEMORY, threads=threads) as engine, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        database = DuckDBAPI(connection=engine)
        sides = [database.register(_side(t), dataset_display_name=n) for n, t in (("a", reference), ("b", target))]
        try:
            yield Linker(sides, settings, log_level=None)
        except (OutOfMemoryException, SplinkException, ValueError) as error:  # whose texts may tell counts
            if isinstance(error.__cause__ or error, OutOfMemoryException):
                raise Unreachable("linkage-too-large") from None  # it would have gone to a disk, in clear
            raise Invalid("linkage-untrainable", "the records do not tell one person from another") from None
        finally:
            logger.setLevel(level)


def _side(records: pa.Table) -> pa.Table:
    """Return the records with a row number for an id, and every column that a rule may name."""
    nothing = pa.nulls(len(records), pa.string())
    columns = {name: records[name] if name in records.column_names else nothing for name in _TEXTS}
    return pa.table({"unique_id": pa.array(range(len(records)), pa.int64()), **columns})


__all__ = [
    "AT_HOME",
    "BLOCKING",
    "EXACT",
    "LEAST_TO_TRAIN",
    "LEVELS",
    "MEMORY",
    "PAIRS_SAMPLED",
    "RECALL_OF_EXACT",
    "SEED",
    "Model",
    "score",
    "train",
]
