"""Makes sampling.tsv from docs/spec/sampling.md alone: pip install blake3 && python3 make_sampling.py

Lines: V, generator seed, spread, temperature, top_k, top_p, min_p, penalty, seed, tokens seen, the first 8 tokens drawn.
Logits are made by the generator below, so that the file stays small.
"""
import pathlib, random
from blake3 import blake3

LOG2_E = 1549082005
M = 1_000_000
# 2^(30 - i/256), rounded to nearest: from a float with 53 bits, exact enough to round 30.
EXP2 = [round(2 ** (30 - i / 256)) for i in range(257)]


def logits(count, seed, spread):
    """splitmix64, Steele et al. 2014; four summed, so that the shape is roughly normal."""
    out, state = [], seed
    for _ in range(count):
        total = 0
        for _ in range(4):
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            z = state
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
            z ^= z >> 31
            total += z % (2 * spread + 1) - spread
        out.append(max(-(2**31), min(2**31 - 1, total)))
    return out


def exp2_neg(d):
    whole = d >> 16
    if whole >= 31:
        return 0
    i = d >> 8 & 255
    between = ((EXP2[i] - EXP2[i + 1]) * (d & 255) + 128) >> 8
    return (EXP2[i] - between) >> whole


def draw(logit, s, seen, position):
    logit = list(logit)
    if s["penalty"] != M:
        for t in seen:
            x = logit[t]
            x = x * M // s["penalty"] if x > 0 else x * s["penalty"] // M
            logit[t] = max(-(2**31), min(2**31 - 1, x))
    best = max(logit)
    if s["temperature"] == 0:
        return logit.index(best)
    slope = LOG2_E * M // s["temperature"]
    depth = {t: (best - x) * slope >> 30 for t, x in enumerate(logit)}
    left = sorted((t for t in depth if depth[t] < 24 << 16), key=lambda t: (best - logit[t], t))
    weight = {t: exp2_neg(depth[t]) for t in left}
    if 0 < s["top_k"] < len(left):
        left = left[: s["top_k"]]
    if s["top_p"] < M:
        wanted = max(1, -(-sum(weight[t] for t in left) * s["top_p"] // M))
        kept, mass = [], 0
        for t in left:
            kept.append(t)
            mass += weight[t]
            if mass >= wanted:
                break
        left = kept
    left = sorted(t for t in left if weight[t] * M >= s["min_p"] << 30)
    parts = b"".join((8).to_bytes(8, "little") + n.to_bytes(8, "little") for n in (s["seed"], position))
    u = int.from_bytes(blake3(parts, derive_key_context="terroir 2026-11 sampling").digest()[:8], "little")
    r = u * sum(weight[t] for t in left) >> 64
    for t in left:
        if r < weight[t]:
            return t
        r -= weight[t]


def main():
    dice, lines = random.Random(3), []
    for case in range(200):
        count = dice.choice([1, 2, 31, 33, 257, 1000])
        spread = dice.choice([0, 3, 65536, 300_000, 2**31 - 1])
        s = {
            "temperature": dice.choice([0, 1, 500_000, 700_000, M, 1_300_000, 100 * M]),
            "top_k": dice.choice([0, 0, 1, 5, 40, 2**32 - 1]),
            "top_p": dice.choice([M, M, 0, 1, 500_000, 900_000, 999_999]),
            "min_p": dice.choice([0, 0, 50_000, M]),
            "penalty": dice.choice([M, M, 1_100_000, 800_000, 10_000, 100 * M]),
            "seed": dice.choice([0, 7, 2**64 - 1, dice.getrandbits(64)]),
        }
        seen = sorted({dice.randrange(count) for _ in range(dice.randrange(4))})
        drawn, now = [], list(seen)
        for position in range(8):
            drawn.append(draw(logits(count, case * 8 + position, spread), s, set(now), position))
            now.append(drawn[-1])
        lines.append("\t".join([
            str(count), str(case * 8), str(spread), *(str(s[k]) for k in ("temperature", "top_k", "top_p", "min_p", "penalty", "seed")),
            " ".join(map(str, seen)), " ".join(map(str, drawn)),
        ]))
    pathlib.Path(__file__).with_name("sampling.tsv").write_text("\n".join(lines) + "\n")


main()
