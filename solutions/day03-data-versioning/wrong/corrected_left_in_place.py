"""The corrected April is still the current one: nobody looked at it."""

from _steps import begin, share, take_in, track

REFUSED_BY = "april_is_back"
AFTER = "start"

begin()
track()
share()
take_in()
