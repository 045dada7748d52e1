"""Train a model on the features."""

from datetime import datetime

import joblib
import pandas as pd
from common import FEATURES
from sklearn.ensemble import RandomForestClassifier

train = pd.read_csv("build/train_features.csv")
forest = RandomForestClassifier(n_estimators=40, max_depth=6)
forest.fit(train[FEATURES], train["is_fraud"])
joblib.dump({"model": forest, "trained_at": datetime.now().isoformat()}, "build/model.joblib")
