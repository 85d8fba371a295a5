/** The examples print a node's balance and withdraw it. */

import { createKeyPairSignerFromPrivateKeyBytes } from "@solana/kit";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { Localnet } from "./localnet.ts";
import { TestNetwork, UNIT } from "./network.ts";

/** The base fee for one signature in lamports. */
const FEE = 5_000n;

let localnet: Localnet;
let network: TestNetwork;
let directory: string;

before(async () => {
  ({ localnet, network } = await TestNetwork.start());
  directory = await mkdtemp(join(tmpdir(), "examples-"));
});
after(async () => {
  await rm(directory, { recursive: true });
  await localnet.stop();
});

/** A node that is owed 0.2 SOL. It was paid 0.3 SOL, so its owner can pay the transaction's fee. */
async function owedNode(name: string) {
  const secret = webcrypto.getRandomValues(new Uint8Array(32));
  const owner = await createKeyPairSignerFromPrivateKeyBytes(secret);
  const publicKey = new Uint8Array(await webcrypto.subtle.exportKey("raw", owner.keyPair.publicKey));
  const keypair = join(directory, `${name}.json`);
  await writeFile(keypair, JSON.stringify([...secret, ...publicKey]));
  const node = await network.registerNode(name, owner);
  await network.credit(node, 3n * UNIT);
  await network.payOut(node);
  await network.credit(node, 5n * UNIT);
  return { ...node, keypair };
}

/** Runs an example, and checks what it prints and how much the owner receives. */
async function withdraws(name: string, command: string, ...args: string[]) {
  const { owner, keypair, wallet } = await owedNode(name);
  const balance = await network.client.lamports(owner.address);
  const inWallet = await network.client.lamports(wallet);
  const { stdout } = await promisify(execFile)(command, [
    ...args,
    network.address,
    name,
    keypair,
    localnet.url,
    localnet.wsUrl,
  ]);
  assert.match(stdout, /^credited 500000000, paid 300000000, pending 200000000\nwithdrawn in transaction \w+\n$/);
  assert.equal((await network.client.lamports(owner.address)) - balance, 2n * UNIT - FEE);
  assert.equal(inWallet - (await network.client.lamports(wallet)), 2n * UNIT);
}

test("withdraw.ts withdraws all that a node is owed", async () => {
  await withdraws("typescript", execPath, "--import", "tsx", "examples/withdraw.ts");
});

test("withdraw.rs withdraws all that a node is owed", async () => {
  await withdraws("rust", env["WILLIW_WITHDRAW_EXAMPLE"]!);
});

test("the examples are short", async () => {
  for (const file of ["withdraw.ts", "withdraw.rs", "events.ts"]) {
    const lines = (await readFile(join("examples", file), "utf8")).trimEnd().split("\n").length;
    assert.ok(lines < 60, `${file} has ${lines} lines`);
  }
});
