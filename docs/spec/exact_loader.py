"""Programs and constants for `exact.py`: `docs/format/program.md`; `exact.md`, 3 and 6."""

import struct

from exact_bytes import decode

LIMIT = 2**31 - 1
PLANES = {1: 127, 2: 127 * 128}
FIELDS = [
    ("embed", "matrix u32 u8"),
    ("rms_norm", "u32 vector u8 u32 u64 u8"),
    ("quantise", "u32 planes"),
    ("linear", "u32 matrix u8 vector"),
    ("rope", "u32 angles u32 bit"),
    ("attention", "u32 u32 u32 u32 u32 u32 u32 u32"),
    ("gate", "u32 u32 bit u8"),
    ("add", "u32 u32"),
]
SHAPES = {
    "u8": range(2**8), "u32": range(2**32), "u64": range(2**64), "bit": (0, 1), "planes": (1, 2),
    "matrix": ("digest", "u32", "u32", "form"), "form": (4, 8),
    "vector": ("digest", "u32"), "angles": ("digest", "u32", "u32"),
}
EMBED, RMS_NORM, QUANTISE, LINEAR, ROPE, ATTENTION, GATE, ADD = range(8)


class Refused(Exception):
    """What a loader says no to; the message says where."""


def need(truth, where):
    if not truth:
        raise Refused(where)


