"""The record promises an F1 that the champion does not have."""

from _registry import pair, promote

REFUSED_BY = "recorded_scores_are_real"
AFTER = "start"

promote(*pair(), valid_f1="0.93")
