"""crowd-kit's side of `benchmarks.dawid_skene`; run by the peers' own interpreter, not ours.

python dawid_skene_peer.py RATINGS.npz POSTERIORS.npy ITERATIONS
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene


def main() -> None:
    ratings, posteriors, iterations = sys.argv[1:]
    with np.load(ratings) as table:
        frame = pd.DataFrame(
            {"task": table["question"], "worker": table["participant"], "label": table["value"]}
        )
    # tol = -inf: the stopping rule never fires, so exactly this many iterations are run.
    model = DawidSkene(n_iter=int(iterations), tol=float("-inf"))
    start = time.perf_counter()
    result = model.fit_predict_proba(frame)
    seconds = time.perf_counter() - start
    done = len(model.loss_history_)
    np.save(posteriors, result.sort_index()[sorted(result.columns)].to_numpy())
    print(json.dumps({"seconds": seconds, "iterations": done}))


if __name__ == "__main__":
    main()
