"""A small source of synthetic tables for tests of whoever writes them: people and events that need no simulator."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from synthetic.manifest import Plan
from synthetic.provenance import PublicPriors

PEOPLE = pa.schema(
    [("nhs_number", pa.string()), ("birth_date", pa.date32()), ("sex", pa.dictionary(pa.int8(), pa.string()))]
)
EVENTS = pa.schema(
    [("nhs_number", pa.string()), ("code", pa.dictionary(pa.int32(), pa.string())), ("value", pa.float32())]
)
TRUTH = pa.schema([("nhs_number", pa.string()), ("probability", pa.float32())])


@dataclass(frozen=True)
class MadeUp:
    """Some people a part, two batches a part; ``fault`` is what happens when part ``at`` is asked for."""

    count: int = 3
    people: int = 100
    fault: str = ""
    at: int = -1

    def schemas(self) -> Mapping[str, pa.Schema]:
        return {"people": PEOPLE, "events": EVENTS, "truth/falls": TRUTH}

    def parts(self) -> int:
        return self.count

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        for half in range(2):
            rng = np.random.default_rng([number, half])
            numbers = [f"999{number:03d}{half}{i:03d}" for i in range(self.people)]
            sexes = pa.DictionaryArray.from_arrays(pa.array(rng.integers(2, size=self.people), pa.int8()), ["1", "2"])
            born = pa.array(rng.integers(-9000, 9000, self.people), pa.int32()).cast(pa.date32())
            yield "people", pa.record_batch([pa.array(numbers), born, sexes], schema=PEOPLE)
            if number == self.at:
                self._fail()
            places = pa.array(rng.integers(3, size=5 * self.people), pa.int32())
            values = rng.normal(size=5 * self.people).astype(np.float32)
            values = pa.array(values, mask=values < -1)
            codes = pa.DictionaryArray.from_arrays(places, ["W19", "Fallen, at home", "x"])
            yield "events", pa.record_batch([pa.array(np.repeat(numbers, 5)), codes, values], schema=EVENTS)
            risks = pa.array(rng.random(self.people).astype(np.float32))
            yield "truth/falls", pa.record_batch([pa.array(numbers), risks], schema=TRUTH)

    def _fail(self) -> None:
        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "interrupted":
            raise KeyboardInterrupt
        if self.fault == "slow":
            time.sleep(60)


def a_plan(kind="parquet", **changes) -> Plan:
    """Return a plan for those tables; what it says of them is not looked at."""
    fields = {
        "command": "hedgerow-synthetic generate tiny",
        "seed": 1,
        "recipe": {"people": 600},
        "software": {"hedgerow": "0"},
    }
    tables = {name: dict(zip(s.names, map(str, s.types), strict=True)) for name, s in MadeUp().schemas().items()}
    return Plan(**{"provenance": PublicPriors("0"), "format": kind, "tables": tables, **fields, **changes})
