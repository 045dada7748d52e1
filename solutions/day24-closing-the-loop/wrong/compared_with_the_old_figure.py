"""The candidate must beat the number that the champion had when it was made, on rows of another month."""

from _loop import change, write

REFUSED_BY = "better_model_is_promoted"
AFTER = "start"

write()
change(
    "loop.py",
    (
        "    passed, reason = contest(incumbent, candidate, test)\n",
        """\
    from sklearn.metrics import average_precision_score

    after = average_precision_score(test["is_fraud"], candidate.predict_proba(rows_for(candidate, test))[:, 1])
    passed, reason = after > float(champion.tags["average_precision"]), f"an average precision of {after:.3f} now"
""",
    ),
)
