"""A broken guardrail runs `infra rollback`, which goes back to the step before."""

from _rollout import change, rule, write

REFUSED_BY = "bad_release_is_taken_back"
AFTER = "start"

write()
rule()
change(
    "rollout.py",
    (
        "    if following is not None:\n",
        '    if decision == "rollback":\n'
        '        subprocess.run(["infra", "rollback", where["deployment"]], check=True)\n'
        "    elif following is not None:\n",
    ),
)
