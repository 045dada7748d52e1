"""The gate between a candidate and the customers: day 13 in short, with the champion beside it.

`judge` takes three lists of equal length: the labels (0 or 1) of some payments that neither model has learned from,
and the scores that the champion and the candidate give to the *same* payments, row by row. It returns whether the
candidate may be promoted, and a sentence that says why.
"""

import numpy as np
from sklearn.metrics import average_precision_score

FEWEST_FRAUDS = 10
MARGIN = 0.1
EXPECTED = (0.25, 4.0)


def judge(labels, champion, candidate):
    labels, champion, candidate = (np.asarray(each, dtype=float) for each in (labels, champion, candidate))
    if not len(labels) == len(champion) == len(candidate):
        raise ValueError("the two models were not asked about the same payments")
    frauds = int(labels.sum())
    if frauds < FEWEST_FRAUDS:
        return False, f"{frauds} frauds are too few to judge by: at least {FEWEST_FRAUDS}"
    if not ((candidate >= 0) & (candidate <= 1)).all():
        return False, "the candidate does not answer with a number from 0 to 1 for each payment"
    before, after = (average_precision_score(labels, scores) for scores in (champion, candidate))
    told = f"average precision {after:.3f} against the champion's {before:.3f} on {len(labels)} payments"
    if after < before + MARGIN:
        return False, f"{told}: at least {MARGIN} more is demanded"
    ratio = candidate.sum() / frauds
    if not EXPECTED[0] <= ratio <= EXPECTED[1]:
        return False, f"{told}, but its scores add up to {ratio:.2f} times the frauds"
    return True, told
