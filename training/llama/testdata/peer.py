"""The peer of althing's own engine: the same Llama-layout model in plain PyTorch.

    peer.py prepare --config S|B --steps K --dir DIR [--seed 1] [--text FILE]
        writes DIR/text, DIR/init.safetensors and DIR/batches, which both engines read
    peer.py train --config S|B --threads N --steps K --dir DIR
        trains and prints one JSON object with the keys of `althing bench train --json`

Needs PyTorch 1.13 or newer and nothing else. float32 throughout; AdamW with the
numbers of the benchmark; gains of norms are not decayed.
"""

import argparse
import ctypes
import json
import math
import random
import resource
import struct
import sys
import time

import torch
from torch.nn import functional as F

SHAPES = {  # hidden, layers, heads, intermediate, context, sequences a step
    "S": (128, 4, 4, 344, 128, 16),
    "B": (256, 6, 8, 688, 256, 8),
}
VOCAB, EPS, THETA = 256, 1e-5, 10000.0


def layout(config):
    """Names and shapes of all parameters, sorted as the engine sorts them."""
    c, layers, _, f, _, _ = SHAPES[config]
    shapes = {"model.embed_tokens.weight": (VOCAB, c), "model.norm.weight": (c,)}
    for i in range(layers):
        at = f"model.layers.{i}."
        shapes[at + "input_layernorm.weight"] = (c,)
        shapes[at + "post_attention_layernorm.weight"] = (c,)
        for name in "qkvo":
            shapes[at + f"self_attn.{name}_proj.weight"] = (c, c)
        shapes[at + "mlp.gate_proj.weight"] = (f, c)
        shapes[at + "mlp.up_proj.weight"] = (f, c)
        shapes[at + "mlp.down_proj.weight"] = (c, f)
    return dict(sorted(shapes.items()))


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + 4 * t.numel()]}
        at += 4 * t.numel()
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.contiguous().numpy().tobytes())


def read_safetensors(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = bytearray(f.read())
    out = {}
    for name, e in header.items():
        lo, hi = e["data_offsets"]
        out[name] = torch.frombuffer(data, dtype=torch.float32, offset=lo, count=(hi - lo) // 4).reshape(e["shape"]).clone()
    return out


def prepare(o):
    _, _, _, _, context, sequences = SHAPES[o.config]
    text = open(o.text, "rb").read() if o.text else open(__file__, "rb").read() * 64
    open(f"{o.dir}/text", "wb").write(text)
    draw = random.Random(o.seed)
    with open(f"{o.dir}/batches", "w") as f:
        for _ in range(o.steps):
            f.write(" ".join(str(draw.randrange(len(text) - context)) for _ in range(sequences)) + "\n")
    torch.manual_seed(o.seed)
    weights = {n: torch.ones(s) if len(s) == 1 else torch.randn(s) * 0.02 for n, s in layout(o.config).items()}
    write_safetensors(f"{o.dir}/init.safetensors", weights)


class Model:
    def __init__(self, config, weights):
        self.c, self.layers, self.heads, _, self.context, _ = SHAPES[config]
        self.w = {n: t.requires_grad_() for n, t in weights.items()}
        half = self.c // self.heads // 2
        angle = torch.outer(torch.arange(self.context).double(), THETA ** (-torch.arange(half).double() / half))
        self.cos = torch.cat([angle.cos(), angle.cos()], 1).float()
        self.sin = torch.cat([angle.sin(), angle.sin()], 1).float()
        self.mask = torch.full((self.context, self.context), -math.inf).triu(1)

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * self.w[name]

    def rotate(self, x):
        lo, hi = x.chunk(2, -1)
        return x * self.cos + torch.cat([-hi, lo], -1) * self.sin

    def attention(self, n, at):
        b, t, c = n.shape
        q, k, v = (F.linear(n, self.w[at + f"{p}_proj.weight"]).view(b, t, self.heads, -1).transpose(1, 2) for p in "qkv")
        scores = self.rotate(q) @ self.rotate(k).transpose(2, 3) / math.sqrt(c // self.heads)
        o = F.softmax(scores + self.mask, -1) @ v
        return F.linear(o.transpose(1, 2).reshape(b, t, c), self.w[at + "o_proj.weight"])

    def loss(self, tokens, targets):
        x = F.embedding(tokens, self.w["model.embed_tokens.weight"])
        for i in range(self.layers):
            at = f"model.layers.{i}."
            x = x + self.attention(self.norm(x, at + "input_layernorm.weight"), at + "self_attn.")
            n = self.norm(x, at + "post_attention_layernorm.weight")
            h = F.silu(F.linear(n, self.w[at + "mlp.gate_proj.weight"])) * F.linear(n, self.w[at + "mlp.up_proj.weight"])
            x = x + F.linear(h, self.w[at + "mlp.down_proj.weight"])
        logits = F.linear(self.norm(x, "model.norm.weight"), self.w["model.embed_tokens.weight"])
        return F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1))


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def blas():
    """The library that does the matrix products and the processor it takes this one for."""
    for path in {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line or "mkl" in line}:
        try:
            lib = ctypes.CDLL(path)
            lib.openblas_get_config.restype = lib.openblas_get_corename.restype = ctypes.c_char_p
            return f"{lib.openblas_get_config().decode().strip()} as {lib.openblas_get_corename().decode()}"
        except (OSError, AttributeError):
            continue
    return "no OpenBLAS"


def capability():
    """The vector instructions of PyTorch's own loops."""
    return next((line.split()[-1] for line in torch.__config__.show().splitlines() if "CPU capability" in line), "unknown")


def train(o):
    torch.set_num_threads(o.threads)
    model = Model(o.config, read_safetensors(f"{o.dir}/init.safetensors"))
    text = torch.frombuffer(bytearray(open(f"{o.dir}/text", "rb").read()), dtype=torch.uint8)
    rows = [[int(v) for v in line.split()] for line in open(f"{o.dir}/batches")]
    gains = [t for t in model.w.values() if t.dim() == 1]
    matrices = [t for t in model.w.values() if t.dim() > 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": gains, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    losses, seconds, began_cpu = [], [], 0.0
    for step in range(o.steps):
        batch = torch.stack([text[at : at + model.context + 1].long() for at in rows[step]])
        began = time.perf_counter()
        loss = model.loss(batch[:, :-1], batch[:, 1:].contiguous())
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
        if step == 0:
            began_cpu = cpu()
    used = (cpu() - began_cpu) / max(1, o.steps - 1)
    seconds = sorted(seconds[1:] or seconds)
    n = batch[:, 1:].numel()
    json.dump({
        "parameters": sum(t.numel() for t in model.w.values()),
        "tokens_per_second": n / seconds[len(seconds) // 2],
        "tokens_per_second_best": n / seconds[0],
        "losses": losses,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu_seconds_per_step": used,
        "engine": f"PyTorch {torch.__version__}, ATen {capability()}, {blas()}",
    }, sys.stdout)
    print()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("do", choices=["prepare", "train"])
    p.add_argument("--config", choices=list(SHAPES), default="S")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--steps", type=int, default=21)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--dir", required=True)
    p.add_argument("--text")
    o = p.parse_args()
    {"prepare": prepare, "train": train}[o.do](o)


if __name__ == "__main__":
    main()
