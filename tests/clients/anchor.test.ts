/**
 * Anchor's client builds and sends every instruction of the committed IDL. It is given signers, the network, arguments, and
 * the accounts in `PASSED`; it finds all others by the IDL's seeds, relations and addresses.
 */

import anchor, { EventParser, web3 } from "@anchor-lang/core";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, test } from "node:test";
import { AnchorClient, idl } from "./anchor-client.ts";
import { type Localnet, startLocalnet } from "./localnet.ts";
import { ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM, associatedTokenAccount, createMint, mintTo } from "./tokens.ts";

const { BN } = anchor;

const FREE = "chosen by the caller";
const TOKENS = "null for SOL; else chosen at creation and stored in the network";
/** The accounts besides signers and the network that a caller has to pass, with the reason. */
const PASSED: Record<string, Record<string, string>> = {
  claimSetAside: { destination: FREE },
  closeNetwork: {
    destination: FREE,
    mint: TOKENS,
    tokenDestination: FREE,
    tokenProgram: TOKENS,
    treasuryTokenAccount: TOKENS,
  },
  closeNode: { owner: "part of the wallet's address; the admin may sign instead" },
  createNetwork: { associatedTokenProgram: TOKENS, mint: TOKENS, tokenProgram: TOKENS, treasuryTokenAccount: TOKENS },
  fund: { funderTokenAccount: FREE, mint: TOKENS, tokenProgram: TOKENS, treasuryTokenAccount: TOKENS },
  recoverLamports: { destination: FREE },
  recoverNodeTokens: { destination: FREE, mint: FREE, tokenAccount: FREE, tokenProgram: FREE },
  recoverTreasuryTokens: { destination: FREE, mint: FREE, tokenAccount: FREE, tokenProgram: FREE },
  setAside: {
    claimTokenAccount: "null for SOL; else any token account of the wallet's address",
    mint: TOKENS,
    owner: "part of the wallet's address; the admin signs",
    tokenProgram: TOKENS,
    treasuryTokenAccount: TOKENS,
  },
  setDestination: { destination: FREE },
  withdraw: { mint: TOKENS, tokenProgram: TOKENS, treasuryTokenAccount: TOKENS },
  withdrawSurplus: { destination: FREE, mint: TOKENS, tokenProgram: TOKENS, treasuryTokenAccount: TOKENS },
};

/** A tenth of a SOL in lamports, and the unit of all amounts in these tests. */
const UNIT = 100_000_000;
const units = (count: number) => new BN(count * UNIT);

const wallet = web3.Keypair.generate();
let localnet: Localnet;
let client: AnchorClient;

before(async () => {
  localnet = await startLocalnet([wallet.publicKey.toBase58()]);
  client = new AnchorClient(localnet.url, localnet.wsUrl, wallet);
});
after(() => localnet.stop());

const NO_TOKENS = { mint: null, tokenProgram: null, treasuryTokenAccount: null };
const address = (...seeds: (string | Uint8Array | web3.PublicKey)[]) => {
  const bytes = seeds.map((seed) => (seed instanceof web3.PublicKey ? seed.toBuffer() : Buffer.from(seed as string)));
  return web3.PublicKey.findProgramAddressSync(bytes, client.program.programId)[0];
};
const writable = (pubkey: web3.PublicKey) => ({ pubkey, isSigner: false, isWritable: true });
const readonly = (pubkey: web3.PublicKey) => ({ pubkey, isSigner: false, isWritable: false });
const lamports = (account: web3.PublicKey) => client.provider.connection.getBalance(account);
const fetch = (type: string, account: web3.PublicKey) =>
  (client.program.account as Record<string, { fetch(account: web3.PublicKey): Promise<any> }>)[type]!.fetch(account);

let networks = 0;
/** Creates a network of which the wallet is admin, settler and guardian. */
async function createNetwork(mint?: web3.PublicKey): Promise<web3.PublicKey> {
  const id = Buffer.alloc(32);
  id.write(`network-${++networks}`);
  const network = address("network", wallet.publicKey, id);
  const args = {
    settler: wallet.publicKey,
    guardian: wallet.publicKey,
    defaultThreshold: units(1),
    perNodeCap: units(1000),
    perBatchCap: units(1000),
    windowLimit: units(1000),
    windowSeconds: new BN(3600),
    maxPendingAge: new BN(86_400),
    maxPauseSeconds: new BN(3600),
  };
  const treasury = address("treasury", network);
  const tokens = {
    mint: mint ?? null,
    tokenProgram: mint ? TOKEN_PROGRAM : null,
    treasuryTokenAccount: mint ? associatedTokenAccount(mint, treasury) : null,
    associatedTokenProgram: mint ? ASSOCIATED_TOKEN_PROGRAM : null,
  };
  await client.send("createNetwork", { args: [{ id: [...id], ...args }], accounts: tokens });
  assert.equal((await fetch("network", network)).treasury.toBase58(), treasury.toBase58());
  return network;
}

