"""The futures of a rollout: that each of them is as clear as it is said to be, in whatever order it is dealt."""

import csv
import io
import json
import math
import random
from datetime import UTC, datetime
from statistics import fmean, quantiles, variance

import pytest

from checker.evidence.rollouts import CANDIDATE, CHAMPION, SHADOW
from checker.prove import futures

BEGINS = datetime(2026, 3, 2, 8, tzinfo=UTC)
SEEDS = range(4)
CLEAR, FAINT = 2.4, 1.6
NAMES = pytest.mark.parametrize("name", futures.FUTURES)


def told(name, seed):
    """Each call of a future: where it stands, what was wanted, the lines since the last change, and the labels."""
    story = futures.story(name, random.Random(f"{seed}/{name}"), BEGINS)
    stands, lines = SHADOW, []
    for chunk in story.chunks():
        lines = [*lines, *map(json.loads, chunk.log.splitlines())]
        arms = [[line for line in lines if line["release"] == each] for each in (story.champion, story.candidate)]
        labels = chunk.labels and {
            row["transaction_id"]: int(row["is_fraud"]) for row in csv.DictReader(io.StringIO(chunk.labels.decode()))
        }
        yield stands, chunk.wanted, arms, labels
        if chunk.wanted != stands:
            stands, lines = chunk.wanted, []


def errors(lines):
    return fmean(line["status"] >= 500 for line in lines)


def worst(plan, champion, candidate):
    """How far each guardrail is from its limit, as a share of it; above 1 it is broken."""
    limits = plan["guardrails"]
    found = {"errors": (errors(candidate) - errors(champion)) / limits["errors"]}
    for channel in set(futures.CHANNELS):
        one, two = ([line for line in lines if line["channel"] == channel] for lines in (champion, candidate))
        if len(two) >= limits["channel_requests"]:
            found[channel] = (errors(two) - errors(one)) / limits["errors_in_channel"]
    tails = [quantiles((line["milliseconds"] for line in lines), n=20)[-1] for lines in (champion, candidate)]
    found["latency"] = tails[1] / tails[0] / limits["latency"]
    first = {line["request_id"]: line["decision"] for line in champion}
    pairs = [(first[line["request_id"]], line["decision"]) for line in candidate if line["request_id"] in first]
    pairs = [pair for pair in pairs if None not in pair]
    if pairs:
        found["disagreement"] = fmean(one != two for one, two in pairs) / limits["disagreement"]
    return found


def apart(plan, arms, labels, price=None):
    """The difference of the mean costs in its standard errors, and the labels of the release with fewer of them."""
    experiment = plan["experiment"]

    def cost(line):
        fraud, blocked = labels[line["transaction_id"]], line["decision"] == "block"
        if price is not None:
            return price * (fraud != blocked)
        return experiment["false_alarm"] * (blocked and not fraud) + (
            (line["amount"] + experiment["missed_fraud"]) * (fraud and not blocked)
        )

    costs = [
        [cost(line) for line in lines if line["status"] == 200 and line["transaction_id"] in labels] for lines in arms
    ]
    error = math.sqrt(sum(variance(each) / len(each) for each in costs))
    return (fmean(costs[1]) - fmean(costs[0])) / error, min(map(len, costs))


@NAMES
def test_what_is_enough_and_what_is_broken_is_clear(name):
    plan = futures.FUTURES[name].plan
    for seed in SEEDS:
        for stands, wanted, (champion, candidate), _ in told(name, seed):
            if stands in (CANDIDATE, CHAMPION):
                assert wanted == stands
                continue
            needed = plan["shadow"]["requests"] if stands == SHADOW else plan["requests"]
            if len(candidate) < needed:
                assert len(candidate) < 0.8 * needed and wanted == stands
                continue
            assert len(candidate) >= 1.1 * needed
            found = worst(plan, champion, candidate)
            broken = [each for each, share in found.items() if share > 1]
            assert not 0.85 < max(found.values()) < 1.3, (seed, found)
            labelled = name in ("worse", "equal") and stands == str(plan["steps"][-1])
            assert bool(broken) == (wanted == CHAMPION and not labelled), (seed, stands, found)


@NAMES
def test_what_labels_say_is_clear(name):
    plan = futures.FUTURES[name].plan
    for seed in SEEDS:
        for stands, wanted, arms, labels in told(name, seed):
            if not labels or stands != str(plan["steps"][-1]):
                continue
            distance, known = apart(plan, arms, labels)
            if known < plan["experiment"]["payments"]:
                # It looks better too early: the trap for those who look each time.
                assert wanted == stands and distance < -CLEAR and known < 0.5 * plan["experiment"]["payments"]
                continue
            assert known >= 1.05 * plan["experiment"]["payments"]
            assert distance < -CLEAR if wanted == CANDIDATE else distance > -FAINT, (seed, distance)


def test_the_traps_are_traps():
    for seed in SEEDS:
        *_, (_, _, arms, labels) = (each for each in told("equal", seed) if each[0] == "50" and each[3])
        assert apart(futures.CAREFUL, arms, labels)[0] < 0.2
        [(_, _, arms, labels)] = [each for each in told("worse", seed) if each[0] == "50" and each[3]]
        assert apart(futures.BOLD, arms, labels, price=1)[0] < -CLEAR
        slow = next(each[2] for each in told("slow", seed) if each[1] == CHAMPION)
        ratio = fmean(line["milliseconds"] for line in slow[1]) / fmean(line["milliseconds"] for line in slow[0])
        assert ratio < 0.8 * futures.BOLD["guardrails"]["latency"]
        [shadow] = [each[2] for each in told("differs", seed) if each[0] == SHADOW]
        shares = [fmean(line["decision"] == "block" for line in lines) for lines in shadow]
        assert abs(shares[0] - shares[1]) < 0.03


def test_the_same_key_gives_the_same_future_and_another_one_another():
    def log(seed):
        story = futures.story("few", random.Random(seed), BEGINS)
        return story.before() + b"".join(chunk.log for chunk in story.chunks())

    assert log(1) == log(1) != log(2)


def test_the_log_is_as_the_service_writes_it():
    from checker.prepare.day21_releases import SERVICE

    *_, (_, _, arms, _) = told("load", 1)
    for name in arms[0][0]:
        assert f'"{name}"' in SERVICE
