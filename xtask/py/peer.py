"""Times llama.cpp, as PyPI's xllamacpp packs it, on one GGUF file.

Usage: peer.py MODEL THREADS PROMPT_FILE SHORT_FILE DECODE_TOKENS
Prints one JSON object: tokens, tok_s and cpu_ms_per_token of `prefill` (the prompt file) and of
`decode` (that many tokens after the short file), greedy, with the end token ignored.
"""

import json
import sys
import time

import xllamacpp


def serve(model, threads):
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 1024
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_prompt = False
    params.warmup = True
    params.verbosity = 0
    return xllamacpp.Server(params)


def complete(server, prompt, count):
    """The answer's timings, and the CPU time of the whole call in milliseconds."""
    request = {
        "prompt": prompt,
        "n_predict": count,
        "max_tokens": count,
        "ignore_eos": True,
        "temperature": 0,
        "cache_prompt": False,
    }
    start = time.process_time()
    answer = server.handle_completions(request)
    cpu_ms = (time.process_time() - start) * 1000
    return answer["timings"], cpu_ms


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    model, threads, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[5])
    server = serve(model, threads)
    # One more token than wanted: the first one belongs to the prompt.
    before, before_cpu_ms = complete(server, read(sys.argv[4]), 1)
    after, after_cpu_ms = complete(server, read(sys.argv[4]), 1 + count)
    prefill, prefill_cpu_ms = complete(server, read(sys.argv[3]), 1)
    decoded = after["predicted_n"] - before["predicted_n"]
    wall_ms = after["predicted_ms"] - before["predicted_ms"]
    longer = prefill["prompt_n"] - before["prompt_n"]
    result = {
        "system": xllamacpp.get_system_info().strip(),
        "decode": {
            "tokens": decoded,
            "tok_s": decoded * 1000 / wall_ms,
            "cpu_ms_per_token": (after_cpu_ms - before_cpu_ms) / decoded,
        },
        "prefill": {
            "tokens": prefill["prompt_n"],
            "tok_s": prefill["prompt_n"] * 1000 / prefill["prompt_ms"],
            "cpu_ms_per_token": (prefill_cpu_ms - before_cpu_ms) / longer,
        },
    }
    print(json.dumps(result))


main()
