"""The external trainer of an Althing node, version 1 of docs/trainer-contract.md.

Called as `python trainer.py JOBFOLDER` or `python trainer.py --check`. It reads
job.json, a model and token ids, computes with PyTorch (1.13 or newer, nothing
else), and writes safetensors and result.json. Text arrives as numbers and is
never run. The model is that of training/llama: RMSNorm (Zhang and Sennrich
2019), rotary positions (Su et al. 2021), grouped heads (Ainslie et al. 2023)
and SwiGLU (Shazeer 2020). Other architectures need transformers beside torch.

SPDX-License-Identifier: AGPL-3.0-or-later
"""
import ctypes, gc, hashlib, json, math, os, platform, signal, stat, sys, threading, time

VERSION, IGNORE = 1, -1  # of the contract; as a target
OK, CRASHED, REFUSED, MEMORY, NO_TORCH, INTERRUPTED, DIVERGED, TIME = range(8)

began = time.monotonic()
# What libraries print must not be taken for progress.
lines = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
os.dup2(2, 1)


def say(event, **fields):
    lines.write(json.dumps({"event": event, **fields}, allow_nan=False) + "\n")
    lines.flush()


class Stop(Exception):
    """Ends the job with an exit code and a reason that people read."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


def cpu():
    """The processor's name and its flags."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            about = dict(map(str.strip, line.partition(":")[::2]) for line in f.read().split("\n\n")[0].split("\n"))
    except OSError:
        about = {}
    return about.get("model name") or platform.machine(), about.get("flags", "").split()


def load_torch(threads):
    # Libraries read these once, when they are loaded.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        if threads:
            os.environ[key] = str(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning starves the owner's other work
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    # OpenBLAS before 0.3.22 takes processors younger than itself for the oldest it knows.
    for flag, core in (("avx512bw", "SkylakeX"), ("avx2", "Haswell")):
        if flag in cpu()[1]:
            os.environ.setdefault("OPENBLAS_CORETYPE", core)
    try:
        import torch
    except Exception as err:  # a broken installation fails in many ways
        raise Stop(NO_TORCH, "this Python cannot load torch: %s: %s" % (type(err).__name__, err))
    numbers = [int("".join(c for c in part if c.isdigit()) or 0) for part in torch.__version__.split(".")[:2]]
    if numbers < [1, 13]:
        raise Stop(NO_TORCH, "torch %s is too old, 1.13 or newer is needed" % torch.__version__)
    if threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    return torch


def hardware(torch, wanted="auto"):
    """Chooses the device and says what it is."""
    cuda = wanted != "cpu" and torch.cuda.is_available()
    if wanted == "cuda" and not cuda:
        raise Stop(REFUSED, "the job asks for CUDA and torch sees no CUDA device")
    memory = torch.cuda.get_device_properties(0).total_memory if cuda else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"trainer": "torch " + torch.__version__, "python": platform.python_version(), "dtype": "float32",
            "device": "cuda" if cuda else "cpu", "hardware": torch.cuda.get_device_name(0) if cuda else cpu()[0],
            "threads": torch.get_num_threads(), "memory_mb": memory >> 20}


WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}


def read_safetensors(torch, path):
    """Tensors as float32 by name, in the order of the file."""
    kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    size, tensors = os.path.getsize(path), {}
    with open(path, "rb") as f:
        length = int.from_bytes(f.read(8), "little")
        if not 2 <= length <= min(size - 8, 100 << 20):
            raise Stop(REFUSED, "the base is no safetensors file")
        header = json.loads(f.read(length))
        header.pop("__metadata__", None)
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"][0]):
            (lo, hi), shape, kind = entry["data_offsets"], entry["shape"], entry["dtype"]
            if kind not in kinds or hi - lo != math.prod(shape) * WIDTHS[kind] or hi > size - 8 - length:
                raise Stop(REFUSED, "tensor %s of the base does not fit its description" % name)
            f.seek(8 + length + lo)
            flat = torch.frombuffer(bytearray(f.read(hi - lo)), dtype=kinds[kind])
            tensors[name] = flat.to(torch.float32).reshape(shape)
    return tensors


def write_safetensors(torch, path, tensors):
    """Writes float32 in the order given; returns the SHA-256 and the size."""
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + 4 * t.numel()]}
        at += 4 * t.numel()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        put = lambda data: (digest.update(data), f.write(data))
        put(len(text).to_bytes(8, "little") + text)
        for t in tensors.values():
            t = t.detach().to("cpu", torch.float32).contiguous()
            for lo in range(0, 4 * t.numel(), 1 << 24):
                put(ctypes.string_at(t.data_ptr() + lo, min(1 << 24, 4 * t.numel() - lo)))
        f.flush()
        os.fsync(f.fileno())
    return digest.hexdigest(), 8 + len(text) + at


