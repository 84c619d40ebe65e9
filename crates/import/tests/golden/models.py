"""Writes models/NAME.gguf, the folder models/NAME/ and their logits: tiny decoders of each family.

Weights are random; the logits are those of the plain numpy forward pass below, in float64, on the
weights as each file stores them. Files are written by the Python packages `gguf`, `safetensors` and
`tokenizers`, which share nothing with our readers.
Run: `python3 models.py` in this folder, with these three and `numpy` installed.
"""

import json
import pathlib

import gguf
import numpy as np
import safetensors.numpy
import tokenizers
from gguf import GGMLQuantizationType as Kind

FOLDER = pathlib.Path(__file__).parent / "models"
POSITIONS = [3, 11, 23, 39]
VOCAB, WIDTH, INNER, HEADS, KV_HEADS, HEAD = 288, 32, 64, 4, 2, 16
CONTEXT, EPSILON = 64, 1e-5
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}

FAMILIES = {
    "llama": {"blocks": 2, "base": 500.0, "llama3": True, "tied": False},
    "mistral": {"blocks": 2, "base": 1000.0, "window": 8, "tied": False, "hub_only": True},
    "qwen2": {"blocks": 2, "base": 1000.0, "bias": True, "heads": (2, 1), "tied": True},
    "qwen3": {"blocks": 2, "base": 1000.0, "head_norms": True, "tied": True},
    "gemma3": {"blocks": 6, "base": 1000.0, "local": 100.0, "linear": 4.0, "head_norms": True,
               "window": 8, "gemma": True, "tied": True},
}

# What each matrix is stored as in the GGUF file; cycled through.
KINDS = [Kind.Q8_0, Kind.Q4_1, Kind.F16, Kind.Q5_0, Kind.BF16, Kind.Q5_1, Kind.F32, Kind.Q4_0]

