"""What the PyTorch peers share: the JSON line protocol of peer.ts, and the check that torch is there."""
import json
import os
import sys


def answer(**fields):
    print(json.dumps(fields), flush=True)


def load_torch():
    try:
        import torch
    except ImportError:
        answer(missing="PyTorch is not installed in the Python that POLLUX_PEER_PYTHON names (pip install torch)")
        sys.exit(0)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    return torch


def serve(handle):
    """Answers each question line with handle(question); an exception becomes {"error": ...}."""
    for line in sys.stdin:
        try:
            answer(**handle(json.loads(line)))
        except Exception as error:  # the bench prints it and stops
            answer(error=f"{type(error).__name__}: {error}")
