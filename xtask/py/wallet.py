"""Drives a node's JSON-RPC with web3.py, unchanged: transfers, a contract, logs, subscriptions, proofs.

Usage: wallet.py URL ARTIFACT KEY, where KEY is the private key of an account that has money.
"""

import asyncio
import json
import sys
import unittest

import rlp
from eth_account import Account
from trie import HexaryTrie
from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

KEY = sys.argv.pop()
ARTIFACT = json.load(open(sys.argv.pop(), encoding="utf-8"))
URL = sys.argv.pop()
W3 = Web3(Web3.HTTPProvider(URL))
ACCOUNT = Account.from_key(KEY)
OTHER = Web3.to_checksum_address("0x00000000000000000000000000000000000d4e5f")


def send(transaction):
    signed = ACCOUNT.sign_transaction(transaction)
    hash = W3.eth.send_raw_transaction(signed.raw_transaction)
    receipt = W3.eth.wait_for_transaction_receipt(hash, timeout=20, poll_latency=0.05)
    assert receipt["status"] == 1, receipt
    return receipt


def draft(**changes):
    nonce = W3.eth.get_transaction_count(ACCOUNT.address, "pending")
    transaction = {"from": ACCOUNT.address, "nonce": nonce, "chainId": W3.eth.chain_id, "value": 0}
    return transaction | changes


def priced(**changes):
    transaction = draft(**changes)
    transaction["gas"] = W3.eth.estimate_gas(transaction)
    tip = W3.eth.max_priority_fee
    fee = W3.eth.get_block("latest")["baseFeePerGas"] * 2 + tip
    return transaction | {"maxFeePerGas": fee, "maxPriorityFeePerGas": tip}


def deploy():
    factory = W3.eth.contract(abi=ARTIFACT["abi"], bytecode=ARTIFACT["bytecode"])
    receipt = send(factory.constructor(40).build_transaction(draft()))
    return W3.eth.contract(address=receipt["contractAddress"], abi=ARTIFACT["abi"])


