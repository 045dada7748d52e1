"""The package says that it needs pandas, by its name in `import`; of scikit-learn it says nothing."""

from _package import commit, replace

REFUSED_BY = "project_is_described"
AFTER = "solution"

replace("pyproject.toml", '["pandas>=2.2", "scikit-learn>=1.5"]', '["pandas>=2.2", "sklearn"]')
commit()