/** Creates a network that pays in SOL and has funds. */
async function createFundedNetwork(): Promise<web3.PublicKey> {
  const network = await createNetwork();
  await client.send("fund", { args: [units(100)], accounts: { network, funderTokenAccount: null, ...NO_TOKENS } });
  return network;
}

interface Node {
  nodeId: number[];
  owner: web3.Keypair;
  wallet: web3.PublicKey;
}

/** A node that is not registered yet. */
function newNode(network: web3.PublicKey): Node {
  const owner = web3.Keypair.generate();
  const nodeId = [...web3.Keypair.generate().publicKey.toBytes()];
  return { nodeId, owner, wallet: address("node", network, new Uint8Array(nodeId), owner.publicKey) };
}

async function registerNode(network: web3.PublicKey, node = newNode(network)): Promise<Node> {
  const args = [node.nodeId, node.owner.publicKey, null, null];
  await client.send("registerNode", { args, accounts: { network } });
  return node;
}

const batch = (batchId: number) => ({ batchId: new BN(batchId), recordsRoot: Array(32).fill(7) });

/** Credits a node up to `total`. */
const credit = (network: web3.PublicKey, { wallet }: Node, total: anchor.BN) =>
  client.send("credit", { args: [batch(1), [total]], accounts: { network }, remaining: [writable(wallet)] });

