"""How far two samples of a column lie apart: the methods that Evidently offers, from their definitions, with numpy.

What Evidently 0.7 does before and after the formula is done here as well: by which rule it bins, what it puts in the
place of empty bins, and what it divides by. Two groups: distances, of which more means more drift, and p-values, of
which less does. A test compares each of them with Evidently itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Sample = npt.NDArray[Any]
Kind = Literal["numerical", "categorical"]
Method = Callable[[Sample, Sample, Kind], float]

FEW_VALUES = 20
"""A numerical column whose reference has no more different values than that is binned value by value."""
LEAST_SPREAD = 0.001
EMPTY = 0.0001
TINY = 1e-15
"""P-values below it are no longer told apart."""


def wasserstein(reference: Sample, current: Sample, kind: Kind) -> float:
    """The Wasserstein distance in standard deviations of the reference."""
    steps, apart = _distributions(reference, current)
    return float(np.sum(np.abs(apart) * steps) / max(float(np.std(reference)), LEAST_SPREAD))


def energy(reference: Sample, current: Sample, kind: Kind) -> float:
    """The energy distance."""
    steps, apart = _distributions(reference, current)
    return math.sqrt(2 * float(np.sum(np.square(apart) * steps)))


def jensen_shannon(reference: Sample, current: Sample, kind: Kind) -> float:
    """The Jensen-Shannon distance with natural logarithms: the root of the divergence."""
    one, other = _shares(reference, current, kind)
    one, other = one / one.sum(), other / other.sum()
    middle = (one + other) / 2
    return math.sqrt(max(0.0, (_relative_entropy(one, middle) + _relative_entropy(other, middle)) / 2))


def psi(reference: Sample, current: Sample, kind: Kind) -> float:
    """The population stability index."""
    one, other = map(_filled, _shares(reference, current, kind))
    return float(np.sum((one - other) * np.log(one / other)))


def kullback_leibler(reference: Sample, current: Sample, kind: Kind) -> float:
    """The Kullback-Leibler divergence of the reference from the current data."""
    one, other = map(_filled, _shares(reference, current, kind))
    return _relative_entropy(one / one.sum(), other / other.sum())


def hellinger(reference: Sample, current: Sample, kind: Kind) -> float:
    """The Hellinger distance; numbers are binned by a rule of its own, from the different values alone."""
    if kind == "categorical":
        one, other = _value_shares(reference, current)
    else:
        edges = np.histogram_bin_edges(np.unique(np.concatenate([reference, current])), bins="sturges")
        one, other = (np.histogram(each, edges)[0] / len(each) for each in (reference, current))
    return math.sqrt(1 - min(1.0, float(np.sum(np.sqrt(one * other)))))


def kolmogorov_smirnov(reference: Sample, current: Sample, kind: Kind) -> float:
    """The p-value of the Kolmogorov-Smirnov test, by the distribution for large samples with Vrbik's correction."""
    _, apart = _distributions(reference, current)
    size = len(reference) * len(current) / (len(reference) + len(current))
    root = math.sqrt(size)
    distance = float(np.max(np.abs(apart), initial=0.0)) * root
    corrected = distance + 1 / (6 * root) + (distance - 1) / (4 * size)
    if corrected < 0.2:
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * corrected) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def chi_square(reference: Sample, current: Sample, kind: Kind) -> float:
    """The p-value of Pearson's chi-square test of the current counts, where the reference says what to expect."""
    one, other = _value_shares(reference, current)
    expected, observed = one * len(current), other * len(current)
    if (expected == 0).any():
        return 0.0
    return upper_gamma((len(one) - 1) / 2, float(np.sum(np.square(observed - expected) / expected)) / 2)


def z_test(reference: Sample, current: Sample, kind: Kind) -> float:
    """The p-value of the z-test for the share of one of two values; not a number where there are more of them."""
    values = np.unique(np.concatenate([reference, current]))
    if len(values) != 2:
        return 1.0 if len(values) == 1 else math.nan
    one, other = (float(np.mean(each != values[0])) for each in (reference, current))
    both = (one * len(reference) + other * len(current)) / (len(reference) + len(current))
    spread = math.sqrt(both * (1 - both) * (1 / len(reference) + 1 / len(current)))
    return _two_sided((one - other) / spread)


def t_test(reference: Sample, current: Sample, kind: Kind) -> float:
    """The p-value of Student's t-test with equal variances, by the normal distribution: the samples are large."""
    freedom = len(reference) + len(current) - 2
    within = float(np.sum(np.square(reference - np.mean(reference))) + np.sum(np.square(current - np.mean(current))))
    spread = math.sqrt(within / freedom * (1 / len(reference) + 1 / len(current)))
    gap = float(np.mean(reference) - np.mean(current))
    return _two_sided(gap / spread) if spread else float(gap == 0)


