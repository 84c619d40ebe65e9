"""Writes a GGUF file with the same weights in another of llama.cpp's own forms.

Usage: requantise.py IN.gguf OUT.gguf Q8_0|Q4_0
As llama.cpp's own tool does by default, the embedding (which is also the output matrix here)
becomes Q8_0 in both forms, and one-dimensional tensors stay as they are.
"""

import os
import sys

import gguf
import numpy as np

FORMS = {"Q8_0": gguf.GGMLQuantizationType.Q8_0, "Q4_0": gguf.GGMLQuantizationType.Q4_0}
FILE_TYPES = {"Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}
# The writer makes these by itself.
OWN_FIELDS = {"general.architecture", "general.file_type", "general.quantization_version"}


def copy_fields(reader, writer):
    for field in reader.fields.values():
        if field.name in OWN_FIELDS or field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        element = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=element)


def convert(tensor, form):
    """The tensor's data in the wanted form, and that form's type."""
    if len(tensor.shape) == 1:
        return tensor.data, tensor.tensor_type
    kind = FORMS["Q8_0"] if tensor.name == "token_embd.weight" else FORMS[form]
    if tensor.tensor_type == kind:
        return tensor.data, kind
    weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    return gguf.quants.quantize(weights, kind), kind


def main():
    source, target, form = sys.argv[1:]
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    partial = target + ".partial"
    writer = gguf.GGUFWriter(partial, architecture)
    writer.add_file_type(FILE_TYPES[form])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    copy_fields(reader, writer)
    for tensor in reader.tensors:
        data, kind = convert(tensor, form)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(partial, target)


main()
