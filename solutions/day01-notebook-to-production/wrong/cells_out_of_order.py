"""runs/second.ipynb comes from a kernel that was in use: its cells were run by hand, one of them twice."""

import nbformat

REFUSED_BY = "runs_are_recorded"
AFTER = "solution"

notebook = nbformat.read("runs/second.ipynb", as_version=4)
code = [cell for cell in notebook.cells if cell.cell_type == "code"]
for cell, count in zip(code, (4, 5, 9, 7, 8, 10), strict=False):
    cell.execution_count = count
nbformat.write(notebook, "runs/second.ipynb")
