/** A network on a localnet, created by the client that Codama generates. */

import {
  AccountRole,
  type Address,
  type Instruction,
  type KeyPairSigner,
  type Signature,
  generateKeyPairSigner,
} from "@solana/kit";
import { createHash, webcrypto } from "node:crypto";
import * as settlement from "../../examples/generated/index.ts";
import { KitClient } from "./kit-client.ts";
import { type Localnet, startLocalnet } from "./localnet.ts";

/** A tenth of a SOL in lamports. */
export const UNIT = 100_000_000n;

export const writable = (address: Address) => ({ address, role: AccountRole.WRITABLE });

/** An instruction with the accounts of a batch's entries. */
export const withEntries = <T extends Instruction>(instruction: T, ...entries: Address[]): Instruction => ({
  ...instruction,
  accounts: [...(instruction.accounts ?? []), ...entries.map(writable)],
});

export interface Node {
  /** The node's id in the ledger. */
  name: string;
  /** The node's id on chain. */
  nodeId: Uint8Array;
  owner: KeyPairSigner;
  wallet: Address;
}

/** The accounts by which a network that pays in tokens is created. */
export type Tokens = Pick<
  settlement.CreateNetworkAsyncInput,
  "mint" | "tokenProgram" | "treasuryTokenAccount" | "associatedTokenProgram"
>;

export class TestNetwork {
  readonly address: Address;
  /** Admin, settler and guardian of the network, and payer of all fees. */
  readonly admin: KeyPairSigner;
  readonly client: KitClient;

  private constructor(address: Address, admin: KeyPairSigner, client: KitClient) {
    this.address = address;
    this.admin = admin;
    this.client = client;
  }

  /** Starts a localnet with funded accounts, and creates a network that pays in SOL and whose treasury has 10 SOL. */
  static async start(...funded: string[]): Promise<{ localnet: Localnet; network: TestNetwork }> {
    const admin = await generateKeyPairSigner();
    const localnet = await startLocalnet([admin.address, ...funded]);
    const client = new KitClient(localnet.url, localnet.wsUrl, admin);
    const network = await createNetwork(client, admin, "first");
    const amount = 100n * UNIT;
    await client.send(
      await settlement.getFundInstructionAsync({ funder: admin, admin: admin.address, network, amount }),
    );
    return { localnet, network: new TestNetwork(network, admin, client) };
  }

  /** Creates another network of the same admin, without funds. */
  async another(name: string, tokens: Tokens = {}): Promise<TestNetwork> {
    return new TestNetwork(await createNetwork(this.client, this.admin, name, tokens), this.admin, this.client);
  }

  async registerNode(name: string, owner?: KeyPairSigner): Promise<Node> {
    owner ??= await generateKeyPairSigner();
    const nodeId = new Uint8Array(createHash("sha256").update(`williw-node-v1\0${name}`).digest());
    const register = await settlement.getRegisterNodeInstructionAsync({
      authority: this.admin,
      payer: this.admin,
      network: this.address,
      nodeId,
      owner: owner.address,
      destination: null,
      threshold: null,
    });
    await this.client.send(register);
    const [wallet] = await settlement.findNodeWalletPda({ network: this.address, nodeId, owner: owner.address });
    return { name, nodeId, owner, wallet };
  }

  /** Credits a node up to `total` lamports. */
  async credit({ wallet }: Node, total: bigint): Promise<Signature> {
    const batch = { batchId: 1n, recordsRoot: webcrypto.getRandomValues(new Uint8Array(32)) };
    const credit = await settlement.getCreditInstructionAsync({
      settler: this.admin,
      network: this.address,
      batch,
      targets: [total],
    });
    return await this.client.send(withEntries(credit, wallet));
  }

  /** Pays out all that a node is owed. */
  async payOut({ wallet, owner }: Node): Promise<Signature> {
    const payout = await settlement.getPayoutInstructionAsync({ network: this.address });
    return await this.client.send(withEntries(payout, wallet, owner.address));
  }
}

/** Creates a network whose settler and guardian is its admin. */
async function createNetwork(
  client: KitClient,
  admin: KeyPairSigner,
  name: string,
  tokens: Tokens = {},
): Promise<Address> {
  const id = new Uint8Array(32);
  new TextEncoder().encodeInto(name, id);
  const create = await settlement.getCreateNetworkInstructionAsync({
    admin,
    id,
    settler: admin.address,
    guardian: admin.address,
    defaultThreshold: UNIT,
    perNodeCap: 100n * UNIT,
    perBatchCap: 100n * UNIT,
    windowLimit: 100n * UNIT,
    windowSeconds: 3600n,
    maxPendingAge: 86_400n,
    maxPauseSeconds: 3600n,
    ...tokens,
  });
  await client.send(create);
  return (await settlement.findNetworkPda({ creator: admin.address, id }))[0];
}
