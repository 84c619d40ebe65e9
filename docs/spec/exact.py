"""The `int` dialect in Python: a second implementation of `exact.md`, written from its text alone.

    python3 docs/spec/exact.py crates/tensor/tests/golden/exact.cbor ...

runs the cases of each file (`exact.md`, section 8) and compares what comes out with the `.txt`
beside it. Standard library only; every number is an exact integer. Exit status 1 on a difference.
"""

import itertools
import math
import pathlib
import struct
import sys

from exact_bytes import blake3, decode, derive
from exact_loader import FIELDS, LIMIT, PLANES, Program, Refused


# Section 2: integer functions.


def round_shift(x, n):
    return (2 * x + 2**n) >> (n + 1)


def sat(x):
    return max(-LIMIT, min(LIMIT, x))


def scale(x, n):
    return sat(round_shift(x, n)) if n >= 0 else sat(x << -n)


def exponent(m, limit):
    return next(e for e in range(64) if round_shift(m, e) <= limit)


def step(m, limit):
    d = 2 * m // (2 * limit + 1) + 1
    k = max(0, d.bit_length() - 4)
    a = -(-d >> k)
    return (8, k + 1) if a == 16 else (a, k)


def nearest_power(i):
    """`2^(30 - i/256)` to the nearest integer: half of the floor of its double, rounded up."""
    low, high = 0, 2**32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**256 <= 2 ** (31 * 256 - i) else (low, middle)
    return (low + 1) // 2


TABLE = [nearest_power(i) for i in range(257)]


def exp2neg(d):
    w, i, r = d >> 16, (d >> 8) % 256, d % 256
    return 0 if w >= 31 else (TABLE[i] - (((TABLE[i] - TABLE[i + 1]) * r + 128) >> 8)) >> w


def logistic(z):
    return 2**60 // (2**30 + exp2neg(z))


def sigmoid(x, f):
    z = min((abs(x) * 1549082005) >> (14 + f), 2**21 - 1)
    return logistic(z) if x >= 0 else 2**30 - logistic(z)


# Section 4: operators. `f` maps values to fraction bits, `n` is this operator's index.


def embed(run, n, rows, table, factor, f):
    weights, shifts = run.constants[n, 0]
    token = run.tokens[run.position]
    return [scale(w * factor, shifts[token] + 16 - f) for w in weights[token]]


def rms_norm(run, n, rows, x, gain, fg, width, epsilon, f):
    gains = run.constants[n, 1]
    return [y for u in cut(rows[x], width) for y in norm(u, gains, epsilon, 22 + fg - f)]


