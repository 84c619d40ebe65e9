"""A Llama decoder in float32, as plain as it can be written.

It is the independent yardstick of `cargo xtask bench quality`: weights dequantised from the GGUF
file by PyPI's gguf, arithmetic by numpy, nothing shared with the product.
"""

import gguf
import numpy as np


class Llama:
    """Weights and settings of one GGUF file of architecture `llama`."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.fields = {name: field.contents() for name, field in reader.fields.items()}
        architecture = self.fields["general.architecture"]
        if architecture != "llama":
            raise ValueError(f"the reference knows llama, got {architecture}")
        self.weights = {
            tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            for tensor in reader.tensors
        }
        self.layers = self.setting("block_count")
        self.heads = self.setting("attention.head_count")
        self.kv_heads = self.setting("attention.head_count_kv")
        self.head_size = self.setting("embedding_length") // self.heads
        self.epsilon = np.float32(self.setting("attention.layer_norm_rms_epsilon"))
        self.rope_base = self.fields.get("llama.rope.freq_base", 10000.0)

    def setting(self, name):
        return self.fields["llama." + name]

    def logits(self, tokens):
        """One row of logits per token, each computed from that token and those before it."""
        embedding = self.weights["token_embd.weight"]
        x = embedding[np.asarray(tokens)]
        rotation = self.rotation(len(tokens))
        for layer in range(self.layers):
            x = x + self.attention(layer, self.norm(x, f"blk.{layer}.attn_norm.weight"), rotation)
            x = x + self.feed_forward(layer, self.norm(x, f"blk.{layer}.ffn_norm.weight"))
        output = self.weights.get("output.weight", embedding)
        return self.norm(x, "output_norm.weight") @ output.T

    def norm(self, x, name):
        mean_square = np.mean(np.square(x), axis=-1, keepdims=True)
        return x / np.sqrt(mean_square + self.epsilon) * self.weights[name]

    def rotation(self, length):
        """Cosines and sines [length, head_size / 2] of the rotary position encoding."""
        exponents = np.arange(0, self.head_size, 2, dtype=np.float64) / self.head_size
        angles = np.outer(np.arange(length), self.rope_base ** -exponents)
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def rotate(self, x, rotation):
        """Rotates neighbouring pairs: [length, heads, head_size]. GGUF stores llama this way."""
        cosine, sine = (part[:, None, :] for part in rotation)
        even, odd = x[..., 0::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., 0::2] = even * cosine - odd * sine
        out[..., 1::2] = even * sine + odd * cosine
        return out

    def attention(self, layer, x, rotation):
        length = len(x)
        project = lambda name: x @ self.weights[f"blk.{layer}.attn_{name}.weight"].T
        q = project("q").reshape(length, self.heads, self.head_size)
        k = project("k").reshape(length, self.kv_heads, self.head_size)
        v = project("v").reshape(length, self.kv_heads, self.head_size)
        q, k = self.rotate(q, rotation), self.rotate(k, rotation)
        hidden = np.triu(np.ones((length, length), dtype=bool), 1)
        out = np.empty_like(q)
        for head in range(self.heads):
            source = head * self.kv_heads // self.heads
            scores = q[:, head] @ k[:, source].T / np.sqrt(np.float32(self.head_size))
            scores[hidden] = -np.inf
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            out[:, head] = scores / scores.sum(axis=-1, keepdims=True) @ v[:, source]
        return out.reshape(length, -1) @ self.weights[f"blk.{layer}.attn_output.weight"].T

    def feed_forward(self, layer, x):
        weight = lambda name: self.weights[f"blk.{layer}.ffn_{name}.weight"].T
        gate = x @ weight("gate")
        return (gate / (1 + np.exp(-gate)) * (x @ weight("up"))) @ weight("down")
