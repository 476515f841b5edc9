"""PyTorch's scaled_dot_product_attention as a peer: bf16 on the CPU, forward and backward, a boolean window mask.

  {"do": "prepare", "time": 2048, "window": 256, "heads": 8, "kv_heads": 8, "head_dim": 64, "files": {...}}
      reads q, k, v, d_o (bf16 bits, [time, heads, head_dim]) from files, runs once, writes o, dq, dk, dv beside them
  {"do": "sample", "iterations": 3, "backward": true} -> {"seconds": of one call}
"""
import time

from torch_peer import answer, load_torch, serve

torch = load_torch()
import numpy
import torch.nn.functional as F

state = {}


def read(path, shape):
    bits = numpy.fromfile(path, dtype=numpy.int16).reshape(shape)
    return torch.from_numpy(bits.copy()).view(torch.bfloat16).transpose(0, 1).unsqueeze(0).contiguous()


def forward(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=state["mask"], scale=state["scale"])


def call(backward):
    q, k, v = (state[name].detach().requires_grad_(backward) for name in "qkv")
    with torch.set_grad_enabled(backward):
        o = forward(q, k, v)
    if backward:
        o.backward(state["d_o"])
    return o, q, k, v


def prepare(question):
    t, window = question["time"], question["window"]
    files = question["files"]
    for name, heads in (("q", "heads"), ("k", "kv_heads"), ("v", "kv_heads"), ("d_o", "heads")):
        state[name] = read(files[name], (t, question[heads], question["head_dim"]))
    row = torch.arange(t)
    behind = row[:, None] - row[None, :]
    state["mask"] = (behind >= 0) & (behind < window)
    state["scale"] = question["scale"]
    o, q, k, v = call(True)
    for name, tensor in (("o", o.detach()), ("dq", q.grad), ("dk", k.grad), ("dv", v.grad)):
        tensor.squeeze(0).transpose(0, 1).float().contiguous().numpy().tofile(files[name])
    return {"ready": 1}


def sample(question):
    start = time.perf_counter()
    for _ in range(question["iterations"]):
        call(question["backward"])
    return {"seconds": (time.perf_counter() - start) / question["iterations"]}


answer(name=f"PyTorch {torch.__version__} scaled_dot_product_attention")
serve(lambda question: prepare(question) if question["do"] == "prepare" else sample(question))