class Program:
    """A proved program. `f` holds the fraction bits of every value, `width` its width."""

    def __init__(self, data):
        try:
            fields = decode(data)
        except ValueError:
            raise Refused("encoding") from None
        need(isinstance(fields, dict) and list(fields) == [0, 1, 2, 3, 4], "encoding")
        version, operators, self.logits, self.checkpoints, self.positions = fields.values()
        need(version == "terroir-int-1" and isinstance(operators, list), "encoding")
        need(isinstance(self.checkpoints, list), "encoding")
        for number in [self.logits, self.positions, *self.checkpoints]:
            need(fits(number, "u32"), "encoding")
        self.operators = [read_operator(operator) for operator in operators]
        self.f, self.width, self.planes = [], [], []
        self.prove()

    def prove(self):
        need(1 <= len(self.operators) <= 2**14, "program")
        need(1 <= self.positions <= 2**20, "program")
        for n, (kind, *fields) in enumerate(self.operators):
            self.where = f"operator {n} {FIELDS[kind][0]}"
            width, f, planes = RULES[kind](self, *fields)
            need(f <= 24, self.where)
            self.width.append(width)
            self.f.append(f)
            self.planes.append(planes)
        fixed = [n for n, planes in enumerate(self.planes) if planes is None]
        need(self.logits in fixed and self.f[self.logits] == 16, "program")
        need(self.checkpoints and all(value in fixed for value in self.checkpoints), "program")
        need(all(a < b for a, b in zip(self.checkpoints, self.checkpoints[1:])), "program")
        need([kind for kind, *_ in self.operators].count(EMBED) == 1, "program")

    def need(self, truth):
        need(truth, self.where)

    def fixed(self, value):
        """Width and fraction bits of a fixed-point value that is made already."""
        self.need(value < len(self.f) and self.planes[value] is None)
        return self.width[value], self.f[value]

    def matrix(self, matrix):
        _, rows, columns, _ = matrix
        self.need(columns % 32 == 0 and 32 <= columns <= 2**16 and 1 <= rows <= 2**20)
        return rows, columns

    def embed(self, table, factor, f):
        self.need(1 <= factor <= LIMIT)
        return self.matrix(table)[1], f, None

    def rms_norm(self, x, gain, fg, n, epsilon, f):
        width, _ = self.fixed(x)
        self.need(1 <= n <= 2**14 and width % n == 0 and gain[1] == n)
        self.need(fg <= 24 and f <= 22 + fg and epsilon < 2**48)
        return width, f, None

    def quantise(self, x, planes):
        width, f = self.fixed(x)
        self.need(width % 32 == 0)
        return width, f, planes

    def linear(self, x, weight, f, bias=None):
        rows, columns = self.matrix(weight)
        self.need(x < len(self.f) and self.planes[x] is not None)
        self.need(self.width[x] == columns and (bias is None or bias[1] == rows))
        limit = 32767 * {4: 16, 8: 127}[weight[3]] * PLANES[self.planes[x]]
        self.need(columns * limit * 2**12 < 2**63)
        return rows, f, None

    def rope(self, x, table, d, pairing):
        width, f = self.fixed(x)
        _, pairs, high_rows = table
        self.need(d >= 1 and width % d == 0 and 1 <= pairs and 2 * pairs <= d)
        self.need(high_rows == -(-self.positions // 256))
        return width, f, None

    def attention(self, q, k, v, heads, key_heads, d, factor, window):
        self.need(d % 16 == 0 and 16 <= d <= 256)
        self.need(key_heads >= 1 and heads % key_heads == 0 and key_heads * d <= 2**16)
        self.need(1 <= factor <= LIMIT and window <= self.positions)
        widths = [self.fixed(value)[0] for value in (q, k, v)]
        self.need(widths == [heads * d, key_heads * d, key_heads * d])
        return heads * d, self.f[v], None

    def gate(self, gate, up, activation, f):
        (width, fg), (other, fu) = self.fixed(gate), self.fixed(up)
        self.need(width == other and f <= fg + fu and (activation == 0 or fg >= 8))
        return width, f, None

    def add(self, a, b):
        self.need(self.fixed(a) == self.fixed(b))
        return *self.fixed(a), None

    def constants(self, blobs):
        """What every field of every operator names, read from `blobs` (bytes by digest)."""
        named = []
        for n, (kind, *fields) in enumerate(self.operators):
            for at, (shape, field) in enumerate(zip(FIELDS[kind][1].split(), fields)):
                if shape in READERS:
                    need(field[0] in blobs, "constant")
                    need(len(blobs[field[0]]) == blob_bytes(shape, field), "constant")
                    named.append((n, at, shape, field))
        read = {}
        for n, at, shape, field in named:
            read[n, at] = READERS[shape](field, blobs[field[0]])
            need(read[n, at] is not None, f"operator {n} {FIELDS[self.operators[n][0]][0]}")
        return read


RULES = [getattr(Program, name) for name, _ in FIELDS]


def read_operator(record):
    """`(kind, fields ...)` of a record; only the bias of `linear` may be absent."""
    need(isinstance(record, dict) and record.get(0) in range(8), "encoding")
    shapes = FIELDS[record[0]][1].split()
    least = len(shapes) - (record[0] == LINEAR)
    need(len(record) in (least + 1, len(shapes) + 1), "encoding")
    need(list(record) == list(range(len(record))), "encoding")
    fields = list(record.values())[1:]
    need(all(map(fits, fields, shapes)), "encoding")
    return record[0], *fields


def fits(field, shape):
    if shape == "digest":
        return isinstance(field, bytes) and len(field) == 32
    parts = SHAPES[shape]
    if isinstance(field, list):
        named = shape in READERS and len(field) == len(parts)
        return named and all(map(fits, field, parts))
    return isinstance(field, int) and shape not in READERS and field in parts


def blob_bytes(shape, field):
    if shape == "vector":
        return 4 * field[1]
    if shape == "angles":
        return (256 + field[2]) * field[1] * 8
    _, rows, columns, form = field
    return -(-rows // 8) * (columns // 32 * {4: 160, 8: 272}[form] + 8)


def read_matrix(matrix, data):
    """Rows of `w(r, c) * 2^(t_r)`, and the `t_r`; None where a number is not allowed."""
    _, rows, columns, form = matrix
    eights, groups, size = -(-rows // 8), columns // 32, {4: 160, 8: 272}[form]
    weights = [[0] * columns for _ in range(8 * eights)]
    for block in range(eights * groups):
        first, left = block // groups * 8, block % groups * 32
        cells = data[block * size : (block + 1) * size]
        heads = struct.unpack_from("<16h" if form == 4 else "<8h", cells)
        if -(2**15) in heads:
            return None
        for at, byte in enumerate(cells[2 * len(heads) :]):
            row, column = at % 32 // 4, left + at // 32 * 4 + at % 4
            into = weights[first + row]
            if form == 4:
                s, m = heads[2 * row], heads[2 * row + 1]
                into[column] = s * (byte % 16) + m
                into[column + 16] = s * (byte // 16) + m
            elif byte == 0x80:
                return None
            else:
                into[column] = heads[row] * (byte - 256 if byte > 127 else byte)
    return weights, struct.unpack(f"<{8 * eights}b", data[-8 * eights :])


def read_vector(vector, data):
    return [max(-LIMIT, x) for x in struct.unpack(f"<{len(data) // 4}i", data)]


def read_angles(table, data):
    """Rows of pairs `(cos, sin)`; None where a number is not allowed."""
    numbers = read_vector(table, data)
    if any(abs(x) > 2**30 for x in numbers):
        return None
    both = list(zip(numbers[::2], numbers[1::2]))
    return [both[at : at + table[1]] for at in range(0, len(both), table[1])]


READERS = {"matrix": read_matrix, "vector": read_vector, "angles": read_angles}
