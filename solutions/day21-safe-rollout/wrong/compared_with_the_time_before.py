"""The candidate of today is compared with the champion of the time before the last change."""

from _rollout import change, rule, write

REFUSED_BY = "busy_hours_are_no_alarm"
AFTER = "start"

write()
rule()
change(
    "observe.py",
    (
        '        if moment(line) > turned:\n            lines.setdefault(line["release"], []).append(line)\n',
        '        lines.setdefault((line["release"], moment(line) > turned), []).append(line)\n',
    ),
)
change(
    "rollout.py",
    (
        "    ours, theirs = lines.get(candidate, []), lines.get(champion, [])\n",
        "    ours, theirs = (lines.get((each, True), []) for each in (candidate, champion))\n"
        "    usual = lines[champion, False] if weight else theirs\n",
    ),
    ('broken(plan["guardrails"], theirs,', 'broken(plan["guardrails"], usual,'),
)
