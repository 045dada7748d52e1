"""Fetching a model for KServe, from a registry of MLflow's in a file."""

from __future__ import annotations

import pytest

from infra.serving import storage


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """The address of a registry with version 1 of `card-fraud`, whose files lie in a folder."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "model" / "data").mkdir(parents=True)
    (folder / "model" / "MLmodel").write_text("flavors: {}\n")
    (folder / "model" / "data" / "weights").write_bytes(b"\0" * 9)
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    address = f"sqlite:///{folder / 'registry.db'}"
    store = SqlAlchemyStore(address)
    store.create_registered_model("card-fraud")
    store.create_model_version("card-fraud", (folder / "model").as_uri())
    return address


def test_the_models_files_lie_directly_in_the_folder(registry, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    # What an attempt before left behind, and a link that leads out of the folder.
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    folder = tmp_path / "models"
    (folder / storage.DRAFT / "half").mkdir(parents=True)
    (folder / "data").symlink_to(tmp_path / "outside")
    (folder / "stale").touch()
    assert storage.main(["models:/card-fraud/1", str(folder)]) == 0
    found = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
    assert found - {"registered_model_meta"} == {"MLmodel", "data/weights"}
    assert not (folder / storage.DRAFT).exists()
    assert (tmp_path / "outside" / "kept").exists()
    assert "fetching models:/card-fraud/1" in capsys.readouterr().out


def test_a_version_that_is_not_there_leaves_nothing_that_looks_like_a_model(registry, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException):
        storage.main(["models:/card-fraud/2", str(tmp_path)])
    assert [each.name for each in tmp_path.iterdir()] in ([], [storage.DRAFT])
