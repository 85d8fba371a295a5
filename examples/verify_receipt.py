#!/usr/bin/env python3
"""Checks a receipt of `williw-relay receipt` against the chain, with Python's standard library only.

    python3 verify_receipt.py receipt.json https://api.devnet.solana.com

Written from docs/RECEIPTS.md, independently of williw-relay. Prints whose receipt it is and exits with 0 if it holds, and exits
with 1 and the reason if it does not.
"""

import base64
import hashlib
import json
import sys
import urllib.request

PROGRAM = "7RxAvmVUZwMm1m6pttcAdTvrFL2PNoEDA6HYaVPEfufw"
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
V1_PREFIX = 0x81
MAX_NUMBER = 2**53 - 1


class Refuted(Exception):
    """The receipt does not hold."""


def require(condition, reason):
    if not condition:
        raise Refuted(reason)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def from_base58(text):
    require(all(character in ALPHABET for character in text), "a text is not base58")
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def to_base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def is_on_curve(point):
    """Whether 32 bytes are a point of Ed25519, which no program address is."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    y = int.from_bytes(point, "little") & (2**255 - 1)
    if y >= p:
        y %= p
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    return square == 0 or pow(square, (p - 1) // 2, p) == 1


def program_address(*seeds):
    for bump in range(255, -1, -1):
        address = sha256(*seeds, bytes([bump]), from_base58(PROGRAM), b"ProgramDerivedAddress")
        if not is_on_curve(address):
            return to_base58(address)
    raise Refuted("there is no such address")


def is_number(value):
    return type(value) is int and 0 <= value <= MAX_NUMBER


def is_amount(value):
    is_digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19
    return is_digits and value == str(int(value)) and int(value) < 2**63


def is_bytes58(length):
    return lambda value: isinstance(value, str) and len(value) <= 2 * length and len(from_base58(value)) == length


def is_hash(value):
    return isinstance(value, str) and len(value) == 64 and all(digit in "0123456789abcdef" for digit in value)


def is_name(value):
    return isinstance(value, str) and 0 < len(value.encode()) <= 32


def is_text(value):
    return isinstance(value, str) and 0 < len(value.encode()) <= 200 and value.isprintable()


KEY = (is_bytes58(32), "a key of 32 bytes")
HASH = (is_hash, "a hash")
NUMBER = (is_number, "a number from 0 to 2^53 - 1")
AMOUNT = (is_amount, "an amount")
NAME = (is_name, "a name of at most 32 bytes")
TEXT = (is_text, "a text of at most 200 bytes")

FIELDS = {
    "format": TEXT,
    "genesis_hash": KEY,
    "program_id": KEY,
    "network": {"name": NAME, "creator": KEY, "address": KEY},
    "node": {"id": TEXT, "owner": KEY, "wallet_address": KEY},
    "reward": {
        "sequence": NUMBER,
        "id": TEXT,
        "amount_lamports": AMOUNT,
        "node_total_lamports": AMOUNT,
        "period": TEXT,
    },
    "parts": [
        {
            "batch_id": NUMBER,
            "batch_sequence": NUMBER,
            "records_root": HASH,
            "proof": [{"side": (lambda value: value in ("left", "right"), "left or right"), "hash": HASH}],
            "entry": NUMBER,
            "target_lamports": AMOUNT,
            "signature": (is_bytes58(64), "a signature of 64 bytes"),
            "slot": NUMBER,
        }
    ],
    "checksum": HASH,
}


def check_fields(value, expected, name="receipt"):
    """Every field, no other one, and each of its kind."""
    if isinstance(expected, dict):
        require(isinstance(value, dict), f"{name} is not an object")
        for field in expected:
            require(field in value, f"{name}.{field} is missing")
        for field in value:
            require(field in expected, f"{name} has the unknown field {field!r}")
            check_fields(value[field], expected[field], f"{name}.{field}")
    elif isinstance(expected, list):
        require(isinstance(value, list) and len(value) <= 40, f"{name} is not a list of at most 40")
        for one in value:
            check_fields(one, expected[0], name)
    else:
        is_valid, kind = expected
        require(is_valid(value), f"{name} is not {kind}")


def without_repetition(pairs):
    fields = dict(pairs)
    require(len(fields) == len(pairs), "a field is repeated")
    return fields


def text_field(text):
    return len(text.encode()).to_bytes(4, "little") + text.encode()


def check_file(receipt):
    """Everything that needs no cluster."""
    check_fields(receipt, FIELDS)
    network, node, reward, parts = (receipt[name] for name in ("network", "node", "reward", "parts"))
    require(receipt["format"] == "williw-receipt-v1", "unknown format")
    require(receipt["program_id"] == PROGRAM, "another program")

    values = [receipt["format"], receipt["genesis_hash"], receipt["program_id"]]
    values += [network["name"], network["creator"], network["address"]]
    values += [node["id"], node["owner"], node["wallet_address"]]
    values += [reward[name] for name in ("sequence", "id", "amount_lamports", "node_total_lamports", "period")]
    values.append(len(parts))
    for part in parts:
        values += [part["batch_id"], part["batch_sequence"], part["records_root"], len(part["proof"])]
        for step in part["proof"]:
            values += [step["side"], step["hash"]]
        values += [part["entry"], part["target_lamports"], part["signature"], part["slot"]]
    checksum = sha256("".join(f"{value}\n" for value in values).encode()).hex()
    require(checksum == receipt["checksum"], "the checksum differs")

    name = network["name"].encode().ljust(32, b"\0")
    address = program_address(b"network", from_base58(network["creator"]), name)
    require(address == network["address"], "the network's address differs")
    node_id = sha256(b"williw-node-v1\0", node["id"].encode())
    wallet = program_address(b"node", from_base58(address), node_id, from_base58(node["owner"]))
    require(wallet == node["wallet_address"], "the wallet account's address differs")

    amount, total = int(reward["amount_lamports"]), int(reward["node_total_lamports"])
    require(0 < amount <= total, "the amount exceeds the total")
    leaf = sha256(
        b"\0williw-reward-v1",
        text_field(reward["id"]),
        text_field(node["id"]),
        amount.to_bytes(8, "little"),
        text_field(reward["period"]),
    )
    require(0 < len(parts) <= 32, "no parts, or more than 32")
    previous = (0, total - amount)
    for part in parts:
        root = leaf
        for step in part["proof"]:
            sibling = bytes.fromhex(step["hash"])
            root = sha256(b"\1", sibling, root) if step["side"] == "left" else sha256(b"\1", root, sibling)
        require(root.hex() == part["records_root"], "the proof does not lead to the root")
        current = (part["batch_sequence"], int(part["target_lamports"]))
        require(current[0] > previous[0] and current[1] > previous[1], "the parts are not in order")
        require(current[1] < total or part is parts[-1], "a part before the last one covers all")
        previous = current
    require(previous[1] >= total, "the last part does not cover the reward")
    return node_id


class Reader:
    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, count):
        require(self.position + count <= len(self.data), "a transaction is too short")
        self.position += count
        return self.data[self.position - count : self.position]

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def compact(self):
        value, shift = 0, 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def decode_transaction(data, loaded):
    """The first signature, and the instructions as (program, accounts, data)."""
    if data[0] == V1_PREFIX:
        reader = Reader(data[1:])
        signers = reader.take(3)[0]
        mask = reader.number(4)
        reader.take(32)
        instructions, addresses = reader.number(1), reader.number(1)
        keys = [to_base58(reader.take(32)) for _ in range(addresses)]
        reader.take(4 * bin(mask).count("1"))
        headers = [(reader.number(1), reader.number(1), reader.number(2)) for _ in range(instructions)]
        compiled = [(program, reader.take(accounts), reader.take(length)) for program, accounts, length in headers]
        signatures = [reader.take(64) for _ in range(signers)]
    else:
        reader = Reader(data)
        signatures = [reader.take(64) for _ in range(reader.compact())]
        if data[reader.position] & 0x80:
            require(reader.number(1) == 0x80, "an unknown version of transactions")
        reader.take(3)
        keys = [to_base58(reader.take(32)) for _ in range(reader.compact())] + loaded
        reader.take(32)
        compiled = [
            (reader.number(1), reader.take(reader.compact()), reader.take(reader.compact()))
            for _ in range(reader.compact())
        ]
    return to_base58(signatures[0]), [(keys[p], [keys[a] for a in accounts], d) for p, accounts, d in compiled]


def logged_events(logs):
    """What the program itself has logged: other programs can log the same text."""
    running, events = [], []
    for line in logs:
        words = line.split(" ")
        if words[0] != "Program" or words[1] == "log:":
            continue
        if words[1] == "data:":
            if running and running[-1] == PROGRAM:
                events.append(base64.b64decode(words[2]))
        elif words[2] == "invoke":
            running = running[: int(words[3].strip("[]")) - 1] + [words[1]]
        elif words[2] == "success" or words[2].startswith("failed"):
            running = running[:-1]
    return events


def check_part(receipt, part, rpc):
    options = {"encoding": "base64", "commitment": "finalized", "maxSupportedTransactionVersion": 1}
    answer = rpc("getTransaction", part["signature"], options)
    require(answer, "there is no such transaction")
    meta = answer["meta"]
    require(meta["err"] is None, "the transaction failed")
    require(answer["slot"] == part["slot"], "the transaction is in another slot")
    loaded = meta.get("loadedAddresses") or {"writable": [], "readonly": []}
    signature, instructions = decode_transaction(
        base64.b64decode(answer["transaction"][0]), loaded["writable"] + loaded["readonly"]
    )
    require(signature == part["signature"], "another transaction")

    discriminators = {sha256(f"global:{name}".encode())[:8]: name for name in ("credit", "settle")}
    batches = [one for one in instructions if one[0] == PROGRAM and one[2][:8] in discriminators]
    event_discriminator = sha256(b"event:BatchSettled")[:8]
    events = [event for event in logged_events(meta["logMessages"]) if event[:8] == event_discriminator]
    require(len(batches) == len(events), "the log is incomplete")
    for (_, accounts, data), event in zip(batches, events):
        batch_id, root, count = int.from_bytes(data[8:16], "little"), data[16:48], int.from_bytes(data[48:52], "little")
        if accounts[1] == receipt["network"]["address"] and batch_id == part["batch_id"]:
            break
    else:
        raise Refuted("the transaction has no such batch")
    require(root.hex() == part["records_root"], "the batch has another root")
    network, event_id, sequence = event[8:40], event[40:48], event[48:56]
    require(to_base58(network) == receipt["network"]["address"], "the event is of another network")
    require(int.from_bytes(event_id, "little") == batch_id, "the event is of another batch")
    require(int.from_bytes(sequence, "little") == part["batch_sequence"], "the batch has another sequence number")
    require(event[56:88] == root and event[88] == count, "the event has another root or size")
    skips = int.from_bytes(event[105:113], "little")

    entry = part["entry"]
    require(entry < count, "the batch has no such entry")
    is_credit = discriminators[data[:8]] == "credit"
    wallets = accounts[3:] if is_credit else accounts[len(accounts) - 2 * count :: 2]
    require(wallets[entry] == receipt["node"]["wallet_address"], "the entry has another wallet account")
    target = int.from_bytes(data[52 + 8 * entry : 60 + 8 * entry], "little")
    require(target == int(part["target_lamports"]), "the entry has another target")
    require(not skips >> entry & 1, "the program skipped the entry")


def check_wallet(receipt, node_id, rpc):
    addresses = [receipt["network"]["address"], receipt["node"]["wallet_address"]]
    options = {"encoding": "base64", "commitment": "finalized", "minContextSlot": receipt["parts"][-1]["slot"]}
    accounts = rpc("getMultipleAccounts", addresses, options)["value"]
    network, wallet = [
        base64.b64decode(account["data"][0]) if account and account["owner"] == PROGRAM else b"" for account in accounts
    ]
    is_closed = network[:8] == sha256(b"account:ClosedNetwork")[:8]
    require(is_closed or network[:8] == sha256(b"account:Network")[:8], "there is no such network")
    asset = "unknown, the network was closed" if is_closed else "SOL" if network[11] == 0 else to_base58(network[176:208])
    if is_closed and not wallet:
        return "its wallet account was deleted with its network", asset, None
    require(wallet, "there is no such wallet account")
    data, destination = wallet, None
    if data[:8] == sha256(b"account:NodeWallet")[:8]:
        require(to_base58(data[16:48]) == receipt["network"]["address"], "the wallet account is of another network")
        require(data[48:80] == node_id, "the wallet account is of another node")
        require(to_base58(data[80:112]) == receipt["node"]["owner"], "the wallet account has another owner")
        credited = int.from_bytes(data[144:152], "little")
        destination = to_base58(data[112:144])
        if data[10] not in (0, 1):
            destination += " (WARNING: the network's admin has chosen it, and the owner has not confirmed it)"
    else:
        require(data[:8] == sha256(b"account:ClosedNode")[:8], "not a wallet account")
        require(to_base58(data[16:48]) == receipt["network"]["address"], "the wallet account is of another network")
        credited = int.from_bytes(data[8:16], "little")
    require(credited >= int(receipt["parts"][-1]["target_lamports"]), "the wallet account was credited less")
    return f"its node has been credited {credited} in total", asset, destination


def over_http(url):
    def rpc(method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        require("error" not in answer, f"{method}: {answer.get('error')}")
        return answer["result"]

    return rpc


def read_file(path):
    with open(path, encoding="utf-8") as file:
        try:
            return json.load(file, object_pairs_hook=without_repetition)
        except ValueError as error:
            raise Refuted(f"the file is not JSON: {error}") from error


def main():
    rpc = over_http(sys.argv[2])
    try:
        receipt = read_file(sys.argv[1])
        node_id = check_file(receipt)
        require(rpc("getGenesisHash") == receipt["genesis_hash"], "the RPC node belongs to another cluster")
        for part in receipt["parts"]:
            check_part(receipt, part, rpc)
        state, asset, destination = check_wallet(receipt, node_id, rpc)
    except Refuted as reason:
        sys.exit(f"the receipt does not hold: {reason}")
    network = receipt["network"]
    print(f"reward {receipt['reward']['id']} was credited; {state}")
    # Anyone can create a network, with any name and a worthless mint: these have to be the expected ones.
    print(f"network: {network['name']} ({network['address']}), created by {network['creator']}")
    print(f"cluster: {receipt['genesis_hash']}\nasset: {asset}\nowner: {receipt['node']['owner']}")
    if destination:
        print(f"paid to: {destination}")


if __name__ == "__main__":
    main()
