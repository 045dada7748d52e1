"""How well scores put frauds before honest payments."""

from __future__ import annotations

from collections.abc import Sequence


def auc(scores: Sequence[float], frauds: Sequence[bool]) -> float | None:
    """Return how often a fraud scores higher than an honest payment; a tie counts half. None where there is no pair."""
    ranks: dict[float, list[int]] = {}
    for rank, score in enumerate(sorted(scores)):
        ranks.setdefault(score, []).append(rank)
    mean = {score: (each[0] + each[-1]) / 2 for score, each in ranks.items()}
    positives = sum(frauds)
    pairs = positives * (len(frauds) - positives)
    total = sum(mean[score] for score, fraud in zip(scores, frauds, strict=True) if fraud)
    return (total - positives * (positives - 1) / 2) / pairs if pairs else None
