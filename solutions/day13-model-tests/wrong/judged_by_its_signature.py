"""A model is refused for what it is handed, although it does not use it."""

from pathlib import Path

REFUSED_BY = "sound_models_pass"
AFTER = "solution"

with Path("gate/test_invariance.py").open("a") as test:
    test.write("""

def test_the_signature_names_nothing_that_must_not_matter(folder):
    import mlflow.models

    names = mlflow.models.get_model_info(str(folder / "model")).signature.inputs.input_names()
    assert not {"transaction_id", "customer_id", "disputed", "card_blocked"} & set(names)
""")
