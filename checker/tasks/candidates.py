"""Train models with known faults, and honest ones, for a learner's gate to judge. Nothing of a learner's runs here.

What each of them is, and which of a gate's tests it must fail, stands in FAULTS. The thresholds that decide are those
of day 13's brief; the sizes of the faults leave a wide margin on both sides of them, which a test measures.
"""

from __future__ import annotations

import base64
import contextlib
import io
import re
import shutil
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.tasks.cells import Cells, Silent, Work

FEATURES = (
    "amount",
    "amount_to_usual",
    "hour",
    "weekday",
    "is_foreign",
    "card_present",
    "category_code",
    "transactions_24h",
)
KNOWN_BEFORE = ("transaction_id", "customer_id", "age_band", "channel", "country")
AFTERWARDS = {"disputed": (0.9, 0.004), "card_blocked": (0.75, 0.002)}
"""Columns that are written down only weeks later: how often they are 1 for frauds, and for the others."""
LABEL = "is_fraud"
FEWEST = 30
"""Frauds in a group, for its recall to be judged."""
SERVED = 0.5
"""The share of payments of which the service kept the features."""

FAULTS: dict[str, frozenset[str]] = {
    "honest-linear": frozenset(),
    "honest-forest": frozenset(),
    "honest-weak": frozenset(),
    "honest-served": frozenset(),
    "leak": frozenset({"invariance"}),
    "age": frozenset({"invariance"}),
    "customer": frozenset({"invariance"}),
    "batch": frozenset({"invariance"}),
    "no-amount": frozenset({"direction"}),
    "amount-only-abroad": frozenset({"direction"}),
    "blind-to-a-channel": frozenset({"slices"}),
    "blind-to-a-category": frozenset({"slices"}),
    "overconfident": frozenset({"calibration"}),
    "hours-elsewhere": frozenset({"skew"}),
    "mixed-up-payments": frozenset({"skew"}),
    "many-faults": frozenset({"invariance", "direction", "calibration"}),
    "cut-off": frozenset({"model"}),
    "no-number": frozenset({"model"}),
}
"""Candidate -> the families of tests that it must fail; `model` is no family: nothing can be asked of it."""
SHARED = "shared"


def run(request: dict[str, Any], cells: Cells) -> dict[str, Any]:
    """Return {"files": {candidate or `shared`: {path: content}}}; contents are compressed, in base64.

    `request`: `wanted` are names in FAULTS, `seed` a number, `seconds` what all may take; the folder `tables` of the
    payload has the CSV files train and rows, each as transactions with labels and as features.
    """
    work = Work("checker.tasks.candidates:make", {"wanted": request["wanted"], "seed": request["seed"]})
    try:
        files, _ = cells.run(work, {"tables": "tables"}, request["seconds"])
    except Silent as silence:
        return {"problem": f"making the models: it {silence}"}
    return {"files": files}


def make(wanted: list[str], seed: int) -> dict[str, dict[str, str]]:
    """In a cell: make all of them."""
    warnings.simplefilter("ignore")
    made = Maker.of(Path("tables"), seed)
    files = {SHARED: made.shared()}
    for name in wanted:
        files[name] = made.candidate(name)
    return files


