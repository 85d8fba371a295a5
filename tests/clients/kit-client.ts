/** Sends transactions with Solana's kit. */

import {
  type Instruction,
  type Signature,
  type TransactionSigner,
  appendTransactionMessageInstructions,
  assertIsTransactionWithBlockhashLifetime,
  createSolanaRpc,
  createSolanaRpcSubscriptions,
  createTransactionMessage,
  getSignatureFromTransaction,
  pipe,
  sendAndConfirmTransactionFactory,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
} from "@solana/kit";

const commitment = "confirmed";

export class KitClient {
  readonly rpc: ReturnType<typeof createSolanaRpc>;
  readonly #payer: TransactionSigner;
  readonly #confirm: ReturnType<typeof sendAndConfirmTransactionFactory>;

  constructor(url: string, wsUrl: string, payer: TransactionSigner) {
    this.rpc = createSolanaRpc(url);
    this.#payer = payer;
    const rpcSubscriptions = createSolanaRpcSubscriptions(wsUrl);
    this.#confirm = sendAndConfirmTransactionFactory({ rpc: this.rpc, rpcSubscriptions });
  }

  /** Sends instructions in one transaction, and returns its signature once it is confirmed. */
  async send(...instructions: Instruction[]): Promise<Signature> {
    const { value: blockhash } = await this.rpc.getLatestBlockhash({ commitment }).send();
    const message = pipe(
      createTransactionMessage({ version: 0 }),
      (message) => setTransactionMessageFeePayerSigner(this.#payer, message),
      (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
      (message) => appendTransactionMessageInstructions(instructions, message),
    );
    const transaction = await signTransactionMessageWithSigners(message);
    assertIsTransactionWithBlockhashLifetime(transaction);
    await this.#confirm(transaction, { commitment });
    return getSignatureFromTransaction(transaction);
  }

  async transaction(signature: Signature) {
    const options = { commitment, encoding: "json", maxSupportedTransactionVersion: 0 } as const;
    const transaction = await this.rpc.getTransaction(signature, options).send();
    if (!transaction) {
      throw new Error(`transaction ${signature} not found`);
    }
    return transaction;
  }

  async lamports(account: Parameters<typeof this.rpc.getBalance>[0]): Promise<bigint> {
    return (await this.rpc.getBalance(account, { commitment }).send()).value;
  }
}
