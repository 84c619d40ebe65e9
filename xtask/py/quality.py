"""Compares the product's logits with the float reference's, over the same tokens.

Usage: quality.py MODEL.gguf WINDOW.json ...
A window is {"tokens": [id, ..], "logits": {"fast": FILE, "high": FILE}}; a FILE holds one row of
i32, little-endian, in units of 2^-16, per token. Prints one JSON object with the number of scored
tokens, the reference's perplexity, and per profile: perplexity, top1 (share of equal first
choices) and kl (mean of KL(reference || product), in nats).
"""

import json
import sys

import numpy as np

from reference import Llama


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def losses(log_probabilities, tokens):
    """What each token but the first cost, in nats."""
    following = np.asarray(tokens[1:])
    return -log_probabilities[np.arange(len(following)), following]


def read_logits(path, tokens, vocabulary):
    rows = np.fromfile(path, dtype="<i4").reshape(len(tokens), vocabulary)
    return rows.astype(np.float64) / 65536


def compare(model, windows):
    reference_losses, profiles = [], {}
    for window in windows:
        tokens = window["tokens"]
        reference = log_softmax(model.logits(tokens)[:-1])
        reference_losses.append(losses(reference, tokens))
        for profile, path in window["logits"].items():
            ours = read_logits(path, tokens, reference.shape[1])
            ours = log_softmax(ours[:-1])
            sums = profiles.setdefault(profile, {"losses": [], "same": [], "kl": []})
            sums["losses"].append(losses(ours, tokens))
            sums["same"].append(ours.argmax(axis=-1) == reference.argmax(axis=-1))
            sums["kl"].append((np.exp(reference) * (reference - ours)).sum(axis=-1))
    return reference_losses, profiles


def main():
    windows = []
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as file:
            windows.append(json.load(file))
    reference_losses, profiles = compare(Llama(sys.argv[1]), windows)
    mean = lambda parts: float(np.concatenate(parts).mean())
    result = {
        "tokens": int(sum(len(part) for part in reference_losses)),
        "perplexity": float(np.exp(mean(reference_losses))),
        "profiles": {
            profile: {
                "perplexity": float(np.exp(mean(sums["losses"]))),
                "top1": mean(sums["same"]),
                "kl": mean(sums["kl"]),
            }
            for profile, sums in profiles.items()
        },
    }
    print(json.dumps(result))


main()
