"""A cohort's own cluster: a place for each learner, grading of all of them, and what that costs."""
