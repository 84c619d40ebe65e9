"""Drives a running server with the published clients `openai` and `opengradient`, unchanged.

Usage: clients.py URL, with TERROIR_BIN, TERROIR_HOME and TERROIR_MODEL in the environment, so that
answers and receipts can be compared with the command line's.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import opengradient

URL = sys.argv.pop(1)
QUESTION = [{"role": "user", "content": "Name three rivers of Europe."}]
CLIENT = openai.OpenAI(base_url=URL + "/v1", api_key="unused", max_retries=0)
MODEL = CLIENT.models.list().data[0].id


def chat(**changes):
    request = {"model": MODEL, "messages": QUESTION, "seed": 7, "temperature": 0.9, "max_tokens": 24}
    return CLIENT.chat.completions.create(**(request | changes))


def text(answer):
    return answer.choices[0].message.content


def product(*words):
    command = [os.environ["TERROIR_BIN"], *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Openai(unittest.TestCase):
    def test_a_chat_is_answered_with_usage_and_receipt(self):
        raw = CLIENT.chat.completions.with_raw_response.create(
            model=MODEL, messages=QUESTION, seed=7, max_tokens=24
        )
        answer = raw.parse()
        self.assertTrue(text(answer).strip())
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertGreater(answer.usage.prompt_tokens, 0)
        total = answer.usage.prompt_tokens + answer.usage.completion_tokens
        self.assertEqual(answer.usage.total_tokens, total)
        self.assertEqual(answer.model_extra["receipt"], raw.headers["x-terroir-receipt"])

    def test_the_seed_decides_the_answer(self):
        self.assertEqual(text(chat()), text(chat()))
        others = {text(chat(seed=seed)) for seed in range(4)}
        self.assertGreater(len(others), 1)

    def test_a_stream_says_the_same_as_one_answer(self):
        chunks = list(chat(stream=True, stream_options={"include_usage": True}))
        parts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        whole = chat()
        self.assertEqual("".join(parts), text(whole))
        totals = [chunk.usage.total_tokens for chunk in chunks if chunk.usage]
        self.assertEqual(totals, [whole.usage.total_tokens])
        reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
        self.assertEqual(reasons, [whole.choices[0].finish_reason])

    def test_a_batch_of_eight_answers_as_the_command_line_does_alone(self):
        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(lambda _: text(chat()), range(8)))
        words = ["ask", "--json", "--model", os.environ["TERROIR_MODEL"], "--seed", "7"]
        words += ["--temperature", "0.9", "--top-p", "1", "--repetition-penalty", "1"]
        words += ["--max-tokens", "24", QUESTION[0]["content"]]
        alone = product(*words)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        self.assertEqual(answers, {json.loads(alone.stdout)["answer"]})

    def test_limits_and_stops_are_kept(self):
        short = chat(max_tokens=3)
        self.assertEqual(short.usage.completion_tokens, 3)
        self.assertEqual(short.choices[0].finish_reason, "length")
        word = text(chat()).split()[1]
        stopped = chat(stop=[word])
        self.assertNotIn(word, text(stopped))
        self.assertEqual(stopped.choices[0].finish_reason, "stop")

    def test_a_completion_is_answered(self):
        answer = CLIENT.completions.create(model=MODEL, prompt="The Danube is", max_tokens=8, seed=1)
        self.assertTrue(answer.choices[0].text)
        self.assertEqual(answer.model_extra["completion"], answer.choices[0].text)

    def test_a_bad_request_is_refused_as_openai_does(self):
        with self.assertRaises(openai.NotFoundError):
            chat(model="no-such-model")
        with self.assertRaises(openai.BadRequestError):
            chat(max_tokens="many")
        with self.assertRaises(openai.BadRequestError) as refused:
            chat(messages=[{"role": "user", "content": "river " * 20000}])
        self.assertEqual(refused.exception.code, "context_length_exceeded")

    def test_a_client_that_leaves_is_forgotten(self):
        stream = chat(stream=True, max_tokens=400)
        next(iter(stream))
        stream.close()
        self.assertTrue(text(chat()))

    def test_a_receipt_is_served_and_checks(self):
        receipt_id = chat().model_extra["receipt"]
        receipt = httpx.get(f"{URL}/v1/receipts/{receipt_id}")
        self.assertEqual(receipt.status_code, 200)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.rcpt")
            with open(path, "wb") as file:
                file.write(receipt.content)
            checked = product("receipt", "check", path)
            self.assertEqual(checked.returncode, 0, checked.stderr)
            changed = bytearray(receipt.content)
            changed[len(changed) // 2] ^= 1
            with open(path, "wb") as file:
                file.write(changed)
            self.assertEqual(product("receipt", "check", path).returncode, 1)

    def test_operators_see_health_and_figures(self):
        self.assertEqual(httpx.get(f"{URL}/healthz").status_code, 200)
        self.assertIn("terroir_", httpx.get(f"{URL}/metrics").text)


class Opengradient(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.llm = opengradient.LLM.from_url(private_key="0x" + "11" * 32, llm_server_url=URL)
        self.model = "terroir/" + MODEL

    async def asyncTearDown(self):
        await self.llm.close()

    async def test_a_chat_is_answered(self):
        answer = await self.llm.chat(model=self.model, messages=QUESTION, max_tokens=16)
        self.assertTrue(answer.chat_output["content"].strip())
        self.assertIn(answer.finish_reason, ("stop", "length"))

    async def test_a_stream_says_the_same_as_one_answer(self):
        request = {"model": self.model, "messages": QUESTION, "max_tokens": 16}
        whole = await self.llm.chat(**request)
        chunks = [chunk async for chunk in await self.llm.chat(**request, stream=True)]
        parts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
        self.assertEqual("".join(parts), whole.chat_output["content"])
        self.assertEqual([chunk.is_final for chunk in chunks].count(True), 1)
        self.assertTrue(chunks[-1].is_final)
        spent = whole.usage["completion_tokens"]
        self.assertEqual(chunks[-1].usage.completion_tokens, spent)

    async def test_a_completion_is_answered(self):
        answer = await self.llm.completion(model=self.model, prompt="The Danube is", max_tokens=8)
        self.assertTrue(answer.completion_output)

    async def test_eight_at_once_are_answered(self):
        request = {"model": self.model, "messages": QUESTION, "max_tokens": 8}
        answers = await asyncio.gather(*(self.llm.chat(**request) for _ in range(8)))
        self.assertEqual(len({answer.chat_output["content"] for answer in answers}), 1)


unittest.main(verbosity=2)
