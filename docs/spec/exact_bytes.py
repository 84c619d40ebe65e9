"""BLAKE3 and deterministic CBOR for `exact.py`, with the standard library alone.

BLAKE3 as in its paper, section 2; CBOR as in `docs/format/cbor.md`. To be read, not to be fast.
"""

import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, PARENT, ROOT, DERIVE_CONTEXT, DERIVE_MATERIAL = 1, 2, 4, 8, 32, 64
MASK = 2**32 - 1


def compress(chain, block, counter, flags):
    """The chaining value after a block of at most 64 bytes."""
    m = struct.unpack("<16I", block.ljust(64, b"\0"))
    s = [*chain, *IV[:4], counter & MASK, counter >> 32, len(block), flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(MIXES):
            va, vb, vc, vd = s[a], s[b], s[c], s[d]
            va = (va + vb + m[2 * i]) & MASK
            vd ^= va
            vd = (vd >> 16 | vd << 16) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = (vb >> 12 | vb << 20) & MASK
            va = (va + vb + m[2 * i + 1]) & MASK
            vd ^= va
            vd = (vd >> 8 | vd << 24) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            s[a], s[b], s[c], s[d] = va, (vb >> 7 | vb << 25) & MASK, vc, vd
        m = [m[i] for i in ORDER]
    return [s[i] ^ s[i + 8] for i in range(8)]


def subtree(data, first, key, flags, root):
    """The chaining value over `data`, whose first chunk of 1024 bytes is number `first`."""
    if len(data) > 1024:
        half = 1024 << ((len(data) - 1) // 1024).bit_length() - 1
        words = subtree(data[:half], first, key, flags, 0)
        words += subtree(data[half:], first + half // 1024, key, flags, 0)
        return compress(key, struct.pack("<16I", *words), 0, flags | PARENT | root)
    chain, last = key, max(0, len(data) - 1) // 64
    for i in range(last + 1):
        edge = (CHUNK_START if i == 0 else 0) | (CHUNK_END | root if i == last else 0)
        chain = compress(chain, data[64 * i : 64 * i + 64], first, flags | edge)
    return chain


def blake3(data, key=IV, flags=0):
    """The digest of `data`, 32 bytes."""
    return struct.pack("<8I", *subtree(data, 0, key, flags, ROOT))


def derive(context, parts):
    """`derive(context, parts)` of `exact.md`, section 7."""
    key = struct.unpack("<8I", blake3(context.encode(), IV, DERIVE_CONTEXT))
    data = b"".join(len(part).to_bytes(8, "little") + part for part in parts)
    return blake3(data, key, DERIVE_MATERIAL)


def decode(data):
    """The value of a canonical encoding; ValueError for every other one."""
    value, end = item(data, 0)
    if encode(value) != data[:end] or end != len(data):
        raise ValueError("not the canonical encoding")
    return value


def encode(value):
    """The one encoding of integers >= 0, bytes, texts, lists and dictionaries."""
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    entries = sorted((encode(key), encode(entry)) for key, entry in value.items())
    return head(5, len(value)) + b"".join(key + entry for key, entry in entries)


def head(kind, argument):
    if argument < 24:
        return bytes([kind << 5 | argument])
    size = next(size for size in range(4) if argument < 1 << (8 << size))
    return bytes([kind << 5 | 24 + size]) + argument.to_bytes(1 << size, "big")


def item(data, at):
    """The item at `at`, and where it ends."""
    if at >= len(data):
        raise ValueError("cut short")
    kind, argument, at = data[at] >> 5, data[at] & 31, at + 1
    if argument > 27 or kind in (1, 6, 7):
        raise ValueError("not used by the formats of exact.md")
    if argument >= 24:
        size = 1 << (argument - 24)
        argument, at = int.from_bytes(data[at : at + size], "big"), at + size
    if kind == 0:
        return argument, at
    if kind in (2, 3):
        raw, at = data[at : at + argument], at + argument
        return raw if kind == 2 else raw.decode(), at
    items = []
    for _ in range(argument * (kind - 3)):
        value, at = item(data, at)
        items.append(value)
    if kind == 4:
        return items, at
    if not all(isinstance(key, int) for key in items[::2]):
        raise ValueError("a record's keys are integers")
    return dict(zip(items[::2], items[1::2])), at
