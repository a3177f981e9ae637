"""Makes the tables in synthetic/priors/ about illness, care and death that are taken from open files.

    .venv/bin/python deploy/priors/care.py FOLDER        (FOLDER holds the open files of synthetic/priors/sources.toml)

Beside make.py, and like it: each file is checked against the hash of its source, and the tables ship.
"""

from __future__ import annotations

import string
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from make import AGES, Read, reader, write

# QOF 2019/20 has the districts of Northamptonshire that were merged in 2021
MERGED = {
    **dict.fromkeys(("E07000150", "E07000152", "E07000153", "E07000156"), "E06000061"),
    **dict.fromkeys(("E07000151", "E07000154", "E07000155"), "E06000062"),
}
DEATH_BANDS = {
    "Under 1 year": (0, 1),
    "01-14": (1, 15),
    "15-44": (15, 45),
    "45-64": (45, 65),
    "65-74": (65, 75),
    "75-84": (75, 85),
    "85+": (85, 91),
}
SIGNS = string.digits + string.ascii_uppercase
YEAR = ("2018-04", "2019-03")  # of A&E figures: the last whole one of the file


def main(folder: Path) -> None:
    """Write every table whose basis is "taken"."""
    read = reader(folder)
    write("prevalence", prevalence(read), "qof-2019-20")
    write("prevalence_deciles", prevalence_by_decile(read), "qof-2019-20-deciles")
    write("mortality", mortality(read), "ons-deaths-2019", "ons-population-2020", "ons-population-2023")
    write("months", months(read), "ae-2016-19")
    write("attendances", attendances(read), "ae-2016-19", "trust-catchments-2022", "ons-population-2020")
    shares, names = trusts(read)
    write("trusts", names, "ae-2016-19", "trust-catchments-2022")
    write("trust_shares", shares, "ae-2016-19", "trust-catchments-2022")


def prevalence(read: Read) -> pd.DataFrame:
    """Return the modelled prevalence of each QOF register, of those of its ages, in each local authority."""
    rows = read("qof-2019-20")
    rows = rows[rows.lad_code.str.startswith("E")].assign(local_authority=lambda r: r.lad_code.replace(MERGED))
    both = rows.groupby(["local_authority", "group_code"])[["register", "list"]].sum()
    return _wide(both.register / both.list)


def prevalence_by_decile(read: Read) -> pd.DataFrame:
    """Return the modelled prevalence of each QOF register by decile of IMD 2019: 1 is the most deprived."""
    rows = read("qof-2019-20-deciles").query("imd_overall != 'Wales'").astype({"imd_overall": int})
    return _wide(rows.set_index(["imd_overall", "group_code"]).prevalence).rename(columns={"imd_overall": "imd_decile"})


def mortality(read: Read) -> pd.DataFrame:
    """Return deaths and people of England and Wales by sex and age, and deaths a person and year, of 2019."""
    deaths = read("ons-deaths-2019").query("date >= '2019-01-01' and date <= '2019-12-31'")
    weeks = deaths.date.nunique()
    people = read("ons-population-2020")[AGES].sum().to_numpy()
    of_sex = read("ons-population-2023").query("Name == 'ENGLAND'").pivot_table("count", "age", "sex").loc[AGES]
    male = (of_sex.males / of_sex.sum(axis=1)).to_numpy()
    lines = []
    for sex, name, share in ((1, "Males", male), (2, "Females", 1 - male)):
        for band, (low, high) in DEATH_BANDS.items():
            died = deaths[(deaths.category_1 == name) & (deaths.category_2 == band)].counts.sum() * 365.25 / 7 / weeks
            lived = (people * share)[low:high].sum()
            lines.append((sex, low, high - 1 if high < 91 else 120, round(died), round(lived), died / lived))
    return pd.DataFrame(lines, columns=["sex", "from_age", "to_age", "deaths", "people", "rate"]).round({"rate": 7})


def months(read: Read) -> pd.DataFrame:
    """Return how many emergency admissions through A&E a day of each month has, beside the mean day: three years."""
    rows = read("ae-2016-19")
    when = pd.to_datetime(rows.period)
    rows = rows[(when >= "2016-04-01") & (when <= "2019-03-31")].assign(when=when)
    a_day = rows.groupby("when").admissions.sum()
    a_day /= a_day.index.days_in_month
    pace = a_day.groupby(a_day.index.month).mean()
    return (pace / pace.mean()).round(4).rename("pace").rename_axis("month").reset_index()


def attendances(read: Read) -> pd.DataFrame:
    """Return A&E attendances, and admissions through A&E, a head of each local authority in 2018/19.

    A trust's are shared out by where its patients come from; those of providers that no catchment is known for (walk-in
    centres and the like) are added in proportion, so that England's total is the published one.
    """
    of_trust = _of_trusts(read)
    total = of_trust.sum()
    shares = read("trust-catchments-2022").set_axis(["trust", "local_authority", "share"], axis=1)
    shares = shares.merge(of_trust, left_on="trust", right_index=True)
    counts = shares[["attendances", "admissions"]].multiply(shares.share, axis=0)
    counts = counts.groupby(shares.local_authority).sum()
    counts = counts[counts.index.str.startswith("E")]
    people = read("ons-population-2020").set_index("ltla21_code").total_population
    return (counts * total / counts.sum()).div(people[counts.index], axis=0).round(4).reset_index()


def trusts(read: Read) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return where people of each local authority go, of all A&E attendances, and made-up codes for the trusts.

    Trusts that see less than 2% of a place's attendances are left out there.
    """
    shares = read("trust-catchments-2022").set_axis(["trust", "local_authority", "share"], axis=1)
    shares = shares[shares.local_authority.str.startswith("E")].merge(
        _of_trusts(read).attendances, left_on="trust", right_index=True
    )
    shares["part"] = shares.share * shares.attendances
    shares["part"] /= shares.groupby("local_authority").part.transform("sum")
    shares = shares[shares.part >= 0.02]
    shares["part"] /= shares.groupby("local_authority").part.transform("sum")
    codes = {real: f"Z{SIGNS[n // 36]}{SIGNS[n % 36]}" for n, real in enumerate(sorted(shares.trust.unique()), 1)}
    taken = set(read("trust-catchments-2022").nhs_trust22_code) | set(read("ae-2016-19").org_code)
    if any(real.startswith("Z") for real in taken):
        sys.exit("an organisation has a code that was thought to be nobody's")
    shares["trust"] = shares.trust.map(codes)
    shares = shares.sort_values(["local_authority", "part"], ascending=[True, False])
    names = pd.DataFrame({"trust": codes.values(), "name": [f"Synthetic Trust {code}" for code in codes.values()]})
    return shares[["local_authority", "trust", "part"]].round(4), names


def _of_trusts(read: Read) -> pd.DataFrame:
    rows = read("ae-2016-19")
    rows = rows[(rows.period >= YEAR[0]) & (rows.period <= YEAR[1] + "-31")]
    return rows.groupby("org_code")[["attendances", "admissions"]].sum()


def _wide(values: pd.Series) -> pd.DataFrame:
    return (
        values.reset_index(name="v")
        .pivot_table("v", *values.index.names)
        .round(6)
        .reset_index()
        .rename_axis(None, axis=1)
    )


if __name__ == "__main__":
    np.seterr(all="raise")
    main(Path(sys.argv[1]))