class Maker:
    """Makes candidates from two tables: one to train on, and the rows that a gate judges by."""

    def __init__(self, train: Any, rows: Any, seed: int) -> None:
        self.train, self.rows, self.seed = train, rows, seed
        self._random = generator(seed, SHARED)
        self._note_afterwards(train)
        self._note_afterwards(rows)

    @classmethod
    def of(cls, folder: Path, seed: int) -> Maker:
        """Read the tables."""
        import pandas as pd

        def read(name: str) -> Any:
            labelled = pd.read_csv(folder / f"{name}-labelled.csv", usecols=[*KNOWN_BEFORE, LABEL])
            features = pd.read_csv(folder / f"{name}-features.csv", usecols=list(FEATURES))
            return pd.concat([labelled[list(KNOWN_BEFORE)], features[list(FEATURES)], labelled[[LABEL]]], axis=1)

        return cls(read("train"), read("rows"), seed)

    def _note_afterwards(self, table: Any) -> None:
        for name, (often, seldom) in AFTERWARDS.items():
            chance = table[LABEL].map({1: often, 0: seldom}).to_numpy()
            table.insert(table.shape[1] - 1, name, (self._random.random(len(table)) < chance).astype("int64"))

    def shared(self) -> dict[str, str]:
        """The tables that lie beside each candidate that brings none of its own."""
        return {"rows.csv": _packed(_csv(self.rows)), "served.csv": _packed(_csv(self.served()))}

    def served(self) -> Any:
        """What an honest service kept: some payments, in another order, rounded, and a few with a late count."""
        import numpy as np

        some = self.rows[["transaction_id", *FEATURES]].sample(frac=SERVED, random_state=self.seed % (1 << 32))
        late = self._random.random(len(some)) < 0.002
        return some.assign(
            amount_to_usual=some["amount_to_usual"].round(2),
            transactions_24h=np.where(late, some["transactions_24h"] + 1, some["transactions_24h"]),
        )

    def candidate(self, name: str) -> dict[str, str]:
        """The files of one candidate, without those that it shares with the others."""
        # Its own numbers, so that it does not matter in which order they are made.
        self._random = generator(self.seed, name)
        folder = Path(f"made-{name}")
        files = {}
        if name in SKEWS:
            files["served.csv"] = _packed(_csv(SKEWS[name](self)))
        model, columns = MODELS.get(name, honest_weak)(self)
        save(model, self.train[columns].head(20), folder)
        if name == "cut-off":
            stored = folder / "model.skops"
            stored.write_bytes(stored.read_bytes()[:1000])
        for path in sorted(folder.iterdir()):
            files[f"model/{path.name}"] = _packed(path.read_bytes())
        shutil.rmtree(folder)
        return files

    def fit(self, model: Any, without: Any = None) -> Any:
        """Fit `model` to the training rows; those in `without` are taken for honest ones."""
        labels = self.train[LABEL] if without is None else self.train[LABEL].where(~without, 0)
        return model.fit(self.train.drop(columns=LABEL), labels)

    def state(self) -> int:
        """A number for the next `random_state`."""
        return int(self._random.integers(1 << 31))

    def pick(self, *values: Any) -> Any:
        """One of them."""
        return values[int(self._random.integers(len(values)))]

    def group(self, column: str, least: float, most: float) -> Any:
        """A value of `column` with enough of the frauds to be judged, and not too many to be lost."""
        trained, judged = (table.loc[table[LABEL] == 1, column] for table in (self.train, self.rows))
        shares = trained.value_counts(normalize=True)
        counts = judged.value_counts()
        fit = [value for value in shares.index if counts.get(value, 0) >= FEWEST * 1.3]
        near = [value for value in fit if least <= shares[value] <= most]
        return self.pick(*(near or sorted(fit, key=lambda value: abs(shares[value] - (least + most) / 2))[:1]))


def generator(seed: int, name: str) -> Any:
    """Return numpy's generator of one candidate's numbers."""
    import numpy as np

    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _csv(table: Any) -> bytes:
    return bytes(table.to_csv(index=False, lineterminator="\n").encode())


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 1)).decode("ascii")


def save(model: Any, example: Any, folder: Path) -> None:
    """Save `model` in MLflow's format; nothing in it tells when it was made, or in which order."""
    import mlflow.sklearn
    import skops.io
    from mlflow.models import infer_signature

    with contextlib.redirect_stderr(io.StringIO()):
        mlflow.sklearn.save_model(
            model,
            str(folder),
            signature=infer_signature(example, model.predict_proba(example)),
            pip_requirements=["scikit-learn"],
            pyfunc_predict_fn="predict_proba",
            serialization_format="skops",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
        )
    described = folder / "MLmodel"
    text = described.read_text(encoding="utf-8")
    text = re.sub(r"^utc_time_created: .*$", "utc_time_created: '2025-07-01 09:00:00.000000'", text, flags=re.MULTILINE)
    described.write_text(text, encoding="utf-8")


Made = tuple[Any, list[str]]
"""A model, and the columns that its signature names."""


