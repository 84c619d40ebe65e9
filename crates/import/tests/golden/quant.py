"""Writes quant/KIND.blocks and quant/KIND.f32: blocks of every GGUF type, and their values.

The values are those of the Python package `gguf` (its `gguf.quants`), an implementation that shares
nothing with ours. Run: `python3 quant.py` in this folder, with PyPI's `gguf` and `numpy` installed.
"""

import pathlib

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES

# Byte offsets of the binary16 factors inside a block, so that random blocks have finite values.
FACTORS = {
    "F16": [0], "BF16": [], "F32": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
BY_BYTES = {"F16", "BF16", "F32"}
QUANTISABLE = {"F16", "BF16", "F32", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"}


def random_blocks(rng, name, count):
    _, size = GGML_QUANT_SIZES[Kind[name]]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in FACTORS[name]:
        exponents = rng.integers(-14, 4, count)
        factors = (rng.uniform(-2, 2, count) * 2.0**exponents).astype(np.float16)
        blocks[:, at : at + 2] = factors.reshape(-1, 1).view(np.uint8)
    return blocks


def main():
    rng = np.random.default_rng(20261101)
    folder = pathlib.Path(__file__).parent / "quant"
    folder.mkdir(exist_ok=True)
    for name in FACTORS:
        kind = Kind[name]
        parts = []
        if name in QUANTISABLE:
            values = (rng.standard_normal((1, 128)) * 0.05).astype(np.float32)
            parts.append(quants.quantize(values, kind).view(np.uint8).reshape(-1))
        if name not in BY_BYTES:
            parts.append(random_blocks(rng, name, 4).reshape(-1))
        blocks = np.concatenate(parts)
        values = quants.dequantize(blocks.reshape(1, -1).view(stored(name)), kind)
        blocks.tofile(folder / f"{name}.blocks")
        np.asarray(values, dtype="<f4").reshape(-1).tofile(folder / f"{name}.f32")


def stored(name):
    return {"F16": np.float16, "F32": np.float32}.get(name, np.uint8)


if __name__ == "__main__":
    main()
