"""A whole training step of the same model in PyTorch on the CPU, as a peer: bf16 autocast, eager or compiled.

The model is that of src/model from the same config.json object: RMSNorm sandwich, per-head norms of q, k and v, rotary
positions (proportional on full layers), grouped queries, a window mask on sliding layers, top-k experts beside a dense
MLP with the rows sorted by expert, tied soft-capped head, cross-entropy, balance loss and z-loss. AdamW is PyTorch's
fused one; Muon runs Newton-Schulz on stacks of equal shapes. Written as a careful PyTorch user would write it.

  {"do": "prepare", "config": {...}, "batch": 8, "time": 512, "optimizer": "muon", "mode": "eager" | "compile"}
      builds the model, runs warm-up steps; answers {"parameters": ..., "loss": of the first step}
  {"do": "sample", "iterations": 2} -> {"seconds": of one step, "loss": of the last}
"""
import math
import time

from torch_peer import answer, load_torch, serve

torch = load_torch()
import torch.nn as nn
import torch.nn.functional as F


def rms_norm(x, weight=None, eps=1e-6):
    return F.rms_norm(x.float(), (x.shape[-1],), weight, eps)


class Norm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return rms_norm(x, self.weight, self.eps)


def matrix(*shape, std):
    return nn.Parameter(torch.randn(shape) * std)


