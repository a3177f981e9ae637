"""The electronic frailty index (Clegg and others, Age and Ageing 2016) as features: 36 deficits, their share, bands.

The names, the arithmetic and the bands are here. The codes are not: the published lists have to be supplied as code
lists by those who hold them, one for each deficit but polypharmacy.
"""

from __future__ import annotations

from privacy.features import Condition, Feature

CODED_DEFICITS = (
    "activity-limitation",
    "anaemia",
    "arthritis",
    "atrial-fibrillation",
    "care-requirement",
    "cerebrovascular-disease",
    "chronic-kidney-disease",
    "diabetes",
    "dizziness",
    "dyspnoea",
    "falls",
    "foot-problem",
    "fragility-fracture",
    "hearing-impairment",
    "heart-failure",
    "heart-valve-disorder",
    "housebound",
    "hypertension",
    "hypotension-syncope",
    "ischaemic-heart-disease",
    "memory-cognitive-disorder",
    "mobility-problems",
    "osteoporosis",
    "parkinsonism-tremor",
    "peptic-ulcer",
    "peripheral-vascular-disease",
    "respiratory-disease",
    "skin-ulcer",
    "sleep-disturbance",
    "social-vulnerability",
    "thyroid-disease",
    "urinary-incontinence",
    "urinary-system-disease",
    "visual-impairment",
    "weight-loss-anorexia",
)
POLYPHARMACY = "polypharmacy"
DEFICITS = (*CODED_DEFICITS, POLYPHARMACY)
MEDICINES_AT_LEAST = 5  # different ones; then the 36th deficit is there
# Above 0.12, 0.24 and 0.36 of 36 deficits: from 5, 9 and 13 on. Below 5 is fit, then mild, moderate, severe.
BANDS_FROM = (5.0, 9.0, 13.0)
MOST_MEDICINES = 100
MEDICINE_DAYS = 84  # twelve weeks; our choice, to be held against the definition that the lists come with
VERSION = "local"


def frailty_index(
    *, diagnoses: str, medicines: str, code: str = "code", medicine_days: int = MEDICINE_DAYS, version: str = VERSION
) -> tuple[Feature, ...]:
    """Return the features of the index over two event data sets, which may be one.

    For each coded deficit: any event ever before the index date whose ``code`` is on ``efi-DEFICIT@VERSION``. For
    polypharmacy: at least five different codes that are on ``efi-medicines@VERSION``, in the last ``medicine_days``
    days. Then ``efi_deficits`` (0 to 36), ``efi`` (their share) and ``efi_band`` (0 fit, 1 mild, 2 moderate, 3 severe).
    """

    def listed(name: str) -> tuple[Condition, ...]:
        return (Condition(code, code_list=f"efi-{name}@{version}"),)

    coded = [Feature(_name(each), "any", data_set=diagnoses, where=listed(each)) for each in CODED_DEFICITS]
    different = Feature(
        "efi_medicines",
        "distinct",
        data_set=medicines,
        column=code,
        where=listed("medicines"),
        from_day=-medicine_days,
        at_most=MOST_MEDICINES,
    )
    many = Feature(_name(POLYPHARMACY), "band", of=(different.name,), edges=(float(MEDICINES_AT_LEAST),))
    all_of = tuple(_name(each) for each in DEFICITS)
    return (
        *coded,
        different,
        many,
        Feature("efi_deficits", "how-many", of=all_of),
        Feature("efi", "share", of=all_of),
        Feature("efi_band", "band", of=("efi_deficits",), edges=BANDS_FROM),
    )


def _name(deficit: str) -> str:
    return f"efi_{deficit.replace('-', '_')}"


__all__ = [
    "BANDS_FROM",
    "CODED_DEFICITS",
    "DEFICITS",
    "MEDICINES_AT_LEAST",
    "MEDICINE_DAYS",
    "MOST_MEDICINES",
    "POLYPHARMACY",
    "VERSION",
    "frailty_index",
]
