/** Builds and sends instructions with nothing but Anchor's client and the committed IDL. */

import { AnchorProvider, type Idl, Program, Wallet, convertIdlToCamelCase, utils, web3 } from "@anchor-lang/core";
import idlJson from "../../programs/settlement/idl/settlement.json" with { type: "json" };

export const idl = convertIdlToCamelCase(idlJson as unknown as Idl);

export interface Call {
  args?: unknown[];
  /** Accounts that Anchor's client can't find itself. Null for an optional account that is absent. */
  accounts?: Record<string, web3.PublicKey | null>;
  /** Signers by the name of their account. */
  signers?: Record<string, web3.Keypair>;
  remaining?: web3.AccountMeta[];
}

export class AnchorClient {
  readonly provider: AnchorProvider;
  readonly program: Program;
  /** For each instruction sent: the accounts that were passed besides signers, the network and absent accounts. */
  readonly passed = new Map<string, Set<string>>();

  constructor(url: string, wsUrl: string, wallet: web3.Keypair) {
    const connection = new web3.Connection(url, { commitment: "confirmed", wsEndpoint: wsUrl });
    this.provider = new AnchorProvider(connection, new Wallet(wallet), { commitment: "confirmed" });
    this.program = new Program(idl, this.provider);
  }

  /** Sends an instruction, and returns the transaction's signature once it is confirmed. */
  async send(name: string, { args = [], accounts = {}, signers = {}, remaining = [] }: Call): Promise<string> {
    const passed = this.passed.get(name) ?? new Set();
    this.passed.set(name, passed);
    const signerKeys = Object.fromEntries(Object.entries(signers).map(([role, key]) => [role, key.publicKey]));
    const build = (given: Call["accounts"]) =>
      this.program.methods[name]!(...args)
        .accounts({ ...given, ...signerKeys } as never)
        .remainingAccounts(remaining)
        .signers(Object.values(signers));
    for (const [account, key] of Object.entries(accounts)) {
      if (key === null || account === "network") {
        continue;
      }
      const { [account]: _, ...others } = accounts;
      const found = await build(others)
        .pubkeys()
        .catch(() => ({}));
      if ((found as Record<string, web3.PublicKey | undefined>)[account]?.equals(key)) {
        throw new Error(`${name}: Anchor's client finds '${account}' itself`);
      }
      passed.add(account);
    }
    return await build(accounts).rpc();
  }

  /** Data of the inner instructions by which the program called itself in a transaction. */
  async selfCalls(signature: string): Promise<Buffer[]> {
    const transaction = await this.transaction(signature);
    const keys = transaction.transaction.message.getAccountKeys();
    return (transaction.meta?.innerInstructions ?? [])
      .flatMap(({ instructions }) => instructions)
      .filter(({ programIdIndex }) => keys.get(programIdIndex)?.equals(this.program.programId))
      .map(({ data }) => Buffer.from(utils.bytes.bs58.decode(data)));
  }

  async transaction(signature: string): Promise<web3.VersionedTransactionResponse> {
    const options = { commitment: "confirmed", maxSupportedTransactionVersion: 0 } as const;
    const transaction = await this.provider.connection.getTransaction(signature, options);
    if (!transaction) {
      throw new Error(`transaction ${signature} not found`);
    }
    return transaction;
  }
}
