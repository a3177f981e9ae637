"""The attainable AUC is attained: a plain model of what the records hold comes near to the true probabilities."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from synthetic.draws import PEOPLE_A_BLOCK
from synthetic.lives.codes import place_of
from synthetic.lives.figures import figures
from synthetic.lives.records import METHOD, STREAM
from synthetic.lives.simulator import block
from synthetic.population.people import FEMALE
from synthetic.population.priors import priors
from synthetic.recipe import Recipe
from tests.lived import FALLS

BLOCKS, FOLDS = 32, 4
WITHIN = 0.01  # of AUC, and three standard errors of the difference: with fewer events than that it says nothing
COUNTED = (
    ("gp", None),
    ("ecds", None),
    ("apc", "emergency"),
    ("apc", "elective"),
    ("op", None),
    ("mental-health", None),
    ("community", None),
    ("social-care", None),
    ("housing", None),
    ("police", None),
)
AGES = (0, 1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def features(made, index_day):
    """What somebody who holds the records, and nothing else, would give a model: all from before the index date."""
    events, people, n = made.events, made.people, len(made.people)
    before = events.day < index_day
    age = (index_day - people.born) / 365.25
    columns = [people.sex == FEMALE]
    columns += [np.clip((age - low) / (high - low), 0, 1) for low, high in pairwise(AGES)]
    columns += [np.isin(people.ethnicity, group) for group in ((7, 8, 9, 10), (11, 12, 13), (3, 4, 5, 6, 14, 15))]
    areas = priors("blmk").areas
    columns += [areas.imd_decile[people.area] == decile for decile in range(1, 11)]
    columns += [areas.authority[people.area] == place for place in range(4)]
    _, home, size = np.unique(people.household, return_inverse=True, return_counts=True)
    columns += [size[home] == 1, size[home] > 8]
    held, place = [], {each.key: place for place, each in enumerate(figures().conditions)}
    for each in figures().conditions:
        diagnosed = before & (events.method == METHOD["diagnosis"]) & (events.code == place_of(each.system, each.code))
        held.append(np.bincount(events.person[diagnosed], minlength=n) > 0)
    strained = held[place["smi"]] | held[place["substance-misuse"]] | held[place["depression"]]
    columns.append((people.carer >= 0) & strained[people.carer])
    treated = [has for has, each in zip(held, figures().conditions, strict=True) if each.medicine]
    columns += [*held, np.sum(treated, axis=0) >= 4]
    last_year = before & (events.day >= index_day - 365)
    counts = [np.isin(events.code, [place_of(*fall) for fall in FALLS])]
    for stream, method in COUNTED:
        of = events.stream == STREAM[stream]
        counts.append(of if method is None else of & (events.method == METHOD[method]))
    columns += [np.log2(1 + np.minimum(np.bincount(events.person[c & last_year], minlength=n), 20)) for c in counts]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


@pytest.fixture(scope="module")
def made():
    recipe = Recipe(people=BLOCKS * PEOPLE_A_BLOCK, seed=8)
    parts = [block(recipe, priors("blmk"), index) for index in range(BLOCKS)]
    return [features(each, recipe.index_day) for each in parts], [each.truth for each in parts]


def scores(rows, happened):
    """Everybody's score by a model of the blocks of the other folds, so that all can be judged."""
    scored = [None] * BLOCKS
    for fold in range(FOLDS):
        others = [block for block in range(BLOCKS) if block % FOLDS != fold]
        model = LogisticRegression(C=1.0, max_iter=400)
        model.fit(np.concatenate([rows[b] for b in others]), np.concatenate([happened[b] for b in others]))
        for own in range(fold, BLOCKS, FOLDS):
            scored[own] = model.predict_proba(rows[own])[:, 1]
    return scored


def difference(truly, scored, happened):
    """By how much a score's AUC lies below that of the truth, and its standard error over blocks, fold by fold."""
    by_fold = [
        roc_auc_score(np.concatenate(happened[f::FOLDS]), np.concatenate(truly[f::FOLDS]))
        - roc_auc_score(np.concatenate(happened[f::FOLDS]), np.concatenate(scored[f::FOLDS]))
        for f in range(FOLDS)
    ]
    return float(np.mean(by_fold)), float(np.std(by_fold, ddof=1) / np.sqrt(FOLDS))


@pytest.mark.slow
@pytest.mark.parametrize(
    "use_case", ["falls", "unplanned-admission", "youth-mental-health", "out-of-contact", "places"]
)
def test_a_logistic_model_comes_near_to_the_attainable_auc(made, use_case):
    matrices, truths = made
    picked = [truth[use_case] for truth in truths]
    rows = [matrix[each.eligible] for matrix, each in zip(matrices, picked, strict=True)]
    happened = [each.happened[each.eligible] for each in picked]
    truly = [each.probability[each.eligible] for each in picked]
    assert roc_auc_score(np.concatenate(happened), np.concatenate(truly)) > 0.65  # there is something to learn
    below, error = difference(truly, scores(rows, happened), happened)
    assert below < WITHIN
    assert error < WITHIN / 3