GGML = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
}
GGML_NORMS = {"post_attention_layernorm": "ffn_norm"}
GGML_NORMS_AFTER = {
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def heads_of(family):
    return family.get("heads", (HEADS, KV_HEADS))


def random_weights(rng, family):
    weights = {}
    heads, kv_heads = heads_of(family)

    def matrix(name, rows, cols, size=1.0):
        weights[name] = (rng.standard_normal((rows, cols)) * size / np.sqrt(cols)).astype(np.float32)

    def gains(name, size):
        middle = 0.0 if family.get("gemma") else 1.0
        weights[name] = (middle + 0.2 * rng.standard_normal(size)).astype(np.float32)

    matrix("model.embed_tokens.weight", VOCAB, WIDTH, 4.0)
    for block in range(family["blocks"]):
        at = f"model.layers.{block}."
        for name, rows in [("q", heads), ("k", kv_heads), ("v", kv_heads)]:
            matrix(f"{at}self_attn.{name}_proj.weight", rows * HEAD, WIDTH, 1.5)
            if family.get("bias"):
                bias = rng.standard_normal(rows * HEAD).astype(np.float32)
                weights[f"{at}self_attn.{name}_proj.bias"] = bias
        matrix(f"{at}self_attn.o_proj.weight", WIDTH, heads * HEAD)
        matrix(f"{at}mlp.gate_proj.weight", INNER, WIDTH)
        matrix(f"{at}mlp.up_proj.weight", INNER, WIDTH)
        matrix(f"{at}mlp.down_proj.weight", WIDTH, INNER)
        norms = ["input_layernorm", "post_attention_layernorm"]
        if family.get("gemma"):
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
        for norm in norms:
            gains(f"{at}{norm}.weight", WIDTH)
        if family.get("head_norms"):
            gains(f"{at}self_attn.q_norm.weight", HEAD)
            gains(f"{at}self_attn.k_norm.weight", HEAD)
    gains("model.norm.weight", WIDTH)
    if not family["tied"]:
        matrix("lm_head.weight", VOCAB, WIDTH, 2.0)
    return weights


def frequencies(family, near):
    base = family["local"] if near and "local" in family else family["base"]
    plain = base ** (-np.arange(0, HEAD, 2) / HEAD)
    if family.get("llama3"):
        return plain / llama3_factors(plain)
    return plain if near else plain / family.get("linear", 1.0)


def llama3_factors(plain):
    factors = []
    for frequency in plain:
        length = 2 * np.pi / frequency
        old, factor = LLAMA3["original_max_position_embeddings"], LLAMA3["factor"]
        low, high = LLAMA3["low_freq_factor"], LLAMA3["high_freq_factor"]
        if length > old / low:
            factors.append(factor)
        elif length < old / high:
            factors.append(1.0)
        else:
            smooth = (old / length - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors)


def rotate(x, angles):
    """Half-split pairing: x [positions, heads, HEAD], angles [positions, HEAD / 2]."""
    cos, sin = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
    first, second = x[..., : HEAD // 2], x[..., HEAD // 2 :]
    return np.concatenate([first * cos - second * sin, first * sin + second * cos], -1)


def forward(family, weights, tokens):
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    gemma = family.get("gemma", False)
    offset = 1.0 if gemma else 0.0

    def norm(x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * (w[name] + offset)

    def linear(x, name):
        return x @ w[name + ".weight"].T + w.get(name + ".bias", 0.0)

    count = len(tokens)
    heads, kv_heads = heads_of(family)
    x = w["model.embed_tokens.weight"][tokens] * (np.sqrt(WIDTH) if gemma else 1.0)
    place = np.arange(count)
    for block in range(family["blocks"]):
        at = f"model.layers.{block}."
        near = "window" in family and not (gemma and (block + 1) % 6 == 0)
        h = norm(x, at + "input_layernorm.weight")
        q = linear(h, at + "self_attn.q_proj").reshape(count, heads, HEAD)
        k = linear(h, at + "self_attn.k_proj").reshape(count, kv_heads, HEAD)
        v = linear(h, at + "self_attn.v_proj").reshape(count, kv_heads, HEAD)
        if family.get("head_norms"):
            q = norm(q, at + "self_attn.q_norm.weight")
            k = norm(k, at + "self_attn.k_norm.weight")
        angles = place[:, None] * frequencies(family, near)[None, :]
        q, k = rotate(q, angles), rotate(k, angles)
        k, v = (np.repeat(side, heads // kv_heads, axis=1) for side in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(HEAD)
        back = place[:, None] - place[None, :]
        hidden = (back < 0) | (back >= family["window"] if near else False)
        scores = np.where(hidden[None], -np.inf, scores)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        out = linear(np.einsum("hqk,khd->qhd", scores, v).reshape(count, -1),
                     at + "self_attn.o_proj")
        x = x + (norm(out, at + "post_attention_layernorm.weight") if gemma else out)
        before = "pre_feedforward_layernorm" if gemma else "post_attention_layernorm"
        h = norm(x, f"{at}{before}.weight")
        gate, up = linear(h, at + "mlp.gate_proj"), linear(h, at + "mlp.up_proj")
        if gemma:
            gate = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        else:
            gate = gate / (1 + np.exp(-gate))
        out = linear(gate * up, at + "mlp.down_proj")
        x = x + (norm(out, at + "post_feedforward_layernorm.weight") if gemma else out)
    x = norm(x, "model.norm.weight")
    return x @ w["model.embed_tokens.weight" if family["tied"] else "lm_head.weight"].T


def byte_alphabet():
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    names = {byte: chr(byte) for byte in plain}
    names.update({byte: chr(0x100 + at) for at, byte in enumerate(rest)})
    return [names[byte] for byte in range(256)]


MERGES = ["Ġ t", "h e", "Ġ a", "i n", "Ġt he", "o n", "e r", "Ġa n", "Ġan d", "in g", "a t", "o r",
          "e s", "Ġ s", "Ġ o", "Ġo f", "0 1", "r e", "t o", "l l", "n d", "s t", "e n", "i s",
          "l e", "a r", "o u", "Ġ w", "u r"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
PIECES = ["▁", "t", "h", "e", "a", "n", "d", "▁t", "▁th", "▁the", "an", "and", "▁and", "he", "in",
          "i", "g", "ing", "s", "o", "f", "▁of", "of", "r"]
PIECE_MERGES = ["▁ t", "▁t h", "▁th e", "a n", "an d", "▁ and", "h e", "i n", "in g", "o f", "▁ of"]
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


def byte_level():
    return SPECIALS + byte_alphabet() + [merge.replace(" ", "") for merge in MERGES]


def scored():
    return ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256)] + PIECES


def permuted(rows, heads):
    """The order of rows that turns half-split pairing into adjacent pairing."""
    shape = (heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return rows.reshape(shape).swapaxes(1, 2).reshape(rows.shape)


def stored(value, kind):
    return gguf.quants.dequantize(gguf.quants.quantize(value, kind), kind)


def write_gguf(name, family, weights):
    """Writes the file; returns the weights as it stores them."""
    writer = gguf.GGUFWriter(FOLDER / f"{name}.gguf", name)
    writer.add_name(f"tiny {name}")
    writer.add_license("apache-2.0")
    writer.add_block_count(family["blocks"])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    heads, kv_heads = heads_of(family)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(family["base"])
    if "linear" in family:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(family["linear"])
    if family.get("gemma"):
        writer.add_sliding_window(family["window"])
        writer.add_float32("gemma3.rope.freq_base_swa", family["local"])
    write_tokenizer(writer, family)
    kept, kinds = dict(weights), iter(KINDS * 99)
    norms = GGML_NORMS_AFTER if family.get("gemma") else GGML_NORMS
    for full, value in weights.items():
        stem, ending = full.rsplit(".", 1)
        if stem.startswith("model.layers."):
            _, _, block, role = stem.split(".", 3)
            to = f"blk.{block}.{ {**GGML, **norms}[role] }.{ending}"
        else:
            top = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}
            to = f"{top.get(stem, 'output')}.{ending}"
        if value.ndim == 1:
            if family.get("gemma") and ending == "weight":
                value = value + 1
            writer.add_tensor(to, value)
            continue
        kind = next(kinds)
        kept[full] = stored(value, kind)
        if name == "llama" and role_of(full) in ("q_proj", "k_proj"):
            value = permuted(value, heads if role_of(full) == "q_proj" else kv_heads)
        writer.add_tensor(to, gguf.quants.quantize(value, kind), raw_dtype=kind)
    if family.get("llama3"):
        factors = llama3_factors(family["base"] ** (-np.arange(0, HEAD, 2) / HEAD))
        writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return kept


def role_of(full):
    return full.rsplit(".", 2)[-2]


def write_tokenizer(writer, family):
    if family.get("gemma"):
        tokens = scored()
        types = [3, 3, 3, 2] + [6] * 256 + [1] * len(PIECES)
        ranks = [merge.replace(" ", "") for merge in PIECE_MERGES]
        scores = [-float(ranks.index(t)) if t in ranks else -1000.0 for t in tokens]
        writer.add_tokenizer_model("llama")
        writer.add_token_scores(scores + [-1000.0] * (VOCAB - len(tokens)))
        writer.add_bos_token_id(2)
        writer.add_eos_token_id(1)
        writer.add_unk_token_id(3)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(False)
    else:
        tokens = byte_level()
        types = [3] * len(SPECIALS) + [1] * (len(tokens) - len(SPECIALS))
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_merges(MERGES)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(False)
        writer.add_chat_template(TEMPLATE)
    # The embedding may have more rows than there are tokens; here they are named.
    pads = VOCAB - len(tokens)
    writer.add_token_list(tokens + [f"[PAD{at}]" for at in range(pads)])
    writer.add_token_types(types + [5] * pads)


def hub_tokenizer(family):
    if family.get("gemma"):
        vocab = {token: at for at, token in enumerate(scored())}
        merges = [tuple(merge.split(" ")) for merge in PIECE_MERGES]
        model = tokenizers.models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True,
                                      fuse_unk=True)
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.normalizer = tokenizers.normalizers.Replace(" ", "▁")
        tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single="<bos> $A", pair=None, special_tokens=[("<bos>", 2)])
        config = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
        return tokenizer, config
    vocab = {token: at for at, token in enumerate(byte_level())}
    merges = [tuple(merge.split(" ")) for merge in MERGES]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, merges))
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
               r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.normalizer = tokenizers.normalizers.NFC()
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.post_processor = tokenizers.processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens(SPECIALS)
    config = {"bos_token": None, "chat_template": TEMPLATE,
              "eos_token": {"content": "<|im_end|>", "lstrip": False}}
    return tokenizer, config