class Llama:
    """The decoder of training/llama over tensors with Hugging Face's names."""

    linears = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
               "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")

    def __init__(self, torch, config, weights, device):
        self.torch, self.device = torch, device
        self.layers, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.groups = config.get("num_key_value_heads") or self.heads
        self.hidden, self.vocab = config["hidden_size"], config["vocab_size"]
        self.context, self.eps = config["max_position_embeddings"], config["rms_norm_eps"]
        self.width = self.hidden // self.heads
        tied, inner = config.get("tie_word_embeddings", False), config["intermediate_size"]
        self.head = "model.embed_tokens.weight" if tied else "lm_head.weight"
        self.check(weights, inner)
        self.p = {name: w.to(device) for name, w in weights.items()}
        self.adapters, self.scale = {}, 0.0
        half = torch.arange(self.width // 2, dtype=torch.float64) * 2 / self.width
        angle = torch.outer(torch.arange(self.context, dtype=torch.float64), float(config["rope_theta"]) ** -half)
        self.cos, self.sin = (f(angle).to(device, torch.float32) for f in (torch.cos, torch.sin))
        self.mask = torch.full((self.context, self.context), -math.inf, device=device).triu(1)

    def check(self, weights, inner):
        c, kv = self.hidden, self.groups * self.width
        want = {"model.embed_tokens.weight": [self.vocab, c], "model.norm.weight": [c], self.head: [self.vocab, c]}
        shapes = dict(zip(self.linears, ([c, c], [kv, c], [kv, c], [c, c], [inner, c], [inner, c], [c, inner])))
        shapes.update(input_layernorm=[c], post_attention_layernorm=[c])
        for layer in range(self.layers):
            want.update({"model.layers.%d.%s.weight" % (layer, name): shape for name, shape in shapes.items()})
        if {name: list(w.shape) for name, w in weights.items()} != want:
            raise Stop(REFUSED, "the tensors of the base are not those of config.json")

    def adapt(self, rank, alpha, seed):
        """LoRA (Hu et al. 2021): W + alpha/rank·B·A on every linear layer, B = 0 at first."""
        torch, source = self.torch, self.torch.Generator().manual_seed(seed % (1 << 63))
        self.scale = alpha / rank
        for layer in range(self.layers):
            for part in self.linears:
                name = "model.layers.%d.%s.weight" % (layer, part)
                rows, cols = self.p[name].shape
                a = torch.randn(rank, cols, generator=source) / math.sqrt(cols)
                self.adapters[name] = (torch.zeros(rows, rank, device=self.device), a.to(self.device))

    def trainable(self):
        if self.adapters:
            return [t for pair in self.adapters.values() for t in pair]
        return list(self.p.values())

    def weight(self, name):
        w = self.p[name]
        if name in self.adapters:
            b, a = self.adapters[name]
            w = w + self.scale * (b @ a)
        return w

    def merged(self):
        return {name: self.weight(name) for name in self.p}

    def norm(self, x, name):
        return x * self.torch.rsqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.p[name]

    def turn(self, x, cos, sin):
        a, b = x.chunk(2, -1)  # channel i of a head turns with channel i + D/2
        return self.torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def logits(self, ids, cache=None):
        """B × T ids to B × T × V; a cache holds keys and values of what came before."""
        torch, linear = self.torch, self.torch.nn.functional.linear
        rows, length = ids.shape
        past = cache[0][0].shape[2] if cache else 0
        cos, sin = self.cos[past:past + length], self.sin[past:past + length]
        mask = self.mask[past:past + length, :past + length]
        x = torch.nn.functional.embedding(ids, self.p["model.embed_tokens.weight"])

        def split(y, heads):
            return y.view(rows, length, heads, self.width).transpose(1, 2)

        def spread(y):
            return y[:, :, None].expand(-1, -1, self.heads // self.groups, -1, -1).reshape(rows, self.heads, -1, self.width)

        for layer in range(self.layers):
            at = "model.layers.%d." % layer
            n = self.norm(x, at + "input_layernorm.weight")
            q, k, v = (linear(n, self.weight(at + "self_attn.%s_proj.weight" % s)) for s in "qkv")
            q, k = self.turn(split(q, self.heads), cos, sin), self.turn(split(k, self.groups), cos, sin)
            v = split(v, self.groups)
            if cache is not None:
                if past:
                    k, v = torch.cat((cache[layer][0], k), 2), torch.cat((cache[layer][1], v), 2)
                cache[layer:layer + 1] = [(k, v)]
            p = torch.softmax(q @ spread(k).transpose(2, 3) / math.sqrt(self.width) + mask, -1)
            o = (p @ spread(v)).transpose(1, 2).reshape(rows, length, self.hidden)
            x = x + linear(o, self.weight(at + "self_attn.o_proj.weight"))
            n = self.norm(x, at + "post_attention_layernorm.weight")
            gate = torch.nn.functional.silu(linear(n, self.weight(at + "mlp.gate_proj.weight")))
            up = linear(n, self.weight(at + "mlp.up_proj.weight"))
            x = x + linear(gate * up, self.weight(at + "mlp.down_proj.weight"))
        return linear(self.norm(x, "model.norm.weight"), self.p[self.head])


class Foreign:
    """Any causal model of transformers, without its own code (trust_remote_code stays off)."""

    def __init__(self, torch, folder, weights, device):
        try:
            import transformers
        except Exception as err:
            raise Stop(REFUSED, "this architecture needs transformers, which cannot be loaded: %s" % err)
        torch.use_deterministic_algorithms(True, warn_only=True)
        config = transformers.AutoConfig.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_config(config).to(torch.float32)
        self.vocab, self.context = config.vocab_size, config.max_position_embeddings
        own = dict(self.model.named_parameters())
        if {n: list(w.shape) for n, w in weights.items()} != {n: list(w.shape) for n, w in own.items()}:
            raise Stop(REFUSED, "the tensors of the base are not those of config.json")
        with torch.no_grad():
            for name, w in weights.items():
                own[name].copy_(w)
        self.model.to(device).eval()  # dropout stays off: the builtin engine has none

    def adapt(self, rank, alpha, seed):
        try:
            import peft
        except Exception as err:
            raise Stop(REFUSED, "adapters for this architecture need PEFT, which cannot be loaded: %s" % err)
        import torch
        torch.manual_seed(seed % (1 << 63))
        config = peft.LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        self.model = peft.get_peft_model(self.model, config)

    def trainable(self):
        return [p for p in self.model.parameters() if p.requires_grad]

    def merged(self):
        if hasattr(self.model, "merge_and_unload"):
            self.model = self.model.merge_and_unload()
        return dict(self.model.named_parameters())

    def logits(self, ids, cache=None):
        return self.model(input_ids=ids).logits


def starved(err):
    text = str(err)
    return isinstance(err, MemoryError) or any(s in text for s in ("out of memory", "can't allocate memory", "bad_alloc"))


class Run:
    """One job: what it was given and what it found."""

    def __init__(self, torch, folder, job):
        self.torch, self.folder, self.job = torch, folder, job
        self.found = hardware(torch, job.get("device", "auto"))
        self.device, limits = self.found["device"], job["limits"]
        most = limits.get("memory_mb", 0)  # an allocation above the owner's limit fails, and is answered
        if most and self.device == "cuda":
            torch.cuda.set_per_process_memory_fraction(min(1.0, most / self.found["memory_mb"]), 0)
        elif most:
            import resource
            resource.setrlimit(resource.RLIMIT_DATA, (most << 20, most << 20))
        self.ends = began + limits["seconds"] if limits.get("seconds") else math.inf
        self.halved, self.losses, self.ids, self.seconds, self.tokens = 0, [], [], [], 0
        with open(self.path("config"), encoding="utf-8") as f:
            config = json.load(f)
        weights = read_safetensors(torch, self.path("base"))
        self.order = list(weights)
        plain = config.get("model_type") == "llama" and config.get("hidden_act", "silu") == "silu" and not (
            config.get("attention_bias") or config.get("mlp_bias") or config.get("rope_scaling")
            or config.get("head_dim") not in (None, config["hidden_size"] // config["num_attention_heads"]))
        self.model = Llama(torch, config, weights, self.device) if plain else Foreign(torch, folder, weights, self.device)
        say("start", start_seconds=time.monotonic() - began, **self.found)

    def now(self):
        if time.monotonic() > self.ends:
            raise Stop(TIME, "the owner's time limit is over")
        return time.monotonic()

    def path(self, key):
        return os.path.join(self.folder, os.path.basename(self.job[key]))

    def batches(self):
        """Opens the batches file: rows of context + 1 ids."""
        rows, width = self.job["rows"], self.job["context"] + 1
        if self.job["context"] > self.model.context or os.path.getsize(self.path("batches")) != 4 * rows * width:
            raise Stop(REFUSED, "the batches do not have %d rows of %d ids, or the model's context is shorter" % (rows, width))
        return open(self.path("batches"), "rb")

    def take(self, file, rows):
        """Inputs and targets of the next rows; an id x < 0 is token -1-x, read and never predicted."""
        part = bytearray(file.read(4 * rows * (self.job["context"] + 1)))
        part = self.torch.frombuffer(part, dtype=self.torch.int32).reshape(rows, -1).long()
        read, target = self.torch.where(part < 0, -1 - part, part), part.clamp(min=IGNORE)
        if int(read.max()) >= self.model.vocab:
            raise Stop(REFUSED, "a token id is not in the vocabulary of %d" % self.model.vocab)
        return read[:, :-1].to(self.device), target[:, 1:].to(self.device)

    def nll(self, inputs, targets):
        logits = self.model.logits(inputs)
        flat = self.torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=IGNORE, reduction="none")
        return flat.reshape(targets.shape)

    def parts(self, inputs, targets, at_once, work):
        """Runs work on at_once rows at a time; without memory on half as many, from the beginning."""
        while True:
            self.now()
            try:
                got = [work(i, t) for i, t in zip(inputs.split(at_once), targets.split(at_once))]
                return got, at_once
            except (RuntimeError, MemoryError) as err:
                if not starved(err):
                    raise
                reason = str(err).strip().split("\n")[0][:200]
            # Outside the handler: its traceback kept the tensors alive.
            for p in self.model.trainable():
                p.grad = None
            gc.collect()
            if self.device == "cuda":
                self.torch.cuda.empty_cache()
            if at_once == 1:
                raise Stop(MEMORY, "one sequence of %d tokens does not fit into memory: %s" % (inputs.shape[1], reason))
            at_once = (at_once + 1) // 2
            self.halved += 1
            say("halved", sequences=at_once, reason=reason)

    def train(self):
        torch, h = self.torch, self.job["hyperparams"]
        sequences, steps = h["batch_tokens"] // h["context"], h["steps"]
        if self.job["rows"] != sequences * steps or h["context"] != self.job["context"]:
            raise Stop(REFUSED, "the batches are not %d steps of %d sequences of %d" % (steps, sequences, h["context"]))
        lora = self.job.get("lora")
        if lora:
            self.model.adapt(lora["rank"], lora["alpha"], int(self.job["seed"]))
        weights = [w.requires_grad_(True) for w in self.model.trainable()]
        rates = self.job.get("rates") or [h["learn_rate"]] * steps
        adam = torch.optim.AdamW(
            [{"params": [w for w in weights if w.dim() > 1], "weight_decay": h["weight_decay"]},
             {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0}],  # gains are not decayed
            lr=h["learn_rate"], betas=(h["beta1"], h["beta2"]), eps=h["epsilon"])
        file, at_once = self.batches(), sequences
        for step in range(steps):
            late = time.monotonic() + max(self.seconds, default=0) > self.ends
            if step and "stop" in self.job and (late or os.path.exists(self.path("stop"))):
                break  # what is done so far is of use
            began_step = time.monotonic()
            inputs, targets = self.take(file, sequences)
            count = max(1, int((targets >= 0).sum()))

            def work(i, t):
                total = self.nll(i, t).sum()
                (total / count).backward()
                return float(total.detach())
            adam.zero_grad(set_to_none=True)
            sums, at_once = self.parts(inputs, targets, at_once, work)
            loss = math.fsum(sums) / count
            norm = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(w.grad) for w in weights])))
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise Stop(DIVERGED, "the loss or its gradient is not a number in step %d" % (step + 1))
            if 0 < h["clip_norm"] < norm:
                for w in weights:
                    w.grad.mul_(h["clip_norm"] / norm)
            for group in adam.param_groups:
                group["lr"] = rates[step]
            adam.step()
            self.tokens += inputs.numel()
            self.seconds.append(time.monotonic() - began_step)
            self.losses.append(loss)
            say("step", step=step + 1, loss=loss, seconds=self.seconds[-1])
        with torch.no_grad():
            merged = self.model.merged()
        return {name: merged[name] for name in self.order}, at_once

    def evaluate(self):
        file, left, out = self.batches(), self.job["rows"], []
        at_once = max(1, 16384 // self.job["context"])
        with self.torch.no_grad():
            while left:
                began_step, n = time.monotonic(), min(left, at_once)
                inputs, targets = self.take(file, n)
                got, at_once = self.parts(inputs, targets, at_once, lambda i, t: self.nll(i, t).cpu())
                out, left = out + got, left - n
                self.tokens += inputs.numel()
                self.seconds.append(time.monotonic() - began_step)
                say("rows", left=left)
        return {"nll": self.torch.cat(out)}, at_once

    def sample(self):
        """Chooses as training/llama does: the same logits and seed give the same tokens."""
        s, torch, state = self.job["sample"], self.torch, int(self.job["seed"])
        text, mask = s["prompt"][-self.model.context:], (1 << 64) - 1
        if not text or not all(0 <= i < self.model.vocab for i in text):
            raise Stop(REFUSED, "the prompt is empty or not of the vocabulary")
        own, cache, fresh = isinstance(self.model, Llama), [], text
        with torch.no_grad():
            while len(self.ids) < s["tokens"]:
                began_step = self.now()
                read = torch.tensor([fresh if own else text], device=self.device)
                logits = self.model.logits(read, cache if own else None)[0, -1].float().cpu()
                values, order = torch.sort(logits, descending=True, stable=True)
                chosen = int(order[0])
                if s["temperature"]:
                    top = s["top_k"] or len(values)
                    p = torch.softmax(values[:top] / s["temperature"], 0).tolist()
                    state = (state + 0x9E3779B97F4A7C15) & mask  # SplitMix64 (Steele, Lea and Flood 2014)
                    z = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & mask
                    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & mask
                    u, total = ((z ^ z >> 31) >> 11) / (1 << 53), 0.0
                    for i, share in enumerate(p):
                        total += share
                        if u < total:
                            chosen = int(order[i])
                            break
                self.ids.append(chosen)
                text, fresh = text + [chosen], [chosen]
                if len(text) > self.model.context:  # turned keys cannot be moved: begin again with half
                    text = text[-((self.model.context + 1) // 2):]
                    cache, fresh = [], text
                self.tokens += 1
                self.seconds.append(time.monotonic() - began_step)
                say("token", id=chosen)
        return None, 1

    def finish(self):
        kind = self.job["kind"]
        out, at_once = getattr(self, kind)()
        digest, size = write_safetensors(self.torch, self.path("out"), out) if out else ("", 0)
        whole = sum(self.seconds)
        result = {"version": VERSION, "kind": kind, "digest": digest, "bytes": size, "steps": len(self.losses),
                  "losses": self.losses, "ids": self.ids, "tokens": self.tokens, "halved": self.halved,
                  "sequences_at_once": at_once, "seconds": whole, "start_seconds": time.monotonic() - began - whole,
                  "tokens_per_second": self.tokens / max(whole, 1e-9), "deterministic": isinstance(self.model, Llama),
                  **self.found}
        temporary = os.path.join(self.folder, "result.json.new")
        with open(temporary, "w", encoding="utf-8") as f:
            json.dump(result, f, allow_nan=False)
        os.replace(temporary, os.path.join(self.folder, "result.json"))


def main(args):
    def interrupted(*_):
        raise Stop(INTERRUPTED, "interrupted")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupted)
    if stat.S_ISFIFO(os.fstat(0).st_mode):  # it ends when the node does
        threading.Thread(target=lambda: os.read(0, 1) or os._exit(INTERRUPTED), daemon=True).start()
    try:
        if args == ["--check"]:
            say("hardware", **hardware(load_torch(0)))
            return OK
        with open(os.path.join(args[0], "job.json"), encoding="utf-8") as f:
            job = json.load(f)
        if job.get("version") != VERSION or job.get("kind") not in ("train", "evaluate", "sample"):
            raise Stop(REFUSED, "this program knows version %d: train, evaluate and sample" % VERSION)
        Run(load_torch(job["limits"].get("threads", 0)), args[0], job).finish()
        return OK
    except Stop as stop:
        say("error", code=stop.code, reason=str(stop))
        return stop.code
    except (RuntimeError, MemoryError) as err:
        if not starved(err):
            raise
        say("error", code=MEMORY, reason=str(err).strip().split("\n")[0][:200])
        return MEMORY
    except (KeyError, TypeError, ValueError, OSError) as err:
        say("error", code=REFUSED, reason="the job cannot be read: %s: %s" % (type(err).__name__, err))
        return REFUSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
