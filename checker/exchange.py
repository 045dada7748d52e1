"""Hand an archive in through nbgrader's exchange, by nbgrader's own code."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from checker.errors import Unavailable
from checker.text import clean


def hand_in(archive: Path, assignment: str) -> str:
    """Submit a folder with nothing but `archive` as `assignment`; return the course that took it.

    Raises:
        Unavailable: no exchange is configured for this user, or it does not take the assignment.
    """
    from jupyter_core.paths import jupyter_config_path
    from nbgrader.apps import NbGrader
    from nbgrader.auth import Authenticator
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange import ExchangeError, ExchangeFactory

    app = NbGrader()
    app.config_file_paths.extend([str(Path.cwd()), *jupyter_config_path()])
    app.load_config_file()
    config = app.config
    with tempfile.TemporaryDirectory(prefix="checker-exchange-") as scratch:
        config.CourseDirectory.assignment_id = assignment
        config.Exchange.assignment_dir = scratch
        course = CourseDirectory(config=config)
        folder = Path(scratch, course.course_id if config.Exchange.get("path_includes_course") else "", assignment)
        folder.mkdir(parents=True)
        shutil.copy(archive, folder / archive.name)
        submit = ExchangeFactory(config=config).Submit(
            coursedir=course, authenticator=Authenticator(config=config), config=config
        )
        try:
            submit.start()
        except (ExchangeError, OSError, RuntimeError) as error:
            raise Unavailable(
                f"nbgrader's exchange did not take it: {clean(error)}",
                expected=f"an exchange with a course that has released the assignment {assignment}",
                next_step=f"hand in {archive} as your instructor says; `nbgrader list` shows what is released",
            ) from error
        return str(course.course_id)