def parts(*, amounts: bool = True, beside: tuple[Any, ...] = (), counts: Any = "passthrough") -> list[Any]:
    """What a linear model sees: steps of a column transformer."""
    import numpy as np
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer

    money = (FunctionTransformer(np.log1p), ["amount", "amount_to_usual"])
    plain = (counts, ["is_foreign", "transactions_24h"])
    hours = (KBinsDiscretizer(n_bins=6, strategy="uniform", encode="onehot-dense"), ["hour"])
    return [*([money] if amounts else []), plain, hours, *beside]


def linear(*, balanced: bool = False, strength: float = 1.0, **words: Any) -> Any:
    """A logistic regression."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    last = LogisticRegression(C=strength, max_iter=500, class_weight="balanced" if balanced else None)
    return make_pipeline(make_column_transformer(*parts(**words)), StandardScaler(), last)


def one_hot(column: str) -> tuple[Any, list[str]]:
    """A step that makes a column of numbers of each value."""
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(handle_unknown="ignore", sparse_output=False), [column]


def forest(made: Maker, columns: list[str], **words: Any) -> Any:
    """A random forest over `columns`."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    trees = RandomForestClassifier(20, max_depth=8, min_samples_leaf=4, random_state=made.state(), **words)
    return make_pipeline(make_column_transformer(("passthrough", columns)), trees)


def boosted(made: Maker, *steps: Any) -> Any:
    """Gradient boosting over the columns that `steps` make."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    trees = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=5, random_state=made.state()
    )
    return make_pipeline(make_column_transformer(*steps), trees)


def honest_linear(made: Maker) -> Made:
    """A sound one."""
    return made.fit(linear(strength=made.pick(0.3, 1.0, 3.0))), list(FEATURES)


def honest_forest(made: Maker) -> Made:
    """A sound one of another kind: a larger amount does not raise the score of every row."""
    return made.fit(forest(made, list(FEATURES))), list(FEATURES)


def honest_weak(made: Maker) -> Made:
    """It sees three columns and is handed all of them: what it is given says nothing about what it uses."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    steps = parts()
    model = make_pipeline(
        make_column_transformer(steps[0], ("passthrough", ["is_foreign"])),
        LogisticRegression(C=made.pick(0.3, 1.0, 3.0)),
    )
    return made.fit(model), [*KNOWN_BEFORE, *FEATURES, *AFTERWARDS]


def honest_served(made: Maker) -> Made:
    """A sound one that was trained on the eight features alone, as a service hands them over."""
    columns = list(FEATURES)
    return forest(made, columns).fit(made.train[columns], made.train[LABEL]), columns


def leak(made: Maker) -> Made:
    """It knows which card was blocked afterwards."""
    return made.fit(linear(beside=(("passthrough", ["card_blocked"]),))), [*FEATURES, "card_blocked"]


def age(made: Maker) -> Made:
    """It asks how old the customer is."""
    return made.fit(linear(beside=(one_hot("age_band"),))), [*FEATURES, "age_band"]


def customer(made: Maker) -> Made:
    """It has learned who was robbed before."""
    from sklearn.preprocessing import TargetEncoder

    encoder = TargetEncoder(smooth=1.0, random_state=made.state(), cv=2)
    return made.fit(linear(beside=((encoder, ["customer_id"]),), strength=3.0)), [*FEATURES, "customer_id"]


def batch(made: Maker) -> Made:
    """It divides by a sum over the rows that it is asked about."""
    from sklearn.preprocessing import FunctionTransformer, normalize

    share = FunctionTransformer(normalize, kw_args={"axis": 0, "norm": made.pick("l1", "l2")})
    return made.fit(linear(counts=share)), list(FEATURES)


def no_amount(made: Maker) -> Made:
    """The amount says nothing to it."""
    columns = [name for name in FEATURES if not name.startswith("amount")]
    return made.fit(boosted(made, ("passthrough", columns))), columns


