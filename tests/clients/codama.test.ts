/** The client that Codama generates from the committed IDL sends instructions, and reads all accounts and events. */

import { type Address, fetchEncodedAccount } from "@solana/kit";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { loggedEvents, selfCallEvents } from "../../examples/events.ts";
import * as settlement from "../../examples/generated/index.ts";
import idl from "../../programs/settlement/idl/settlement.json" with { type: "json" };
import type { Localnet } from "./localnet.ts";
import { TestNetwork, UNIT, withEntries } from "./network.ts";

const generated = settlement as Record<string, unknown>;

let localnet: Localnet;
let network: TestNetwork;

before(async () => ({ localnet, network } = await TestNetwork.start()));
after(() => localnet.stop());

/** The type of an account by its discriminator, which functions like `fetchNetwork` do not check. */
async function typeOf(account: Address) {
  const encoded = await fetchEncodedAccount(network.client.rpc, account);
  assert.ok(encoded.exists);
  return settlement.SettlementAccount[settlement.identifySettlementAccount(encoded)];
}

const capitalized = (name: string) => name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());

test("there is a builder for every instruction, and a decoder for every account, event and error", () => {
  const missing = [
    ...idl.instructions.map(({ name }) => `get${capitalized(name)}InstructionAsync`),
    ...idl.accounts.map(({ name }) => `fetch${name}`),
    ...idl.events.map(({ name }) => `get${name}Decoder`),
    ...idl.errors.map(({ name }) => `SETTLEMENT_ERROR__${name.replace(/(?!^)([A-Z])/g, "_$1").toUpperCase()}`),
  ].filter((name) => generated[name] === undefined);
  assert.deepEqual(missing, []);
});

test("networks and treasuries are read", async () => {
  const { data } = await settlement.fetchNetwork(network.client.rpc, network.address);
  assert.equal(data.admin, network.admin.address);
  assert.equal(data.defaultThreshold, UNIT);
  const treasury = await settlement.fetchTreasury(network.client.rpc, data.treasury);
  assert.equal(treasury.data.fundedTotal, 100n * UNIT);
  assert.equal(treasury.data.network, network.address);
  assert.deepEqual([await typeOf(network.address), await typeOf(data.treasury)], ["Network", "Treasury"]);
});

test("the wallet of a node is read, and its closed node", async () => {
  const { client, address, admin } = network;
  const node = await network.registerNode("closed");
  await network.credit(node, 3n * UNIT);
  const { data } = await settlement.fetchNodeWallet(client.rpc, node.wallet);
  assert.deepEqual([data.creditedTotal, data.paidTotal, data.destination], [3n * UNIT, 0n, node.owner.address]);
  assert.equal(await typeOf(node.wallet), "NodeWallet");
  const payout = await settlement.getPayoutInstructionAsync({ network: address });
  const { nodeId, owner } = node;
  const close = { authority: admin, network: address, owner: owner.address, nodeId };
  await client.send(
    withEntries(payout, node.wallet, owner.address),
    await settlement.getCloseNodeInstructionAsync(close),
  );
  const closed = await settlement.fetchClosedNode(client.rpc, node.wallet);
  assert.deepEqual([closed.data.total, closed.data.network], [3n * UNIT, address]);
  assert.equal(await typeOf(node.wallet), "ClosedNode");
});

test("the events of batches are read from the log, and only those of the program itself", async () => {
  const node = await network.registerNode("logged");
  const signature = await network.credit(node, 2n * UNIT);
  const { meta } = await network.client.transaction(signature);
  const logs = meta?.logMessages ?? [];
  const [event, ...others] = loggedEvents(logs).map((bytes) => settlement.getBatchSettledDecoder().decode(bytes));
  assert.ok(event);
  assert.deepEqual([event.network, event.credited, event.n], [network.address, 2n * UNIT, 1]);
  assert.equal(others.length, 0);
  const elsewhere = logs.map((line) => line.replaceAll(settlement.SETTLEMENT_PROGRAM_ADDRESS, network.address));
  assert.deepEqual(loggedEvents(elsewhere), []);
  // A program that is called, such as a transfer hook, logs lines that look like the ends of calls.
  const [data] = logs.filter((line) => line.startsWith("Program data: "));
  assert.ok(data);
  const [own, other] = [settlement.SETTLEMENT_PROGRAM_ADDRESS, network.address];
  const text = ["invoke [2]", "failed", `${other} success`, `Program ${other} success`].map(
    (it) => `Program log: ${it}`,
  );
  const calls = [`Program ${own} invoke [1]`, `Program ${other} invoke [2]`];
  assert.deepEqual(loggedEvents([...calls, ...text, data, `Program ${other} success`, `Program ${own} success`]), []);
});

test("the events of other instructions are read from the program's calls to itself", async () => {
  const { client, address } = network;
  const { wallet, nodeId, owner, ...node } = await network.registerNode("self-called");
  await network.credit({ wallet, nodeId, owner, ...node }, 4n * UNIT);
  const withdraw = await settlement.getWithdrawInstructionAsync({
    owner,
    network: address,
    nodeId,
    destination: owner.address,
    amount: UNIT,
  });
  const transaction = await client.transaction(await client.send(withdraw));
  const [event, ...others] = selfCallEvents(transaction).map((bytes) => settlement.getWithdrawnDecoder().decode(bytes));
  assert.ok(event);
  assert.deepEqual([event.nodeWallet, event.amount, event.paidTotal], [wallet, UNIT, UNIT]);
  assert.equal(others.length, 0);
  assert.throws(() => settlement.getPaidOutDecoder().decode(selfCallEvents(transaction)[0]!));
});

test("a closed network is read", async () => {
  const { admin, client } = network;
  const { address: closing } = await network.another("closing");
  const accounts = { admin, network: closing, destination: admin.address };
  await client.send(await settlement.getCloseNetworkInstructionAsync(accounts));
  const closed = await settlement.fetchClosedNetwork(client.rpc, closing);
  assert.equal(closed.data.admin, admin.address);
  assert.equal(await typeOf(closing), "ClosedNetwork");
});
