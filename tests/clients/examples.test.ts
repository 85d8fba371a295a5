/** The examples print a node's balance and withdraw it. */

import { AnchorProvider, Wallet, web3 } from "@anchor-lang/core";
import { type Address, address, createKeyPairSignerFromPrivateKeyBytes } from "@solana/kit";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import * as settlement from "../../examples/generated/index.ts";
import type { Localnet } from "./localnet.ts";
import { TestNetwork, UNIT } from "./network.ts";
import { ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM, associatedTokenAccount, createMint, mintTo } from "./tokens.ts";

/** The base fee for one signature in lamports. */
const FEE = 5_000n;

let localnet: Localnet;
let network: TestNetwork;
let directory: string;
/** Creates the mints, and pays for it. */
const minter = web3.Keypair.generate();

before(async () => {
  ({ localnet, network } = await TestNetwork.start(minter.publicKey.toBase58()));
  directory = await mkdtemp(join(tmpdir(), "examples-"));
});
after(async () => {
  await rm(directory, { recursive: true });
  await localnet.stop();
});

/** A key, and a file with it in the format of Solana's command line. */
async function createKey(name: string) {
  const secret = webcrypto.getRandomValues(new Uint8Array(32));
  const signer = await createKeyPairSignerFromPrivateKeyBytes(secret);
  const publicKey = new Uint8Array(await webcrypto.subtle.exportKey("raw", signer.keyPair.publicKey));
  const file = join(directory, `${name}.json`);
  await writeFile(file, JSON.stringify([...secret, ...publicKey]));
  return { signer, file };
}

type Example = [command: string, ...args: string[]];
const TYPESCRIPT: Example = [execPath, "--import", "tsx", "examples/withdraw.ts"];
const RUST: Example = [env["WILLIW_WITHDRAW_EXAMPLE"] ?? "not set"];

async function run([command, ...args]: Example, network: Address, node: string, keyFile: string): Promise<string> {
  const more = [network, node, keyFile, localnet.url, localnet.wsUrl];
  return (await promisify(execFile)(command, [...args, ...more])).stdout;
}

/** Runs an example for a node that is owed 0.2 SOL, and checks what it prints and how much the owner receives. */
async function withdrawsSol(name: string, example: Example) {
  const { client } = network;
  const { signer, file } = await createKey(name);
  const node = await network.registerNode(name, signer);
  // The owner pays the transaction's fee with what the node was paid before.
  await network.credit(node, 3n * UNIT);
  await network.payOut(node);
  await network.credit(node, 5n * UNIT);
  const [balance, inWallet] = [await client.lamports(signer.address), await client.lamports(node.wallet)];
  const output = await run(example, network.address, name, file);
  assert.match(output, /^credited 500000000, paid 300000000, pending 200000000\nwithdrawn in transaction \w+\n$/);
  assert.equal((await client.lamports(signer.address)) - balance, 2n * UNIT - FEE);
  assert.equal(inWallet - (await client.lamports(node.wallet)), 2n * UNIT);
}

test("withdraw.ts withdraws all lamports that a node is owed", () => withdrawsSol("sol-typescript", TYPESCRIPT));
test("withdraw.rs withdraws all lamports that a node is owed", () => withdrawsSol("sol-rust", RUST));

/** The same in a network that pays in tokens. */
async function withdrawsTokens(name: string, example: Example) {
  const connection = new web3.Connection(localnet.url, { commitment: "confirmed", wsEndpoint: localnet.wsUrl });
  const provider = new AnchorProvider(connection, new Wallet(minter), { commitment: "confirmed" });
  const { admin, client } = network;
  const { signer, file } = await createKey(name);
  const [adminKey, owner] = [new web3.PublicKey(admin.address), new web3.PublicKey(signer.address)];

  const mint = await createMint(provider);
  const funds = await mintTo(provider, mint, adminKey, 10n * UNIT);
  const id = new Uint8Array(32);
  new TextEncoder().encodeInto(name, id);
  const [networkAddress] = await settlement.findNetworkPda({ creator: admin.address, id });
  const [treasury] = await settlement.findTreasuryPda({ network: networkAddress });
  const tokens = {
    mint: address(mint.toBase58()),
    tokenProgram: address(TOKEN_PROGRAM.toBase58()),
    treasuryTokenAccount: address(associatedTokenAccount(mint, new web3.PublicKey(treasury)).toBase58()),
  };
  const associatedTokenProgram = address(ASSOCIATED_TOKEN_PROGRAM.toBase58());
  const inTokens = await network.another(name, { ...tokens, associatedTokenProgram });
  const parties = { funder: admin, admin: admin.address, network: inTokens.address };
  const funderTokenAccount = address(funds.toBase58());
  const amount = 10n * UNIT;
  await client.send(await settlement.getFundInstructionAsync({ ...parties, ...tokens, funderTokenAccount, amount }));

  const destination = await mintTo(provider, mint, owner, 0n);
  const toOwner = { fromPubkey: minter.publicKey, toPubkey: owner, lamports: Number(UNIT) };
  await provider.sendAndConfirm(new web3.Transaction().add(web3.SystemProgram.transfer(toOwner)));
  await inTokens.credit(await inTokens.registerNode(name, signer), 2n * UNIT);
  const output = await run(example, inTokens.address, name, file);
  assert.match(output, /^credited 200000000, paid 0, pending 200000000\nwithdrawn in transaction \w+\n$/);
  assert.equal((await connection.getTokenAccountBalance(destination)).value.amount, `${2n * UNIT}`);
}

test("withdraw.ts withdraws all tokens that a node is owed", () => withdrawsTokens("tokens-typescript", TYPESCRIPT));
test("withdraw.rs withdraws all tokens that a node is owed", () => withdrawsTokens("tokens-rust", RUST));

test("the examples are short", async () => {
  for (const file of ["withdraw.ts", "withdraw.rs", "events.ts"]) {
    const lines = (await readFile(join("examples", file), "utf8")).trimEnd().split("\n").length;
    assert.ok(lines < 60, `${file} has ${lines} lines`);
  }
});