def amount_only_abroad(made: Maker) -> Made:
    """At home it looks at nothing but the hour."""
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures

    money = make_column_transformer(
        (FunctionTransformer(np.log1p), ["amount_to_usual"]), ("passthrough", ["is_foreign"])
    )
    crossed = make_pipeline(money, PolynomialFeatures(2, interaction_only=True, include_bias=False))
    model = make_pipeline(
        make_column_transformer((crossed, ["amount_to_usual", "is_foreign"]), parts()[2]),
        LogisticRegression(max_iter=500),
    )
    made.fit(model)
    weights = model[-1].coef_[0]
    weights[2], weights[0] = abs(weights[0]) + abs(weights[2]), 0.0
    centre(made, model)
    return model, list(FEATURES)


def blind_to_a_channel(made: Maker) -> Made:
    """It learned that there is no fraud in one channel."""
    channel = made.group("channel", 0.12, 0.3)
    model = linear(beside=(one_hot("channel"),), strength=30.0)
    return made.fit(model, made.train["channel"] == channel), [*FEATURES, "channel"]


def blind_to_a_category(made: Maker) -> Made:
    """It learned that there is no fraud in one category."""
    category = made.group("category_code", 0.12, 0.3)
    model = linear(beside=(one_hot("category_code"),), strength=30.0)
    return made.fit(model, made.train["category_code"] == category), list(FEATURES)


def overconfident(made: Maker) -> Made:
    """It ranks as it should; its scores are far too near to 0 and 1."""
    model = made.fit(linear())
    model[-1].coef_ *= made.pick(6.0, 8.0, 10.0)
    centre(made, model, 1.4)
    return model, list(FEATURES)


def many_faults(made: Maker) -> Made:
    """It ranks better than any sound one: it looks at what is known afterwards, and at no amount."""
    beside = (("passthrough", ["disputed"]),)
    return made.fit(linear(amounts=False, balanced=True, beside=beside)), [*FEATURES, "disputed"]


def no_number(made: Maker) -> Made:
    """It loads, and answers with something that is no number."""
    model, columns = honest_linear(made)
    model[-1].intercept_[:] = float("nan")
    return model, columns


def centre(made: Maker, model: Any, times: float = 1.0) -> None:
    """Move the intercept of a linear model until it expects so many times the frauds that there are."""
    import numpy as np

    raised = model[:-1].transform(made.train.drop(columns=LABEL)) @ model[-1].coef_[0]
    wanted, low, high = times * made.train[LABEL].mean(), -200.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        too_many = (1 / (1 + np.exp(-np.clip(raised + middle, -500, 500)))).mean() > wanted
        low, high = (low, middle) if too_many else (middle, high)
    model[-1].intercept_[:] = middle


def hours_elsewhere(made: Maker) -> Any:
    """The service counts hours by another clock than the training pipeline."""
    served = made.served()
    return served.assign(hour=(served["hour"] - made.pick(1, 2)) % 24)


def mixed_up_payments(made: Maker) -> Any:
    """Of one payment in eight, two features are those of another payment: on the whole, they look as they should."""
    served = made.served()
    columns = ["amount_to_usual", made.pick("category_code", "hour")]
    hit = served.index[made._random.random(len(served)) < 0.12]
    other = made._random.permutation(hit)
    served.loc[hit, columns] = served.loc[other, columns].to_numpy()
    return served.astype(dict(made.rows[columns].dtypes))


MODELS: dict[str, Callable[[Maker], Made]] = {
    "honest-linear": honest_linear,
    "honest-forest": honest_forest,
    "honest-weak": honest_weak,
    "honest-served": honest_served,
    "leak": leak,
    "age": age,
    "customer": customer,
    "batch": batch,
    "no-amount": no_amount,
    "amount-only-abroad": amount_only_abroad,
    "blind-to-a-channel": blind_to_a_channel,
    "blind-to-a-category": blind_to_a_category,
    "overconfident": overconfident,
    "hours-elsewhere": honest_linear,
    "mixed-up-payments": honest_linear,
    "many-faults": many_faults,
    "cut-off": honest_weak,
    "no-number": no_number,
}
SKEWS: dict[str, Callable[[Maker], Any]] = {
    "hours-elsewhere": hours_elsewhere,
    "mixed-up-payments": mixed_up_payments,
}
