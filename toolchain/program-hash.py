#!/usr/bin/env python3
"""Prints the hash of a program: of a .so file, or of the program that is deployed on a cluster.

    program-hash.py FILE.so
    program-hash.py --url RPC_URL PROGRAM_ID
    program-hash.py --url RPC_URL --buffer BUFFER_ADDRESS

The hash is the SHA-256 of the ELF file without trailing zero bytes, because a program's account may be longer than its
ELF file. solana-verify computes the same hash (get-executable-hash, get-program-hash, get-buffer-hash).
"""

import argparse
import base64
import hashlib
import json
import sys
import urllib.request

UPGRADEABLE_LOADER = "BPFLoaderUpgradeab1e11111111111111111111111"
OTHER_LOADERS = ("BPFLoader2111111111111111111111111111111111", "BPFLoader1111111111111111111111111111111111")
# Sizes of the upgradeable loader's headers: tag, then slot and authority, or authority alone.
PROGRAM_DATA_HEADER = 4 + 8 + 1 + 32
BUFFER_HEADER = 4 + 1 + 32
# Tags of the upgradeable loader's accounts.
BUFFER, PROGRAM, PROGRAM_DATA = 1, 2, 3
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class HashError(Exception):
    """Why there is no hash."""


def elf_hash(elf):
    return hashlib.sha256(elf.rstrip(b"\0")).hexdigest()


def base58(raw):
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def account(url, address):
    """The owner and the data of an account, at commitment 'confirmed'."""
    params = [address, {"encoding": "base64", "commitment": "confirmed"}]
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getAccountInfo", "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise HashError(f"the RPC request failed: {error}") from error
    if "result" not in answer:
        raise HashError(f"the RPC server returned an error: {answer.get('error')}")
    value = answer["result"]["value"]
    if value is None:
        raise HashError(f"account {address} does not exist on this cluster")
    return value["owner"], base64.b64decode(value["data"][0])


def expect_tag(address, data, tag, what):
    if int.from_bytes(data[:4], "little") != tag:
        raise HashError(f"account {address} is not {what}")


def program_hash(url, address):
    owner, data = account(url, address)
    if owner in OTHER_LOADERS:
        return elf_hash(data)
    if owner != UPGRADEABLE_LOADER:
        raise HashError(f"account {address} is not a program: its owner is {owner}")
    expect_tag(address, data, PROGRAM, "a program")
    program_data = base58(data[4:36])
    _, data = account(url, program_data)
    expect_tag(program_data, data, PROGRAM_DATA, "a program data account: the program has been closed")
    return elf_hash(data[PROGRAM_DATA_HEADER:])


def buffer_hash(url, address):
    owner, data = account(url, address)
    if owner != UPGRADEABLE_LOADER:
        raise HashError(f"account {address} is not a buffer: its owner is {owner}")
    expect_tag(address, data, BUFFER, "a buffer")
    return elf_hash(data[BUFFER_HEADER:])


def main():
    parser = argparse.ArgumentParser(description="Print the hash of a program file or of a deployed program.")
    parser.add_argument("--url", help="RPC URL of the cluster; without it, the argument is a .so file")
    parser.add_argument("--buffer", action="store_true", help="the address is that of a buffer, not of a program")
    parser.add_argument("program", metavar="FILE.so | ADDRESS")
    arguments = parser.parse_args()
    if arguments.buffer and not arguments.url:
        parser.error("--buffer needs --url")
    try:
        if arguments.url:
            print((buffer_hash if arguments.buffer else program_hash)(arguments.url, arguments.program))
        else:
            with open(arguments.program, "rb") as file:
                elf = file.read()
            if not elf.startswith(b"\x7fELF"):
                raise HashError(f"{arguments.program} is not an ELF file")
            print(elf_hash(elf))
    except (HashError, OSError) as error:
        sys.exit(f"program-hash: error: {error}")


if __name__ == "__main__":
    main()