TEXTS = ["the sting of the thing and 0123", " and the  end\n\nof it", "naïve ☃ <|im_end|> text", ""]


def write_hub(name, family, weights):
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    heads, kv_heads = heads_of(family)
    model_type = "gemma3_text" if name == "gemma3" else name
    config = {
        "architectures": ["Tiny"], "model_type": model_type, "hidden_size": WIDTH,
        "intermediate_size": INNER, "num_hidden_layers": family["blocks"],
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "head_dim": HEAD,
        "max_position_embeddings": CONTEXT, "rms_norm_eps": EPSILON, "rope_theta": family["base"],
        "tie_word_embeddings": family["tied"], "vocab_size": VOCAB, "torch_dtype": "bfloat16",
        "rope_scaling": None,
    }
    config["hidden_activation" if family.get("gemma") else "hidden_act"] = (
        "gelu_pytorch_tanh" if family.get("gemma") else "silu")
    if family.get("llama3"):
        config["rope_scaling"] = LLAMA3
    if "linear" in family:
        config["rope_scaling"] = {"rope_type": "linear", "factor": family["linear"]}
    if "window" in family:
        config["sliding_window"] = family["window"]
    if family.get("gemma"):
        config |= {"rope_local_base_freq": family["local"], "query_pre_attn_scalar": HEAD,
                   "sliding_window_pattern": 6}
    kinds = [np.float32] + 7 * [np.float16]
    kept = {key: value.astype(kinds[at % 8]) for at, (key, value) in enumerate(weights.items())}
    write_shards(folder, kept, shards=2 if name == "qwen2" else 1)
    tokenizer, settings = hub_tokenizer(family)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 2]}))
    ids = {text: tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS}
    lines = [json.dumps(text) + "\t" + " ".join(map(str, i)) for text, i in ids.items()]
    (FOLDER / f"{name}.tokens").write_text("\n".join(lines) + "\n")
    return kept


def save(path, weights):
    safetensors.numpy.save_file(weights, path, {"format": "pt"})
    path.chmod(0o644)


def write_shards(folder, weights, shards):
    if shards == 1:
        save(folder / "model.safetensors", weights)
        return
    names, where = list(weights), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: weights[name] for name in names[shard::shards]}
        where |= dict.fromkeys(part, file)
        save(folder / file, part)
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def main():
    rng = np.random.default_rng(20261102)
    FOLDER.mkdir(exist_ok=True)
    tokens = rng.integers(4, 280, max(POSITIONS) + 1)
    tokens.astype("<u4").tofile(FOLDER / "tokens.u32")
    for name, family in FAMILIES.items():
        weights = random_weights(rng, family)
        if not family.get("hub_only"):
            kept = write_gguf(name, family, weights)
            logits = forward(family, kept, tokens)[POSITIONS]
            logits.astype("<f4").tofile(FOLDER / f"{name}.gguf.f32")
        kept = write_hub(name, family, weights)
        logits = forward(family, kept, tokens)[POSITIONS]
        logits.astype("<f4").tofile(FOLDER / f"{name}.hub.f32")


if __name__ == "__main__":
    main()