/** Replaces parts of an account, which only the localnet can do. */
async function setAccount(account: web3.PublicKey, parts: { lamports?: number; data?: string }): Promise<void> {
  const body = { jsonrpc: "2.0", id: 1, method: "surfnet_setAccount", params: [account.toBase58(), parts] };
  const headers = { "content-type": "application/json" };
  const response = await globalThis.fetch(localnet.url, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(((await response.json()) as { error?: unknown }).error, undefined);
}

test("create_network, fund", async () => {
  const network = await createFundedNetwork();
  assert.ok((await fetch("treasury", address("treasury", network))).fundedTotal.eq(units(100)));
});

test("update_network, set_settler, set_guardian", async () => {
  const network = await createNetwork();
  const [settler, guardian] = [web3.Keypair.generate().publicKey, web3.Keypair.generate().publicKey];
  const unchanged = {
    perNodeCap: null,
    perBatchCap: null,
    windowLimit: null,
    windowSeconds: null,
    maxPendingAge: null,
  };
  const args = { defaultThreshold: units(2), maxPauseSeconds: null, ...unchanged };
  await client.send("updateNetwork", { args: [args], accounts: { network } });
  await client.send("setSettler", { args: [settler], accounts: { network } });
  await client.send("setGuardian", { args: [guardian], accounts: { network } });
  const updated = await fetch("network", network);
  assert.ok(
    updated.defaultThreshold.eq(units(2)) && updated.settler.equals(settler) && updated.guardian.equals(guardian),
  );
});

test("propose_admin, accept_admin", async () => {
  const network = await createNetwork();
  const pendingAdmin = web3.Keypair.generate();
  await client.send("proposeAdmin", { args: [pendingAdmin.publicKey], accounts: { network } });
  await client.send("acceptAdmin", { accounts: { network }, signers: { pendingAdmin } });
  assert.ok((await fetch("network", network)).admin.equals(pendingAdmin.publicKey));
});

test("pause, unpause", async () => {
  const network = await createNetwork();
  const treasury = address("treasury", network);
  await client.send("pause", { accounts: { network } });
  assert.equal((await fetch("treasury", treasury)).paused, 1);
  await client.send("unpause", { accounts: { network } });
  assert.equal((await fetch("treasury", treasury)).paused, 0);
});

test("migrate_treasury", async () => {
  const network = await createNetwork();
  const treasury = address("treasury", network);
  const account = await client.provider.connection.getAccountInfo(treasury);
  const data = Buffer.from(account!.data);
  data[8] = 1;
  await setAccount(treasury, { data: data.toString("hex") });
  await client.send("migrateTreasury", { accounts: { network } });
  assert.equal((await fetch("treasury", treasury)).version, 2);
});

test("register_node, set_destination, set_threshold, close_node, reopen_node", async () => {
  const network = await createNetwork();
  const { nodeId, owner, wallet } = await registerNode(network);
  const destination = web3.Keypair.generate().publicKey;
  await client.send("setDestination", { args: [nodeId], accounts: { network, destination }, signers: { owner } });
  await client.send("setThreshold", { args: [nodeId, units(3)], accounts: { network }, signers: { owner } });
  const changed = await fetch("nodeWallet", wallet);
  assert.ok(changed.destination.equals(destination) && changed.threshold.eq(units(3)));
  await client.send("closeNode", { args: [nodeId], accounts: { network, owner: owner.publicKey } });
  assert.ok((await fetch("closedNode", wallet)).total.isZero());
  await client.send("reopenNode", { args: [nodeId, owner.publicKey, null, null], accounts: { network } });
  assert.ok((await fetch("nodeWallet", wallet)).destination.equals(owner.publicKey));
});

test("credit, payout, withdraw", async () => {
  const network = await createFundedNetwork();
  const node = await registerNode(network);
  const [destination, owner] = [node.owner.publicKey, node.owner];
  await credit(network, node, units(5));
  await client.send("payout", { accounts: { network }, remaining: [writable(node.wallet), writable(destination)] });
  assert.equal(await lamports(destination), 5 * UNIT);
  await credit(network, node, units(8));
  const accounts = { network, ...NO_TOKENS };
  await client.send("withdraw", { args: [node.nodeId, units(2)], accounts, signers: { owner } });
  assert.equal(await lamports(destination), 7 * UNIT);
});

test("settle", async () => {
  const network = await createFundedNetwork();
  const node = await registerNode(network);
  const destination = node.owner.publicKey;
  const remaining = [writable(node.wallet), writable(destination)];
  await client.send("settle", { args: [batch(2), [units(4)]], accounts: { network }, remaining });
  assert.equal(await lamports(destination), 4 * UNIT);
});

test("set_aside, claim_set_aside", async () => {
  const network = await createFundedNetwork();
  const node = await registerNode(network);
  const { nodeId, owner } = node;
  // The destination becomes an account of the program, which can't be paid.
  const other = newNode(network);
  const accounts = { network, destination: other.wallet };
  await client.send("setDestination", { args: [nodeId], accounts, signers: { owner } });
  await registerNode(network, other);
  await credit(network, node, units(3));
  await client.send("setAside", {
    args: [nodeId],
    accounts: { network, owner: owner.publicKey, claimTokenAccount: null, ...NO_TOKENS },
  });
  assert.equal(await lamports(address("claim", node.wallet)), 3 * UNIT);
  const destination = web3.Keypair.generate().publicKey;
  await client.send("claimSetAside", { args: [nodeId], accounts: { network, destination }, signers: { owner } });
  assert.equal(await lamports(destination), 3 * UNIT);
});

test("withdraw_surplus, close_network, sweep_closed_network", async () => {
  const network = await createFundedNetwork();
  const { wallet: node } = await registerNode(network);
  const destination = web3.Keypair.generate().publicKey;
  const accounts = { network, destination, ...NO_TOKENS };
  await client.send("withdrawSurplus", { args: [units(60)], accounts });
  assert.equal(await lamports(destination), 60 * UNIT);
  await client.send("closeNetwork", { accounts: { ...accounts, tokenDestination: null } });
  assert.ok((await lamports(destination)) > 100 * UNIT);
  assert.ok((await fetch("closedNetwork", network)).admin.equals(wallet.publicKey));
  await client.send("sweepClosedNetwork", { accounts: { network }, remaining: [writable(node)] });
  assert.equal(await lamports(node), 0);
});

test("sweep_rent, top_up_rent", async () => {
  const network = await createFundedNetwork();
  const node = await registerNode(network);
  const remaining = [writable(node.wallet)];
  await credit(network, node, units(5));
  const minimumAndPending = await lamports(node.wallet);
  await setAccount(node.wallet, { lamports: minimumAndPending + 1000 });
  await client.send("sweepRent", { accounts: { network }, remaining });
  assert.equal(await lamports(node.wallet), minimumAndPending);
  await setAccount(node.wallet, { lamports: minimumAndPending - 1000 });
  await client.send("topUpRent", { accounts: { network }, remaining });
  assert.equal(await lamports(node.wallet), minimumAndPending);
});

test("a network that pays in tokens", async () => {
  const { provider } = client;
  const mint = await createMint(provider);
  const funds = await mintTo(provider, mint, wallet.publicKey, 1_000_000_000n);
  const network = await createNetwork(mint);
  const treasury = address("treasury", network);
  const treasuryTokenAccount = associatedTokenAccount(mint, treasury);
  const tokens = { network, mint, tokenProgram: TOKEN_PROGRAM, treasuryTokenAccount };
  const balance = async (account: web3.PublicKey) =>
    Number((await provider.connection.getTokenAccountBalance(account)).value.amount);

  await client.send("fund", { args: [units(9)], accounts: { ...tokens, funderTokenAccount: funds } });
  const { nodeId, owner, wallet: node } = await registerNode(network);
  const destination = await mintTo(provider, mint, owner.publicKey, 0n);
  const named = [writable(treasuryTokenAccount), readonly(mint), readonly(TOKEN_PROGRAM)];
  const remaining = [...named, writable(node), writable(destination)];
  await client.send("settle", { args: [batch(1), [units(3)]], accounts: { network }, remaining });
  assert.equal(await balance(destination), 3 * UNIT);
  await client.send("credit", { args: [batch(2), [units(4)]], accounts: { network }, remaining: [writable(node)] });
  await client.send("withdraw", { args: [nodeId, null], accounts: tokens, signers: { owner } });
  assert.equal(await balance(destination), 4 * UNIT);
  // The destination that its owner chose is no token account any more.
  const unpayable = await registerNode(network);
  const chosen = await mintTo(provider, mint, web3.Keypair.generate().publicKey, 0n);
  await client.send("setDestination", {
    args: [unpayable.nodeId],
    accounts: { network, destination: chosen },
    signers: { owner: unpayable.owner },
  });
  await setAccount(chosen, { data: "00" });
  await credit(network, unpayable, units(1));
  const held = await mintTo(provider, mint, unpayable.wallet, 0n);
  await client.send("setAside", {
    args: [unpayable.nodeId],
    accounts: { ...tokens, owner: unpayable.owner.publicKey, claim: null, claimTokenAccount: held },
  });
  assert.equal(await balance(held), UNIT);
  await client.send("withdrawSurplus", { args: [units(3)], accounts: { ...tokens, destination: funds } });
  assert.equal(await balance(treasuryTokenAccount), UNIT);

  const foreign = await createMint(provider);
  const foreignTokens = { network, mint: foreign, tokenProgram: TOKEN_PROGRAM };
  const to = await mintTo(provider, foreign, wallet.publicKey, 0n);
  const ofTreasury = await mintTo(provider, foreign, treasury, 5n);
  await client.send("recoverTreasuryTokens", {
    accounts: { ...foreignTokens, tokenAccount: ofTreasury, destination: to },
  });
  const ofNode = await mintTo(provider, foreign, node, 6n);
  await client.send("recoverNodeTokens", {
    args: [nodeId],
    accounts: { ...foreignTokens, tokenAccount: ofNode, destination: to },
    signers: { owner },
  });
  assert.equal(await balance(to), 11);

  const recovered = web3.Keypair.generate().publicKey;
  await setAccount(treasury, { lamports: (await lamports(treasury)) + UNIT });
  await client.send("recoverLamports", { accounts: { network, destination: recovered } });
  assert.equal(await lamports(recovered), UNIT);
  const had = await balance(funds);
  await client.send("closeNetwork", { accounts: { ...tokens, destination: recovered, tokenDestination: funds } });
  assert.equal(await lamports(treasuryTokenAccount), 0);
  assert.equal((await balance(funds)) - had, UNIT);
});

test("Anchor's event listener receives the events of batches", { timeout: 10_000 }, async () => {
  const network = await createFundedNetwork();
  const node = await registerNode(network);
  const { promise, resolve } = Promise.withResolvers<any>();
  const listener = client.program.addEventListener("batchSettled", resolve);
  const signature = await credit(network, node, units(2));
  const event = await promise;
  await client.program.removeEventListener(listener);
  assert.ok(event.network.equals(network) && event.credited.eq(units(2)) && event.n === 1);

  const { meta } = await client.transaction(signature);
  const parser = new EventParser(client.program.programId, client.program.coder);
  const [parsed, ...others] = [...parser.parseLogs(meta!.logMessages!)];
  assert.equal(parsed?.name, "batchSettled");
  assert.ok((parsed.data.credited as anchor.BN).eq(units(2)));
  assert.equal(others.length, 0);
});

test("Anchor's coder decodes the events of other instructions from their self-calls", async () => {
  const network = await createNetwork();
  const signature = await client.send("pause", { accounts: { network } });
  // Eight bytes identify the call; the event follows.
  const events = (await client.selfCalls(signature)).map((data) =>
    client.program.coder.events.decode(data.subarray(8).toString("base64")),
  );
  assert.deepEqual(
    events.map((event) => event?.name),
    ["paused"],
  );
  assert.ok(events[0]!.data.network.equals(network));
});

test("all instructions are sent, and only the listed accounts have to be passed", () => {
  const instructions = idl.instructions.map(({ name }) => name).sort();
  assert.deepEqual([...client.passed.keys()].sort(), instructions, "instructions sent and those in the IDL");
  const passed = Object.fromEntries(
    [...client.passed]
      .filter(([, accounts]) => accounts.size > 0)
      .map(([name, accounts]) => [name, [...accounts].sort()]),
  );
  const listed = Object.fromEntries(
    Object.entries(PASSED).map(([name, accounts]) => [name, Object.keys(accounts).sort()]),
  );
  assert.deepEqual(passed, listed);
});
