"""A risk model as an ONNX graph: raw columns in, missing values as NaN; clamping, transforms and the model inside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from models.scorecard import Scorecard, Term, scorecard_of
from models.version import ModelVersion
from privacy.variables import Variable

OPSET: Final = 17  # has all that is needed for float64; what a 2022 runtime reads
IR_VERSION: Final = 8  # of the same time
OUTPUT: Final = "probability"
ROWS: Final = "rows"


def as_onnx(model: ModelVersion, version: str) -> bytes:
    """Return the model as ONNX: one float64 input of shape (rows,) for each column it reads, output ``probability``.

    Equal models give equal bytes.
    """
    import onnx  # noqa: PLC0415 - only who exports needs it

    card = scorecard_of(model)
    float64, helper = onnx.TensorProto.DOUBLE, onnx.helper
    graph = helper.make_graph(
        list(_nodes(card)),
        "hedgerow-linear-risk",
        [helper.make_tensor_value_info(name, float64, [ROWS]) for name in card.inputs],
        [helper.make_tensor_value_info(_output(card), float64, [ROWS])],
        doc_string=f"{model.study.title} Intended use: {model.study.intended_use}",
    )
    opset = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="hedgerow")
    facts = {
        "model": version,
        "study": model.study.hash,
        "made_at": model.made_at,
        "missing": "NaN",
        "outcome": card.outcome.name,
    }
    helper.set_model_props(made, facts)
    onnx.checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def _output(card: Scorecard) -> str:
    return OUTPUT if OUTPUT not in card.inputs else f":{OUTPUT}"  # no column has a colon in its name


def _nodes(card: Scorecard) -> Iterator[Any]:
    """Yield the graph's nodes in order; the sum is added up one term after the other, so that it has one result."""
    yield _constant(":intercept", card.intercept)
    log_odds = ":intercept"
    for i, term in enumerate(card.terms):
        value, total = f"{term.variable.name}:value", f":log_odds:{i}"
        yield from _transformed(term, value)
        yield from _binary("Mul", value, term.weight, f"{term.variable.name}:weighed")
        yield _node("Add", [log_odds, f"{term.variable.name}:weighed"], total)
        log_odds = total
    yield _node("Sigmoid", [log_odds], _output(card))


def _transformed(term: Term, out: str) -> Iterator[Any]:
    """Yield the nodes that turn a column into a variable, as ``models.variables`` does: missing, clamp, transform."""
    v, name = term.variable, term.variable.name
    yield _node("IsNaN", [term.input], f"{name}:missing")
    yield _constant(f"{name}:if_missing", v.if_missing)
    yield _node("Where", [f"{name}:missing", f"{name}:if_missing", term.input], f"{name}:known")
    yield _constant(f"{name}:low", v.low)
    yield _constant(f"{name}:high", v.high)
    yield _node("Clip", [f"{name}:known", f"{name}:low", f"{name}:high"], f"{name}:clamped")
    if v.transform == "at-least":
        yield _constant(f"{name}:threshold", v.threshold)
        yield _node("GreaterOrEqual", [f"{name}:clamped", f"{name}:threshold"], f"{name}:reached")
        yield _node("Cast", [f"{name}:reached"], out, to=_float64())
    else:
        yield _node("Sub", [f"{name}:clamped", f"{name}:low"], f"{name}:above")
        yield from _scaled(v, f"{name}:above", out)


def _scaled(v: Variable, above: str, out: str) -> Iterator[Any]:
    if v.transform == "log":
        yield from _binary("Add", above, 1.0, f"{v.name}:plus_one")
        yield _node("Log", [f"{v.name}:plus_one"], f"{v.name}:log")
        yield from _binary("Div", f"{v.name}:log", math.log1p(v.high - v.low), out)
    elif v.transform == "square":
        yield from _binary("Div", above, v.high - v.low, f"{v.name}:unit")
        yield _node("Mul", [f"{v.name}:unit", f"{v.name}:unit"], out)
    else:
        yield from _binary("Div", above, v.high - v.low, out)


def _binary(operator: str, left: str, number: float, out: str) -> Iterator[Any]:
    yield _constant(f"{out}:by", number)
    yield _node(operator, [left, f"{out}:by"], out)


def _node(operator: str, inputs: Sequence[str], out: str, **attributes: Any) -> Any:  # noqa: ANN401 - onnx has no types
    from onnx import helper  # noqa: PLC0415 - as above

    return helper.make_node(operator, list(inputs), [out], name=out, **attributes)


def _constant(name: str, number: float) -> Any:  # noqa: ANN401 - onnx has no types
    from onnx import helper  # noqa: PLC0415 - as above

    return helper.make_node("Constant", [], [name], name=name, value=helper.make_tensor(name, _float64(), [], [number]))


def _float64() -> int:
    from onnx import TensorProto  # noqa: PLC0415 - as above

    return int(TensorProto.DOUBLE)


__all__ = ["IR_VERSION", "OPSET", "OUTPUT", "ROWS", "as_onnx"]