def rope_table(parameters, head_dim, length):
    half = head_dim // 2
    turning = half
    if parameters["rope_type"] == "proportional":
        turning = int(parameters.get("partial_rotary_factor", 1.0) * head_dim / 2)
    frequency = parameters["rope_theta"] ** (-2.0 * torch.arange(half) / head_dim)
    frequency[turning:] = 0
    angle = torch.arange(length)[:, None] * frequency[None, :]
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv, self.dim, self.eps = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], c["rms_norm_eps"]
        std, d = c["initializer_range"], c["hidden_size"]
        self.q_proj, self.k_proj = matrix(self.heads * self.dim, d, std=std), matrix(self.kv * self.dim, d, std=std)
        self.v_proj, self.o_proj = matrix(self.kv * self.dim, d, std=std), matrix(d, self.heads * self.dim, std=std)
        self.q_norm, self.k_norm = Norm(self.dim, self.eps), Norm(self.dim, self.eps)

    def forward(self, x, rope, mask):
        b, t, _ = x.shape
        sizes = [self.heads * self.dim, self.kv * self.dim, self.kv * self.dim]
        q, k, v = F.linear(x, torch.cat((self.q_proj, self.k_proj, self.v_proj))).split(sizes, dim=-1)
        q, k, v = (y.view(b, t, -1, self.dim).transpose(1, 2) for y in (q, k, v))
        q = rotate(self.q_norm(q), *rope).bfloat16()
        k = rotate(self.k_norm(k), *rope).bfloat16()
        v = rms_norm(v, None, self.eps).bfloat16()
        k, v = (y.repeat_interleave(self.heads // self.kv, dim=1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=1.0)
        return F.linear(y.transpose(1, 2).reshape(b, t, -1), self.o_proj)


class Mlp(nn.Module):
    def __init__(self, d, inner, std):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = matrix(inner, d, std=std), matrix(inner, d, std=std), matrix(d, inner, std=std)

    def forward(self, x):
        gate, up = F.linear(x, torch.cat((self.gate_proj, self.up_proj))).chunk(2, dim=-1)
        return F.linear(F.gelu(gate, approximate="tanh") * up, self.down_proj)


class Experts(nn.Module):
    """Rows sorted by expert, one product an expert over its own rows."""

    def __init__(self, c):
        super().__init__()
        d, self.e, self.k, inner = c["hidden_size"], c["num_experts"], c["top_k_experts"], c["moe_intermediate_size"]
        std = c["initializer_range"]
        self.scale, self.proj = nn.Parameter(torch.ones(d)), matrix(self.e, d, std=std)
        self.per_expert_scale = nn.Parameter(torch.ones(self.e))
        self.gate_up_proj, self.down_proj = matrix(self.e, 2 * inner, d, std=std), matrix(self.e, d, inner, std=std)
        self.balance, self.z = c["router_aux_loss_coef"], c["router_z_loss_coef"]

    def route(self, x1):
        with torch.autocast("cpu", enabled=False):
            logits = F.linear(rms_norm(x1) * self.scale * x1.shape[-1] ** -0.5, self.proj)
            probs = logits.softmax(-1)
            chosen, index = probs.topk(self.k, dim=-1)
            weights = chosen / chosen.sum(-1, keepdim=True) * self.per_expert_scale[index]
            counts = torch.bincount(index.flatten(), minlength=self.e)
            share = counts / index.numel()
            aux = self.balance * self.e * (share * probs.mean(0)).sum() + self.z * logits.logsumexp(-1).square().mean()
        return weights, index, counts, aux

    def forward(self, x1, normed):
        x1, normed = x1.flatten(0, 1), normed.flatten(0, 1).bfloat16()
        weights, index, counts, aux = self.route(x1)
        order = index.flatten().argsort(stable=True)
        token = order // self.k
        rows = normed.index_select(0, token)
        gate_up, down = self.gate_up_proj.bfloat16().unbind(0), self.down_proj.bfloat16().unbind(0)
        parts = []
        for part, w1, w2 in zip(rows.split(counts.tolist()), gate_up, down):
            gate, up = F.linear(part, w1).chunk(2, dim=-1)
            parts.append(F.linear(F.gelu(gate, approximate="tanh") * up, w2))
        out = torch.cat(parts) * weights.flatten().index_select(0, order)[:, None]
        return torch.zeros_like(x1).index_add(0, token, out.to(x1.dtype)), aux


class Block(nn.Module):
    def __init__(self, c, layer):
        super().__init__()
        d, eps = c["hidden_size"], c["rms_norm_eps"]
        self.sliding = c["layer_types"][layer] == "sliding_attention"
        self.attention, self.mlp = Attention(c), Mlp(d, c["intermediate_size"], c["initializer_range"])
        self.moe = Experts(c) if c["enable_moe_block"] else None
        names = ["input", "post_attention", "pre_ff", "post_ff"] + (["post_ff_1", "pre_ff_2", "post_ff_2"] if self.moe else [])
        self.norms = nn.ModuleDict({name: Norm(d, eps) for name in names})

    def forward(self, x, ropes, mask):
        n = self.norms
        kind = "sliding_attention" if self.sliding else "full_attention"
        x = x + n["post_attention"](self.attention(n["input"](x), ropes[kind], mask if self.sliding else None))
        mixed, aux = self.mlp(n["pre_ff"](x)), 0.0
        if self.moe:
            sparse, aux = self.moe(x, n["pre_ff_2"](x))
            mixed = n["post_ff_1"](mixed) + n["post_ff_2"](sparse.view_as(x))
        return x + n["post_ff"](mixed), aux


class Model(nn.Module):
    def __init__(self, c, length):
        super().__init__()
        self.c = c
        self.embed = matrix(c["vocab_size"], c["hidden_size"], std=c["initializer_range"])
        self.blocks = nn.ModuleList(Block(c, layer) for layer in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.ropes = {kind: rope_table(p, c["head_dim"], length) for kind, p in c["rope_parameters"].items()}
        row = torch.arange(length)
        behind = row[:, None] - row[None, :]
        self.mask = (behind >= 0) & (behind < c["sliding_window"])

    def forward(self, ids, targets):
        x = F.embedding(ids, self.embed) * self.c["hidden_size"] ** 0.5
        aux = 0.0
        for block in self.blocks:
            x, more = block(x, self.ropes, self.mask)
            aux = aux + more
        logits = F.linear(self.norm(x), self.embed).float()
        cap = self.c["final_logit_softcapping"]
        if cap > 0:
            logits = cap * torch.tanh(logits / cap)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return loss, loss + aux


def newton_schulz(g):
    """Five iterations on a stack of matrices (Jordan et al. 2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return x.mT if tall else x


class Muon:
    def __init__(self, parameters):
        self.groups = {}
        for p in parameters:
            self.groups.setdefault(tuple(p.shape[-2:]), []).append((p, torch.zeros_like(p)))
        self.orthogonalise = newton_schulz

    @torch.no_grad()
    def step(self, lr=0.02, momentum=0.95, decay=0.1):
        for (rows, columns), members in self.groups.items():
            stack = []
            for p, m in members:
                m.lerp_(p.grad, 1 - momentum)
                stack.append(p.grad.lerp(m, momentum).reshape(-1, rows, columns))
            update = self.orthogonalise(torch.cat(stack)).split([len(s) for s in stack])
            size = lr * math.sqrt(max(1.0, rows / columns))
            for (p, _), u in zip(members, update):
                p.mul_(1 - lr * decay).add_(u.reshape(p.shape).float(), alpha=-size)


state = {}


def prepare(question):
    torch.manual_seed(0)
    torch._dynamo.reset()
    config, batch, length = question["config"], question["batch"], question["time"]
    model = Model(config, length)
    hidden = [p for p in model.blocks.parameters() if p.dim() == 2 and p.shape[0] != config["num_experts"]]
    chosen = {id(p) for p in hidden} if question["optimizer"] == "muon" else set()
    state["muon"] = Muon(hidden) if chosen else None
    state["adamw"] = torch.optim.AdamW([p for p in model.parameters() if id(p) not in chosen], lr=1e-3, fused=True)
    state["model"] = model
    state["call"] = model
    if question["mode"] == "compile":
        state["call"] = torch.compile(model)
        if state["muon"]:
            state["muon"].orthogonalise = torch.compile(newton_schulz)
    ids = torch.randint(config["vocab_size"], (batch, length + 1))
    state["ids"], state["targets"] = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    first = step()
    step()
    step()
    return {"parameters": sum(p.numel() for p in model.parameters()), "loss": first}


def step():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, total = state["call"](state["ids"], state["targets"])
    total.backward()
    torch.nn.utils.clip_grad_norm_(state["model"].parameters(), 1.0)
    state["adamw"].step()
    if state["muon"]:
        state["muon"].step()
    state["model"].zero_grad(set_to_none=True)
    return loss.item()


def sample(question):
    start = time.perf_counter()
    for _ in range(question["iterations"]):
        loss = step()
    return {"seconds": (time.perf_counter() - start) / question["iterations"], "loss": loss}


answer(name=f"PyTorch {torch.__version__}")
serve(lambda question: prepare(question) if question["do"] == "prepare" else sample(question))
