/** The few instructions of the token programs that the tests need, so that they need no other packages. */

import { type AnchorProvider, web3 } from "@anchor-lang/core";
import { Buffer } from "node:buffer";

export const TOKEN_PROGRAM = new web3.PublicKey("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
export const ASSOCIATED_TOKEN_PROGRAM = new web3.PublicKey("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

const MINT_SIZE = 82;
const INITIALIZE_MINT_2 = 20;
const MINT_TO = 7;
const CREATE_IDEMPOTENT = 1;

const writable = (pubkey: web3.PublicKey, isSigner = false) => ({ pubkey, isSigner, isWritable: true });
const readonly = (pubkey: web3.PublicKey, isSigner = false) => ({ pubkey, isSigner, isWritable: false });

export function associatedTokenAccount(mint: web3.PublicKey, owner: web3.PublicKey): web3.PublicKey {
  const seeds = [owner, TOKEN_PROGRAM, mint].map((key) => key.toBuffer());
  return web3.PublicKey.findProgramAddressSync(seeds, ASSOCIATED_TOKEN_PROGRAM)[0];
}

/** Creates a mint without decimals whose authority is the provider's wallet. */
export async function createMint(provider: AnchorProvider): Promise<web3.PublicKey> {
  const mint = web3.Keypair.generate();
  const authority = provider.publicKey;
  const create = web3.SystemProgram.createAccount({
    fromPubkey: authority,
    newAccountPubkey: mint.publicKey,
    lamports: await provider.connection.getMinimumBalanceForRentExemption(MINT_SIZE),
    space: MINT_SIZE,
    programId: TOKEN_PROGRAM,
  });
  const initialize = new web3.TransactionInstruction({
    programId: TOKEN_PROGRAM,
    keys: [writable(mint.publicKey)],
    data: Buffer.concat([Buffer.from([INITIALIZE_MINT_2, 0]), authority.toBuffer(), Buffer.from([0])]),
  });
  await provider.sendAndConfirm(new web3.Transaction().add(create, initialize), [mint]);
  return mint.publicKey;
}

/** Creates the owner's associated token account, which may be a program's address, and mints tokens to it. */
export async function mintTo(
  provider: AnchorProvider,
  mint: web3.PublicKey,
  owner: web3.PublicKey,
  amount: bigint,
): Promise<web3.PublicKey> {
  const account = associatedTokenAccount(mint, owner);
  const create = new web3.TransactionInstruction({
    programId: ASSOCIATED_TOKEN_PROGRAM,
    keys: [
      writable(provider.publicKey, true),
      writable(account),
      readonly(owner),
      readonly(mint),
      readonly(web3.SystemProgram.programId),
      readonly(TOKEN_PROGRAM),
    ],
    data: Buffer.from([CREATE_IDEMPOTENT]),
  });
  const data = Buffer.alloc(9);
  data.writeUInt8(MINT_TO);
  data.writeBigUInt64LE(amount, 1);
  const mintTokens = new web3.TransactionInstruction({
    programId: TOKEN_PROGRAM,
    keys: [writable(mint), writable(account), readonly(provider.publicKey, true)],
    data,
  });
  await provider.sendAndConfirm(new web3.Transaction().add(create, mintTokens));
  return account;
}
