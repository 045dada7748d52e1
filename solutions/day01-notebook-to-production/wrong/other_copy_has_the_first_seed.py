"""runs/other.ipynb comes from a run with the seed 7, and says so."""

import nbformat

REFUSED_BY = "runs_are_recorded"
AFTER = "solution"

notebook = nbformat.read("runs/other.ipynb", as_version=4)
injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", []))
injected.source = injected.source.replace("seed = 8", "seed = 7")
nbformat.write(notebook, "runs/other.ipynb")
