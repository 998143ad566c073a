"""Runs althing's engine and its PyTorch peer in turn and compares speed, memory and losses.

    compare.py --althing bin/althing [--configs S,B] [--threads 1,2] [--rounds 5] [--steps 21]

Rounds are interleaved, because machines are noisy: ratios are of medians over runs that
were made in the same minutes. Fails when losses at steps 0, 1, 2 and the last differ in
their first four digits.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.py")
TUNED = {"OPENBLAS_CORETYPE": "SkylakeX", "OMP_WAIT_POLICY": "PASSIVE", "ATEN_CPU_CAPABILITY": "avx512"}


def run(command, threads):
    env = {**os.environ, **{k: os.environ.get(k, v) for k, v in TUNED.items()},
           "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def agree(a, b):
    return abs(a - b) < 0.5 * 10 ** -(3 - len(str(int(abs(a)))) + 1)


def compare(o, config, threads):
    with tempfile.TemporaryDirectory() as d:
        prepare = [o.python, PEER, "prepare", "--config", config, "--steps", str(o.steps), "--dir", d]
        subprocess.run(prepare + (["--text", o.text] if o.text else []), check=True)
        shared = ["--config", config, "--threads", str(threads), "--steps", str(o.steps)]
        ours = [o.althing, "bench", "train", *shared, "--text", f"{d}/text", "--init", f"{d}/init.safetensors",
                "--batches", f"{d}/batches", "--json"]
        theirs = [o.python, PEER, "train", *shared, "--dir", d]
        runs = {"althing": [], "pytorch": []}
        for _ in range(o.rounds):
            runs["althing"].append(run(ours, threads))
            runs["pytorch"].append(run(theirs, threads))
    a, b = runs["althing"], runs["pytorch"]
    mid = lambda rs, key: statistics.median(r[key] for r in rs)
    row = lambda name, rs: print(
        f"| {config} | {threads} | {name} | {mid(rs, 'tokens_per_second'):,.0f} | {max(r['tokens_per_second_best'] for r in rs):,.0f} "
        f"| {2048 / mid(rs, 'cpu_seconds_per_step'):,.0f} | {max(r['peak_rss_mib'] for r in rs):.0f} |")
    row("Althing", a)
    row("PyTorch", b)
    per_cpu = mid(b, "cpu_seconds_per_step") / mid(a, "cpu_seconds_per_step")
    paired = statistics.median(x["tokens_per_second"] / y["tokens_per_second"] for x, y in zip(a, b))
    best = max(r["tokens_per_second_best"] for r in a) / max(r["tokens_per_second_best"] for r in b)
    memory = max(r["peak_rss_mib"] for r in a) / max(r["peak_rss_mib"] for r in b)
    print(f"| {config} | {threads} | ratio (median of rounds {paired:.2f}) | {mid(a, 'tokens_per_second') / mid(b, 'tokens_per_second'):.2f} "
          f"| {best:.2f} | {per_cpu:.2f} | {memory:.2f} |", flush=True)
    steps = [s for s in (0, 1, 2, o.steps - 1) if s < o.steps]
    losses = [(s, a[0]["losses"][s], b[0]["losses"][s]) for s in steps]
    ok = all(agree(x, y) for _, x, y in losses) and all(r["weights_sha256"] == a[0]["weights_sha256"] for r in a)
    return ok, f"losses {config}, {threads} threads: " + ", ".join(f"step {s} {x:.5f} {y:.5f}" for s, x, y in losses), a[0], b[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--althing", required=True)
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--configs", default="S,B")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=21)
    p.add_argument("--text")
    o = p.parse_args()
    print("| config | threads | engine | tokens/s, median | best | tokens per CPU-second | peak MiB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    good, lines = True, []
    for config in o.configs.split(","):
        for threads in map(int, o.threads.split(",")):
            ok, line, ours, peer = compare(o, config, threads)
            good, lines = good and ok, lines + [line + ("" if ok else "  DIFFER")]
    print("\n" + "\n".join(lines))
    print(f"Althing {ours['kernel']} · {peer['engine']}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
