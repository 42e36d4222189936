"""Runs in an interpreter of its own: what cleanlab and Cleanlab Studio say of some arrays.

Takes .npz files with ``vectors`` (n, d), ``is_synthetic`` (n,) and ``probability_synthetic`` (n,);
prints a line of JSON for each. Datalab's near-duplicate sets are joined into connected components,
which are what Studio's function calls clusters.
"""

import contextlib
import io
import json
import sys
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from cleanlab import Datalab  # noqa: E402
from cleanlab.count import get_confident_thresholds  # noqa: E402
from cleanlab_studio.utils.synthetic import score_synthetic_dataset  # noqa: E402
from scipy.sparse import coo_matrix  # noqa: E402
from scipy.sparse.csgraph import connected_components  # noqa: E402


def answer(vectors, is_synthetic, probability):
    lab = Datalab({"row": list(range(len(vectors)))})
    lab.find_issues(features=vectors, issue_types={"near_duplicate": {}})
    sets = lab.get_info("near_duplicate")["near_duplicate_sets"]
    first = np.repeat(np.arange(len(vectors)), [len(members) for members in sets])
    second = np.concatenate(sets).astype(int)
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(sets), len(sets)))
    components = connected_components(graph, directed=False)[1]
    flagged = lab.get_issues("near_duplicate")["is_near_duplicate_issue"].to_numpy()
    both = np.column_stack([1.0 - probability, probability])
    thresholds = get_confident_thresholds(is_synthetic.astype(int), both)
    quality = np.where(is_synthetic, probability, 1.0 - probability)
    scores = score_synthetic_dataset(
        pd.DataFrame(
            {
                "real_or_synthetic": np.where(is_synthetic, "synthetic", "real"),
                "is_near_duplicate": flagged,
                "near_duplicate_cluster_id": components,
                "label_issue_score": 1.0 - quality,
            }
        )
    )
    pairs = {(int(min(a, b)), int(max(a, b))) for a, b in zip(first, second, strict=True)}
    return {
        "scores": {name: float(value) for name, value in scores.items()},
        "confident_thresholds": [float(value) for value in thresholds],
        "flagged": np.flatnonzero(flagged).tolist(),
        "clusters": [np.flatnonzero(components == n).tolist() for n in range(components.max() + 1)],
        "pairs": sorted(pairs),
    }


for file in sys.argv[1:]:
    arrays = np.load(file)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        said = answer(arrays["vectors"], arrays["is_synthetic"], arrays["probability_synthetic"])
    print(json.dumps(said))
