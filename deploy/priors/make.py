"""Makes the tables in synthetic/priors/ that are taken from open files, each checked against the hash of its source.

    .venv/bin/python deploy/priors/make.py FOLDER        (FOLDER holds the open files of synthetic/priors/sources.toml)

Nobody needs this to use Hedgerow: the tables ship. It is here so that anybody can see where they came from.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from synthetic.published import PRIORS, sources

AGES = [*(str(age) for age in range(90)), "90+"]
BANDS = {"0-15": (0, 16), "16-24": (16, 25), "25-44": (25, 45), "45-64": (45, 65), "65-79": (65, 80), "80+": (80, 91)}
# Census 2021 knows nineteen groups, the NHS Data Dictionary's ETHNIC CATEGORY the sixteen of 2001
ETHNIC_GROUPS = {
    "White: English, Welsh, Scottish, Northern Irish or British": "A",
    "White: Irish": "B",
    "White: Other White": "C",
    "White: Gypsy or Irish Traveller": "C",
    "White: Roma": "C",
    "Mixed or Multiple ethnic groups: White and Black Caribbean": "D",
    "Mixed or Multiple ethnic groups: White and Black African": "E",
    "Mixed or Multiple ethnic groups: White and Asian": "F",
    "Mixed or Multiple ethnic groups: Other Mixed or Multiple ethnic groups": "G",
    "Asian, Asian British or Asian Welsh: Indian": "H",
    "Asian, Asian British or Asian Welsh: Pakistani": "J",
    "Asian, Asian British or Asian Welsh: Bangladeshi": "K",
    "Asian, Asian British or Asian Welsh: Other Asian": "L",
    "Black, Black British, Black Welsh, Caribbean or African: Caribbean": "M",
    "Black, Black British, Black Welsh, Caribbean or African: African": "N",
    "Black, Black British, Black Welsh, Caribbean or African: Other Black": "P",
    "Asian, Asian British or Asian Welsh: Chinese": "R",
    "Other ethnic group: Arab": "S",
    "Other ethnic group: Any other ethnic group": "S",
}
Read = Callable[[str], pd.DataFrame]


def main(folder: Path) -> None:
    """Write every table whose basis is "taken"."""
    read = reader(folder)
    authorities = local_authorities(read)
    write("places", places(read), "ons-lsoa-icb-2024")
    write("local_authorities", authorities, "ons-lsoa-icb-2024", "ons-lsoa-2021")
    write("areas", areas(read, authorities), "ons-lsoa-2021", "imd-2025", "census-2021-residents")
    write("area_ages", area_ages(read, authorities), "ons-population-2020-lsoa", "ons-lsoa-2021")
    write("ages", ages(read, authorities), "ons-population-2020")
    write("sexes", sexes(read), "ons-population-2023")
    write("ethnicities", ethnicities(read, authorities), "census-2021-ethnicity")
    write("list_sizes", list_sizes(read), "practice-lists-2020")


def reader(folder: Path) -> Read:
    """Return what reads the file of a source, which must be the very one that the tables were taken from."""

    def read(source: str) -> pd.DataFrame:
        path = folder / sources()[source].file
        if hashlib.sha256(path.read_bytes()).hexdigest() != sources()[source].sha256:
            sys.exit(f"{path} is not the file that {source} was taken from")
        return pd.read_csv(path)

    return read


def write(name: str, table: pd.DataFrame, *keys: str) -> None:
    """Write one table below a line that names its sources."""
    text = table.to_csv(index=False, lineterminator="\n")
    (PRIORS / f"{name}.csv").write_text(f"# source: {', '.join(keys)}\n{text}", encoding="utf-8")
    print(f"{name}: {len(table)} rows")


def places(read: Read) -> pd.DataFrame:
    """Return the 42 integrated care systems: the word for each, its code at the NHS and its name."""
    rows = read("ons-lsoa-icb-2024")[["icb24_code_nhs", "icb24_name"]].drop_duplicates()
    rows = rows.set_axis(["code", "name"], axis=1)
    rows["name"] = rows.name.str.removeprefix("NHS ").str.removesuffix(" Integrated Care Board")
    rows.insert(0, "place", [re.sub(r"[^a-z]+", "-", name.lower()) for name in rows.name])
    rows.loc[rows.code == "QHG", "place"] = "blmk"  # as everybody there calls it
    return rows.sort_values("code")


def local_authorities(read: Read) -> pd.DataFrame:
    """Return the 309 local authorities, each in the care system that most of its LSOAs are in (eleven lie in two)."""
    rows = _lsoas(read).merge(read("ons-lsoa-icb-2024")[["lsoa21_code", "icb24_code_nhs"]])
    rows = rows.groupby(["ltla22_code", "ltla22_name"]).icb24_code_nhs.agg(lambda codes: codes.mode()[0]).reset_index()
    rows = rows.set_axis(["local_authority", "name", "place"], axis=1)
    return rows.assign(place=rows.place.map(places(read).set_index("code").place))


def areas(read: Read, authorities: pd.DataFrame) -> pd.DataFrame:
    """Return the 33,755 LSOAs of 2021: IMD decile of 2025 and, where an open file has them, residents (else 0)."""
    residents = read("census-2021-residents").drop_duplicates("lsoa21_code").set_index("lsoa21_code").total_residents
    rows = _lsoas(read).merge(read("imd-2025")[["lsoa21_code", "IMD_decile"]])
    rows["people"] = rows.lsoa21_code.map(residents).fillna(0).astype(int)
    rows.loc[~rows.ltla22_code.isin(_wholly_known(rows)), "people"] = 0
    rows = rows[["lsoa21_code", "ltla22_code", "IMD_decile", "people"]].astype({"IMD_decile": int})
    rows = rows[rows.ltla22_code.isin(authorities.local_authority)].sort_values(["ltla22_code", "lsoa21_code"])
    return rows.set_axis(["lsoa", "local_authority", "imd_decile", "people"], axis=1)


def area_ages(read: Read, authorities: pd.DataFrame) -> pd.DataFrame:
    """Return people by broad age in LSOAs of 2021 of one care system: those of the LSOAs of 2011 they are made of."""
    people = read("ons-population-2020-lsoa").set_index("lsoa11_code")
    bands = pd.DataFrame({band: people[AGES[low:high]].sum(axis=1) for band, (low, high) in BANDS.items()})
    pairs = read("ons-lsoa-2021")
    pairs = pairs[pairs.ltla22_code.isin(authorities[authorities.place == "blmk"].local_authority)]
    shares = bands.loc[pairs.lsoa11_code].set_axis(pairs.lsoa21_code)
    return shares.groupby(level=0).sum().astype(int).rename_axis("lsoa").reset_index()


def ages(read: Read, authorities: pd.DataFrame) -> pd.DataFrame:
    """Return people by single year of age in each local authority."""
    rows = read("ons-population-2020").set_index("ltla21_code").loc[authorities.local_authority, AGES]
    return rows.astype(int).rename_axis("local_authority").reset_index()


def sexes(read: Read) -> pd.DataFrame:
    """Return England's males and females by single year of age."""
    rows = read("ons-population-2023").query("Name == 'ENGLAND'").pivot_table("count", "age", "sex")
    return rows.loc[AGES, ["males", "females"]].astype(int).rename_axis("age").reset_index()