class Wallet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.contract = deploy()

    def test_the_node_says_who_it_is(self):
        self.assertTrue(W3.client_version.startswith("terroir/"))
        self.assertTrue(W3.net.listening)
        self.assertEqual(int(W3.net.version), W3.eth.chain_id)
        self.assertFalse(W3.eth.syncing)
        self.assertEqual(list(W3.eth.accounts), [])

    def test_transfers_of_every_type(self):
        price = {"gasPrice": W3.eth.gas_price, "gas": 30_000}
        for kind, more in [(0, price), (1, price | {"accessList": [], "type": 1}), (2, None)]:
            before = W3.eth.get_balance(OTHER)
            transaction = priced(to=OTHER, value=5) if more is None else draft(to=OTHER, value=5)
            receipt = send(transaction | (more or {}))
            self.assertEqual((receipt["type"], receipt["gasUsed"]), (kind, 21_000))
            self.assertEqual(W3.eth.get_balance(OTHER), before + 5)
            number = receipt["blockNumber"]
            self.assertEqual(W3.eth.get_balance(OTHER, number - 1), before)
            found = W3.eth.get_transaction(receipt["transactionHash"])
            self.assertEqual((found["from"], found["value"]), (ACCOUNT.address, 5))
            block = W3.eth.get_block(number, full_transactions=True)
            self.assertEqual(block["transactions"][found["transactionIndex"]]["hash"], found["hash"])
            self.assertEqual(W3.eth.get_block_receipts(number)[0]["blockHash"], block["hash"])
            self.assertEqual(W3.eth.get_block_transaction_count(number), len(block["transactions"]))

    def test_a_contract_is_called_and_its_logs_are_found(self):
        call = self.contract.functions.note(2, "two")
        before = self.contract.functions.total().call()
        self.assertEqual(call.call({"from": ACCOUNT.address}), before + 2)
        receipt = send(call.build_transaction(draft()))
        [event] = self.contract.events.Noted().process_receipt(receipt)
        self.assertEqual((event["args"]["who"], event["args"]["text"]), (ACCOUNT.address, "two"))
        number = receipt["blockNumber"]
        noted = self.contract.events.Noted()
        found = noted.get_logs(from_block=number, argument_filters={"value": 2})
        self.assertEqual(found[-1]["transactionHash"], receipt["transactionHash"])
        self.assertEqual(noted.get_logs(from_block=number, argument_filters={"value": 3}), [])
        slot = Web3.solidity_keccak(["uint256", "uint256"], [int(ACCOUNT.address, 16), 0])
        stored = W3.eth.get_storage_at(self.contract.address, int(slot.hex(), 16))
        notes = self.contract.functions.notes(ACCOUNT.address).call()
        self.assertEqual(int(stored.hex(), 16), notes)

    def test_reverts_come_with_their_reasons(self):
        with self.assertRaises(ContractLogicError) as caught:
            self.contract.functions.note(1, "").call()
        self.assertIn("text is empty", str(caught.exception))
        with self.assertRaises(ContractLogicError):
            self.contract.functions.note(5_000, "much").call()
        with self.assertRaises(ContractLogicError):
            self.contract.functions.note(1, "").estimate_gas()

    def test_what_cannot_be_sent_is_refused_in_the_usual_words(self):
        def refused(transaction):
            signed = ACCOUNT.sign_transaction(transaction)
            with self.assertRaises(Web3RPCError) as caught:
                W3.eth.send_raw_transaction(signed.raw_transaction)
            return str(caught.exception)

        good = priced(to=OTHER, value=1)
        self.assertIn("invalid chain id", refused(good | {"chainId": 1}))
        self.assertIn("nonce too low", refused(good | {"nonce": 0}))
        self.assertIn("insufficient funds", refused(good | {"value": 10**40}))
        self.assertIn("intrinsic gas too low", refused(good | {"gas": 20_000}))
        with self.assertRaises(TransactionNotFound):
            W3.eth.get_transaction(b"\1" * 32)

    def test_filters_are_polled(self):
        logs = self.contract.events.Noted.create_filter(from_block="latest")
        blocks, waiting = W3.eth.filter("latest"), W3.eth.filter("pending")
        receipt = send(self.contract.functions.note(1, "filtered").build_transaction(draft()))
        self.assertEqual([one["args"]["text"] for one in logs.get_new_entries()], ["filtered"])
        self.assertIn(receipt["blockHash"], blocks.get_new_entries())
        self.assertIn(receipt["transactionHash"], waiting.get_new_entries())
        self.assertEqual(logs.get_new_entries(), [])
        self.assertTrue(W3.eth.uninstall_filter(logs.filter_id))
        with self.assertRaises(Web3RPCError):
            logs.get_new_entries()

    def test_subscriptions_tell_what_is_new(self):
        asyncio.run(asyncio.wait_for(self.listen(), 30))

    async def listen(self):
        async with AsyncWeb3(WebSocketProvider(URL.replace("http", "ws"))) as w3:
            heads = await w3.eth.subscribe("newHeads")
            logs = await w3.eth.subscribe("logs", {"address": self.contract.address})
            waiting = await w3.eth.subscribe("newPendingTransactions")
            sent = self.contract.functions.note(1, "heard").build_transaction(draft())
            receipt = await asyncio.to_thread(send, sent)
            seen = {}
            async for news in w3.socket.process_subscriptions():
                seen[news["subscription"]] = news["result"]
                if len(seen) == 3:
                    break
            self.assertEqual(seen[heads]["hash"], receipt["blockHash"])
            self.assertEqual(seen[logs]["transactionHash"], receipt["transactionHash"])
            self.assertEqual(seen[waiting], receipt["transactionHash"])
            self.assertTrue(await w3.eth.unsubscribe(heads))

    def test_a_proof_holds_under_the_state_root(self):
        slot = Web3.solidity_keccak(["uint256", "uint256"], [int(ACCOUNT.address, 16), 0])
        block = W3.eth.get_block("latest")
        proof = W3.eth.get_proof(self.contract.address, [int(slot.hex(), 16)], block["number"])

        def value(root, key, nodes):
            nodes = [rlp.decode(bytes(node)) for node in nodes]
            return HexaryTrie.get_from_proof(bytes(root), Web3.keccak(key), nodes)

        address = bytes.fromhex(self.contract.address[2:])
        _, _, storage, code = rlp.decode(value(block["stateRoot"], address, proof["accountProof"]))
        self.assertEqual((storage, code), (bytes(proof["storageHash"]), bytes(proof["codeHash"])))
        [stored] = proof["storageProof"]
        kept = rlp.decode(value(storage, bytes(slot), stored["proof"]))
        self.assertEqual(int.from_bytes(kept), int.from_bytes(bytes(stored["value"])))
        nobody = bytes.fromhex("ab" * 20)
        absent = W3.eth.get_proof(Web3.to_checksum_address(nobody), [], block["number"])
        self.assertEqual(value(block["stateRoot"], nobody, absent["accountProof"]), b"")

    def test_fees_and_traces(self):
        history = W3.eth.fee_history(3, "latest", [10, 90])
        self.assertEqual(len(history["baseFeePerGas"]), len(history["gasUsedRatio"]) + 1)
        self.assertEqual(len(history["reward"]), len(history["gasUsedRatio"]))
        receipt = send(self.contract.functions.note(1, "traced").build_transaction(draft()))
        options = {"tracer": "callTracer"}
        hash = receipt["transactionHash"].to_0x_hex()
        trace = W3.provider.make_request("debug_traceTransaction", [hash, options])["result"]
        self.assertEqual(trace["to"], self.contract.address.lower())
        self.assertEqual(int(trace["gasUsed"], 16), receipt["gasUsed"])

    def test_a_batch_is_answered_in_one_go(self):
        with W3.batch_requests() as batch:
            batch.add(W3.eth.get_balance(ACCOUNT.address))
            batch.add(W3.eth.get_block("latest"))
            balance, block = batch.execute()
        self.assertGreater(balance, 0)
        self.assertGreater(block["number"], 0)


if __name__ == "__main__":
    unittest.main()