def mann_whitney(reference: Sample, current: Sample, kind: Kind) -> float:
    """The p-value of the Mann-Whitney test that the reference is the smaller one, as Evidently asks it."""
    everything = np.concatenate([reference, current])
    _, codes, counts = np.unique(everything, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[codes]
    n, m = len(reference), len(current)
    above = n * m - (float(np.sum(ranks[:n])) - n * (n + 1) / 2)
    ties = float(np.sum(counts.astype(float) ** 3 - counts)) / ((n + m) * (n + m - 1))
    spread = math.sqrt(n * m / 12 * ((n + m + 1) - ties))
    return math.erfc((above - n * m / 2 - 0.5) / spread / math.sqrt(2)) / 2 if spread else 1.0


BOTH: tuple[Kind, ...] = ("numerical", "categorical")
NUMBERS: tuple[Kind, ...] = ("numerical",)
CATEGORIES: tuple[Kind, ...] = ("categorical",)

METHODS: dict[str, tuple[Method, tuple[Kind, ...]]] = {
    "wasserstein": (wasserstein, NUMBERS),
    "ed": (energy, NUMBERS),
    "jensenshannon": (jensen_shannon, BOTH),
    "psi": (psi, BOTH),
    "kl_div": (kullback_leibler, BOTH),
    "hellinger": (hellinger, BOTH),
    "ks": (kolmogorov_smirnov, NUMBERS),
    "chisquare": (chi_square, CATEGORIES),
    "z": (z_test, CATEGORIES),
    "t_test": (t_test, NUMBERS),
    "mannw": (mann_whitney, NUMBERS),
}
"""Evidently's name of a method -> how it is computed, and for which kinds of columns it may be asked."""


def measure(method: str, reference: Sample, current: Sample, kinds: Iterable[Kind] = BOTH) -> tuple[float, ...]:
    """Return what `method` says of two samples of numbers: once for each of the kinds that the column may be of.

    Texts come as numbers, one for each text, and are of the kind `categorical` alone. Nothing where the method is none
    of METHODS, or is not for such columns.
    """
    compute, suited = METHODS.get(method, (wasserstein, ()))
    with np.errstate(all="ignore"):
        found = [compute(reference, current, kind) for kind in kinds if kind in suited]
    return tuple(dict.fromkeys(each for each in found if math.isfinite(each)))


def _distributions(reference: Sample, current: Sample) -> tuple[Sample, Sample]:
    """The steps between all values in order, and how far the two distributions are apart on each step."""
    values = np.sort(np.concatenate([reference, current]).astype(np.float64))
    below = [np.searchsorted(np.sort(each), values[:-1], "right") / len(each) for each in (reference, current)]
    return np.diff(values), below[0] - below[1]


def _shares(reference: Sample, current: Sample, kind: Kind) -> tuple[Sample, Sample]:
    """The shares of the rows in each bin: Sturges' bins of both samples for many numbers, else one for each value."""
    if kind == "numerical" and len(np.unique(reference)) > FEW_VALUES:
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        one, other = (np.histogram(each, edges)[0] / len(each) for each in (reference, current))
        return one, other
    return _value_shares(reference, current)


def _value_shares(reference: Sample, current: Sample) -> tuple[Sample, Sample]:
    values, codes = np.unique(np.concatenate([reference, current]), return_inverse=True)
    parts = codes[: len(reference)], codes[len(reference) :]
    one, other = (np.bincount(each, minlength=len(values)) / len(each) for each in parts)
    return one, other


def _filled(shares: Sample) -> Sample:
    """Shares without zeros, as Evidently fills them."""
    least = float(np.min(shares[shares > 0]))
    return np.where(shares == 0, least / 10**6 if least <= EMPTY else EMPTY, shares)


def _relative_entropy(one: Sample, other: Sample) -> float:
    there = one > 0
    return float(np.sum(one[there] * np.log(one[there] / other[there])))


def _two_sided(deviations: float) -> float:
    return math.erfc(abs(deviations) / math.sqrt(2))


def upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function: the chance of a larger chi-square is that of its halves."""
    if x <= 0:
        return 1.0
    if a <= 0:
        return 0.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while term > total * TINY:
            step += 1
            term *= x / step
            total += term
        return max(0.0, 1 - scale * total)
    # Lentz's way to sum the continued fraction.
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for i in range(1, 10_000):
        b += 2
        d = 1 / (-i * (i - a) * d + b)
        c = b - i * (i - a) / c
        fraction *= c * d
        if abs(c * d - 1) < TINY:
            break
    return scale * fraction
