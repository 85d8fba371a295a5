// Prints a node's balance and withdraws all of it to the node's destination.
//
//   npm install && npx codama run js      # once, in this folder: generates the client in generated/
//   npx tsx withdraw.ts NETWORK_ADDRESS NODE_ID OWNER_KEYPAIR.json [RPC_URL WEBSOCKET_URL]
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import {
  address,
  appendTransactionMessageInstruction,
  assertIsTransactionWithBlockhashLifetime,
  createKeyPairSignerFromBytes,
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
import { fetchNetwork, fetchNodeWallet, findNodeWalletPda, getWithdrawInstructionAsync } from "./generated/index.ts";

const [networkArg, node, keypairFile, rpcUrl = "http://127.0.0.1:8899", webSocketUrl = "ws://127.0.0.1:8900"] =
  argv.slice(2);
if (!networkArg || !node || !keypairFile) {
  throw new Error("usage: withdraw.ts NETWORK_ADDRESS NODE_ID OWNER_KEYPAIR.json [RPC_URL WEBSOCKET_URL]");
}
const rpc = createSolanaRpc(rpcUrl);
const rpcSubscriptions = createSolanaRpcSubscriptions(webSocketUrl);
const owner = await createKeyPairSignerFromBytes(new Uint8Array(JSON.parse(readFileSync(keypairFile, "utf8"))));
const network = address(networkArg);

const nodeId = createHash("sha256").update(`williw-node-v1\0${node}`).digest();
const [wallet] = await findNodeWalletPda({ network, nodeId, owner: owner.address });
const { creditedTotal, paidTotal, destination } = (await fetchNodeWallet(rpc, wallet)).data;
console.log(`credited ${creditedTotal}, paid ${paidTotal}, pending ${creditedTotal - paidTotal}`);

// In a network that pays in SOL, the accounts for tokens are absent.
const { assetKind, mint, tokenProgram, treasuryTokenAccount } = (await fetchNetwork(rpc, network)).data;
const tokens = assetKind === 0 ? {} : { mint, tokenProgram, treasuryTokenAccount };
const withdraw = await getWithdrawInstructionAsync({ owner, network, nodeId, destination, amount: null, ...tokens });

const { value: blockhash } = await rpc.getLatestBlockhash().send();
const message = pipe(
  createTransactionMessage({ version: 0 }),
  (message) => setTransactionMessageFeePayerSigner(owner, message),
  (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
  (message) => appendTransactionMessageInstruction(withdraw, message),
);
const transaction = await signTransactionMessageWithSigners(message);
assertIsTransactionWithBlockhashLifetime(transaction);
await sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions })(transaction, { commitment: "confirmed" });
console.log(`withdrawn in transaction ${getSignatureFromTransaction(transaction)}`);
