#!/usr/bin/env python3
"""complete-idl.py IDL FRAGMENT: adds to an IDL what the anchor command can't know, and prints it.

- FRAGMENT has the account types that no instruction loads as such.
- The treasury's token account is optional in most instructions, and Anchor accepts no seeds for optional accounts that
  are derived from other optional ones.

Normalizes the whitespace as well, which differs between versions of the anchor command.
"""

import json
import sys

# The associated token account program, ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL.
ASSOCIATED_TOKEN_PROGRAM = bytes.fromhex("8c97258f4e2489f1bb3d1029148e0d830b5a1399daff1084048e7bd8dbe9f859")


def main() -> None:
    with open(sys.argv[1]) as file:
        idl = json.load(file)
    with open(sys.argv[2]) as file:
        fragment = json.load(file)
    for section, added in fragment.items():
        idl[section] = sorted(idl[section] + added, key=lambda item: item["name"])
    for instruction in idl["instructions"]:
        for account in instruction["accounts"]:
            if account["name"] == "treasury_token_account":
                seeds = ["treasury", "token_program", "mint"]
                account["pda"] = {
                    "seeds": [{"kind": "account", "path": seed} for seed in seeds],
                    "program": {"kind": "const", "value": list(ASSOCIATED_TOKEN_PROGRAM)},
                }
    json.dump(idl, sys.stdout, indent=4, ensure_ascii=False)
    print()


main()
