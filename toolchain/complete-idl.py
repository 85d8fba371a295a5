#!/usr/bin/env python3
"""complete-idl.py IDL FRAGMENT: adds to an IDL what the anchor command can't know, and prints it.

- FRAGMENT has the account types that no instruction loads as such.
- Anchor's client finds the accounts of an instruction's self-call by their names. Other clients need seeds or addresses.
  The treasury's token account gets none: it is derived from optional accounts, which Codama rejects.

Normalizes the whitespace as well, which differs between versions of the anchor command.
"""

import json
import sys

# Anchor's seed of the account that signs a program's self-calls.
EVENT_AUTHORITY_SEED = b"__event_authority"


def main() -> None:
    with open(sys.argv[1]) as file:
        idl = json.load(file)
    with open(sys.argv[2]) as file:
        fragment = json.load(file)
    for section, added in fragment.items():
        idl[section] = sorted(idl[section] + added, key=lambda item: item["name"])
    for instruction in idl["instructions"]:
        for account in instruction["accounts"]:
            if account["name"] == "event_authority":
                account["pda"] = {"seeds": [{"kind": "const", "value": list(EVENT_AUTHORITY_SEED)}]}
            if account["name"] == "program":
                account["address"] = idl["address"]
    json.dump(idl, sys.stdout, indent=4, ensure_ascii=False)
    print()


main()
