"""The authors' own code at their own settings against this project, in one process: CPU s at lower error.

``python benchmarks/funbat/authors_code.py FOLDER COORDS.npz SPLITS.npz [--variable PM25] [--rank 2] [--epochs 100]``

FOLDER is a copy of the code published with arXiv 2311.04829 (MIT licence): `model_LDS.py`,
`model_continues_mode_tensor.py`, `utils_continues.py`, run as they are; it needs tensorly and matplotlib. Settings are
those of its Beijing Tucker configuration (Matern-1/2, length 0.1, variance 1, damping 0.5). COORDS and SPLITS as in
beijing_folds.py, fold 0. Both sides see z-scored values and use one thread. `residual="none"`, otherwise defaults.

Prints RMSE on the fold, CPU s of both, and their ratio: the first fit of this project counts its loading of compiled
functions, the second does not.
"""

import argparse
import sys
import time

import numpy as np
import torch

from polyadic import FunctionalTucker

HYPERPARAMETERS = {
    "kernel": "Matern_21", "lengthscale_list": [0.1] * 3, "variance_list": [1] * 3, "noise": 1,
    "a0": 1, "b0": 1, "v": 1, "DAMPING": 0.5, "DAMPING_tau": 0.6, "DAMPING_gamma": 0.9,
    "INNER_ITER": 50, "THRE": 1e-4, "FACTOR": 1,
    "CEP_UPDATE_INNNER_MODE": True,
}  # fmt: skip


def authors(X: np.ndarray, y: np.ndarray, test: np.ndarray, folder: str, rank: int, epochs: int) -> np.ndarray:
    """Return what the authors' code predicts for the test rows, in its own order of calls."""
    sys.path.insert(0, folder)
    vars(np).update(product=np.prod)  # names that NumPy 2 no longer has
    vars(np.lib).update(utils=np)
    import utils_continues
    from model_continues_mode_tensor import Continues_Mode_Tensor_Tucker

    torch.random.manual_seed(0)
    settings = HYPERPARAMETERS | {"device": torch.device("cpu"), "R_U": rank, "epoch": epochs}
    train = np.setdiff1d(np.arange(len(y)), test)
    levels = [np.unique(X[:, k], return_inverse=True) for k in range(X.shape[1])]
    number = np.stack([inverse for _, inverse in levels], axis=1)
    data = {
        "ndims": [len(values) for values, _ in levels],
        "tr_ind_DISCT": number[train], "tr_ind_CONTI": X[train], "tr_y": y[train],
        "te_ind_DISCT": number[test], "te_ind_CONTI": X[test], "te_y": y[test],
        "CONTI_2_DISCT_dicts": [{v: i for i, v in enumerate(values)} for values, _ in levels],
        "DISCT_2_CONTI_dicts": [dict(enumerate(values)) for values, _ in levels],
        "never_seen_test_idx": [
            sorted(set(range(len(values))) - set(number[train, k])) for k, (values, _) in enumerate(levels)
        ],
    }  # fmt: skip
    data["LDS_continues_mode_paras"] = utils_continues.make_LDS_continues_mode_paras(settings, data)
    model = Continues_Mode_Tensor_Tucker(settings, data)
    for epoch in range(epochs):
        model.reset()
        for mode in range(model.nmods):
            model.msg_approx_U(mode)
            model.LDS_update(mode)
            model.post_update_U(mode)
        model.msg_approx_gamma()
        model.post_update_gamma()
        model.msg_approx_tau()
        model.post_update_tau()
        print(f"progress authors {epoch + 1}/{epochs}", file=sys.stderr, flush=True)
    model.post_merge_U()
    return model.model_test(model.te_ind_DISCT, model.te_y)[0].numpy().ravel()


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("coords")
    parser.add_argument("splits")
    parser.add_argument("--variable", default="PM25")
    parser.add_argument("--rank", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = np.load(args.coords)
    X, y, test = data["conti"], data[f"{args.variable}_std"], np.load(args.splits)[f"{args.variable}_test_0"]
    train = np.setdiff1d(np.arange(len(y)), test)

    def timed(function) -> tuple[float, float]:
        cpu = time.process_time()
        found = function()
        return time.process_time() - cpu, float(np.sqrt(np.mean((found - y[test]) ** 2)))

    def ours() -> np.ndarray:
        return FunctionalTucker(rank=args.rank, residual="none").fit(X[train], y[train]).predict(X[test])

    first, second = timed(ours), timed(ours)
    peer = timed(lambda: authors(X, y, test, args.folder, args.rank, args.epochs))
    print(f"this project: RMSE {second[1]:.4f}, {first[0]:.2f} CPU s, again {second[0]:.2f} CPU s")
    print(f"authors' code, {args.epochs} epochs: RMSE {peer[1]:.4f}, {peer[0]:.2f} CPU s")
    print(f"CPU 1/{peer[0] / first[0]:.0f}, again 1/{peer[0] / second[0]:.0f}; RMSE {second[1] / peer[1]:.3f}")


if __name__ == "__main__":
    main()
