"""The mean of the milliseconds in place of the 95th percentile: slow answers for some vanish in it."""

from _rollout import change, rule, write

REFUSED_BY = "bad_release_is_taken_back"
AFTER = "start"

write()
rule()
change(
    "judge.py",
    (
        '    return quantiles((line["milliseconds"] for line in lines), n=20)[-1]\n',
        '    return fmean(line["milliseconds"] for line in lines)\n',
    ),
)
