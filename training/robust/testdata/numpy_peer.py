#!/usr/bin/env python3
"""The same rules in numpy, as a careful user writes them: the peer of
BenchmarkRules. Median wall time of a few runs, in milliseconds.

    python3 numpy_peer.py [runs]
"""
import sys
import time

import numpy as np

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
DIM = 1_000_000


def mean(u, f):
    return np.average(u, axis=0, weights=np.arange(1, len(u) + 1))


def median(u, f):
    return np.median(u, axis=0)


def trimmed(u, f):
    return np.mean(np.partition(u, (f, len(u) - f - 1), axis=0)[f : len(u) - f], axis=0)


def distances(u):
    n = len(u)
    d = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            e = u[i] - u[j]
            d[i, j] = d[j, i] = np.dot(e, e)
    return d


def krum_scores(d, nearest):
    return np.sum(np.sort(d, axis=1)[:, 1 : 1 + nearest], axis=1)


def krum(u, f):
    return u[np.argmin(krum_scores(distances(u), len(u) - f - 2))]


def bulyan(u, f):
    n = len(u)
    d, left, chosen = distances(u), list(range(n)), []
    for _ in range(n - 2 * f):
        s = krum_scores(d[np.ix_(left, left)], max(1, len(left) - f - 2))
        chosen.append(left.pop(int(np.argmin(s))))
    v = u[sorted(chosen)]
    order = np.argsort(np.abs(v - np.median(v, axis=0)), axis=0)[: n - 4 * f]
    return np.mean(np.take_along_axis(v, order, axis=0), axis=0)


def geometric_3(u, f):
    z = u.mean(axis=0)
    for _ in range(3):
        w = 1 / np.maximum(1e-6, np.array([np.linalg.norm(x - z) for x in u]))
        z = (w / w.sum()).astype(np.float32) @ u
    return z


def centered_3(u, f):
    v = np.zeros(DIM, np.float32)
    for _ in range(3):
        c = np.minimum(1, 100 / np.array([np.linalg.norm(x - v) for x in u]))
        v = v + sum(np.float32(k / len(u)) * (x - v) for k, x in zip(c, u))
    return v


def main():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"] if np.lib.NumpyVersion(np.__version__) >= "1.25.0" else {"name": "see numpy.show_config()"}
    print("numpy", np.__version__, "BLAS", blas["name"])
    rng = np.random.default_rng(1)
    everything = rng.uniform(-1, 1, (50, DIM)).astype(np.float32)
    for n in (10, 50):
        u, f = everything[:n], (n - 3) // 4
        for rule in (mean, median, trimmed, krum, bulyan, geometric_3, centered_3):
            took = []
            for _ in range(RUNS if n == 10 else 1):
                start = time.perf_counter()
                rule(u, f)
                took.append(time.perf_counter() - start)
            print(f"{rule.__name__}/{n}x1M {sorted(took)[len(took) // 2] * 1000:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