def ethnicities(read: Read, authorities: pd.DataFrame) -> pd.DataFrame:
    """Return people by ethnic category of the NHS Data Dictionary in each local authority."""
    rows = read("census-2021-ethnicity")
    rows = rows[rows.ethnic_group.str.endswith("(number)")]
    letters = rows.ethnic_group.str.removesuffix("(number)").str.strip().map(ETHNIC_GROUPS)
    if letters.isna().any():
        sys.exit("an ethnic group has no category")
    counts = rows.assign(letter=letters).pivot_table("value", "ltla21_code", "letter", aggfunc="sum")
    return counts.loc[authorities.local_authority].astype(int).rename_axis("local_authority").reset_index()


def list_sizes(read: Read) -> pd.DataFrame:
    """Return the percentiles of the sizes of practices' lists; no code begins with X, so that made-up ones may."""
    practices = read("practice-lists-2020")
    if practices.PRACTICE_CODE.str.startswith("X").any():
        sys.exit("a practice has a code that made-up practices use")
    percentiles = [*range(1, 100)]
    sizes = practices.Total.quantile([percentile / 100 for percentile in percentiles]).round().astype(int)
    return pd.DataFrame({"percentile": percentiles, "people": sizes.to_numpy()})


def _lsoas(read: Read) -> pd.DataFrame:
    """Return each LSOA of 2021 in England with its local authority."""
    rows = read("ons-lsoa-2021")[["lsoa21_code", "ltla22_code", "ltla22_name"]].drop_duplicates()
    return rows[rows.lsoa21_code.str.startswith("E")]


def _wholly_known(rows: pd.DataFrame) -> pd.Series:
    """Return the local authorities of whose LSOAs all have residents: a share of some is no share."""
    known = rows.groupby("ltla22_code").people.min() > 0
    return known.index[known].to_series()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