def norm(x, gains, epsilon, shift):
    b = max(0, largest(x).bit_length() - 24)
    u = [x_i >> b for x_i in x]
    t = sum(u_i * u_i for u_i in u) + ((epsilon * len(x)) >> (2 * b))
    if t == 0:
        return [0] * len(x)
    c = next(c for c in range(64, -2, -2) if t << c < 2**64)
    r = math.isqrt((t << c) // len(x))
    h = r.bit_length()
    v = 2 ** (h + 29) // r
    return [scale(round_shift(u_i * v, h + 7 - c // 2) * g, shift) for u_i, g in zip(u, gains)]


def quantise(run, n, rows, x, planes):
    groups = cut(rows[x], 32)
    steps = [step(largest(group), PLANES[planes]) for group in groups]
    shared = max(0, max(k for _, k in steps) - 8)
    steps = [-(-(a << k) >> shared) << shared if k < shared else a << k for a, k in steps]
    q = [(2 * x_i + d) // (2 * d) for d, group in zip(steps, groups) for x_i in group]
    return q, steps


def linear(run, n, rows, x, weight, f, bias=None):
    weights, shifts = run.constants[n, 1]
    bias = run.constants[n, 3] if bias else [0] * weight[1]
    q, steps = rows[x]
    exact = [q_c * steps[c // 32] for c, q_c in enumerate(q)]
    sums = [sum(w * x_c for w, x_c in zip(row, exact)) for row in weights]
    return [sat(scale(a, t + run.f[x] - f) + b) for a, t, b in zip(sums, shifts, bias)]


def rope(run, n, rows, x, table, d, pairing):
    angles = run.constants[n, 1]
    angles = list(zip(angles[run.position % 256], angles[256 + run.position // 256]))
    turned = [turn(head, angles, pairing) for head in cut(rows[x], d)]
    return [y for head in turned for y in head]


def turn(x, angles, pairing):
    y = list(x)
    for i, ((c1, s1), (c2, s2)) in enumerate(angles):
        cos = sat(round_shift(c1 * c2 - s1 * s2, 30))
        sin = sat(round_shift(s1 * c2 + c1 * s2, 30))
        a, b = (2 * i, 2 * i + 1) if pairing == 0 else (i, i + len(angles))
        y[a] = sat(round_shift(x[a] * cos - x[b] * sin, 30))
        y[b] = sat(round_shift(x[a] * sin + x[b] * cos, 30))
    return y


def attention(run, n, rows, q, k, v, heads, key_heads, d, factor, window):
    cache = run.caches.setdefault(n, [])
    cache.append([list(map(small, cut(rows[kept], d))) for kept in (k, v)])
    seen = cache[max(0, run.position - window + 1) if window else 0 :]
    y = []
    for h, head in enumerate(cut(rows[q], d)):
        key_head = h // (heads // key_heads)
        keys, values = ([at[kept][key_head] for at in seen] for kept in (0, 1))
        query = small([sat(round_shift(x * factor, 30)) for x in head])
        y += mix(query, keys, values, run.f[q] + run.f[k] - 16)
    return y


def small(x):
    e = exponent(largest(x), 4095)
    return [round_shift(x_i, e) for x_i in x], e


def mix(query, keys, values, shift):
    q, eq = query
    scores = [scale(sum(map(int.__mul__, q, k)), shift - eq - ek) for k, ek in keys]
    scores = [max(-(2**30), min(2**30, score)) for score in scores]
    p = [exp2neg(max(scores) - score) for score in scores]
    t = max(ev for _, ev in values)
    a = [p_s >> (t - ev) for p_s, (_, ev) in zip(p, values)]
    cut_bits = max(0, max(a).bit_length() - 15)
    u = [min(round_shift(a_s, cut_bits), 32767) for a_s in a]
    b = sum(p).bit_length()
    inverse = 2 ** (b + 30) // sum(p)
    sums = [sum(u_s * v[i] for u_s, (v, _) in zip(u, values)) for i in range(len(q))]
    return [sat(round_shift(inverse * total, b + 30 - cut_bits - t)) for total in sums]


def gate(run, n, rows, gate, up, activation, f):
    fg = run.f[gate]
    y = []
    for g, u in zip(rows[gate], rows[up]):
        argument = g
        if activation == 1:
            square = sat(round_shift(g * g, fg))
            k = 2**fg + round_shift(square * 48012366, 30)
            argument = round_shift(sat(round_shift(g * k, fg)) * 1713444047, 30)
        a = round_shift(g * sigmoid(argument, fg), 30)
        y.append(scale(a * u, fg + run.f[up] - f))
    return y


def add(run, n, rows, a, b):
    return [sat(x + y) for x, y in zip(rows[a], rows[b])]


OPERATORS = [embed, rms_norm, quantise, linear, rope, attention, gate, add]


def cut(row, width):
    return [row[at : at + width] for at in range(0, len(row), width)]


def largest(x):
    return max(map(abs, x))


# Sections 7 and 8: runs, digests and cases.


class Run:
    """One sequence under one program."""

    def __init__(self, program, constants):
        self.program, self.f, self.constants = program, program.f, constants
        self.tokens, self.caches = [], {}

    def step(self, token):
        """The rows of all operators at the next position."""
        _, (_, vocabulary, _, _), *_ = self.program.operators[0]
        if token >= vocabulary or len(self.tokens) == self.program.positions:
            raise Refused("call")
        self.position = len(self.tokens)
        self.tokens.append(token)
        rows = []
        for n, (kind, *fields) in enumerate(self.program.operators):
            rows.append(OPERATORS[kind](self, n, rows, *fields))
        return rows


def row_bytes(row):
    if isinstance(row, tuple):
        return struct.pack(f"<{len(row[0])}h{len(row[1])}I", *row[0], *row[1])
    return struct.pack(f"<{len(row)}i", *row)


def lines(name, data, blobs, tokens):
    """What section 8 says of one case."""
    try:
        program = Program(data)
        run = Run(program, program.constants({blake3(blob): blob for blob in blobs}))
        made = [[row_bytes(row) for row in run.step(token)] for token in tokens]
    except Refused as refused:
        return [f"{name} refused {refused}"]
    steps = [b"".join(rows[value] for value in program.checkpoints) for rows in made]
    steps = b"".join(derive("terroir 2026-11 trace step", [step]) for step in steps)
    values = [b"".join(rows[n] for rows in made) for n in range(len(program.operators))]
    out = [f"{name} program {blake3(data).hex()}"]
    for n, (kind, *_) in enumerate(program.operators):
        out.append(f"{name} {n} {FIELDS[kind][0]} {blake3(values[n]).hex()}")
    return [*out, f"{name} root {derive('terroir 2026-11 trace', [steps]).hex()}"]


def main(paths):
    wrong = 0
    for path in map(pathlib.Path, paths):
        cases = decode(path.read_bytes())
        got = [line for case in cases for line in lines(*case.values())]
        want = path.with_suffix(".txt").read_text().splitlines()
        differ = [pair for pair in itertools.zip_longest(want, got) if pair[0] != pair[1]]
        for expected, found in differ[:5]:
            print(f"expected {expected}\n   found {found}")
        print(f"{path.name}: {len(cases)} cases, {len(got)} lines, {len(differ)} differ")
        wrong += len(differ) + (not cases)
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
