# How the team runs it today: everything, in this order, each time.
set -e
python src/prepare.py
python src/features.py
python src/train.py
python src/evaluate.py
cat metrics.json
