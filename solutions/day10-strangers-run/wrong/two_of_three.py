"""Two of the three causes were mended; the third is called an accident."""

from _mend import STORY, everything

REFUSED_BY = "run_is_reproduced"
AFTER = "start"

everything(leave_out=STORY.causes[-1:])
