// Finds the events of the settlement program in a transaction, as bytes for the decoders that Codama generates:
//
//   const transaction = await rpc.getTransaction(signature, { encoding: "json", maxSupportedTransactionVersion: 0 }).send();
//   loggedEvents(transaction.meta.logMessages).map((bytes) => getBatchSettledDecoder().decode(bytes));
import { type Address, type Base58EncodedBytes, getBase58Encoder, getBase64Encoder } from "@solana/kit";
import { SETTLEMENT_PROGRAM_ADDRESS } from "./generated/index.ts";

/** The bytes before an event in the data of a self-call. */
const EVENT_TAG = "e445a52e51cb9a1d";

/** The events that `credit` and `settle` log. Other programs of the transaction may log the same text, so it matters whose it is. */
export function loggedEvents(logs: readonly string[]): Uint8Array[] {
  const events: Uint8Array[] = [];
  const running: string[] = [];
  for (const line of logs) {
    const [, program, invoked] = /^Program (\w+) (?:(invoke) \[\d+\]|success|failed.*)$/.exec(line) ?? [];
    const data = /^Program data: (\S+)$/.exec(line)?.[1];
    if (program && invoked) {
      running.push(program);
    } else if (program) {
      running.pop();
    } else if (data && running.at(-1) === SETTLEMENT_PROGRAM_ADDRESS) {
      events.push(new Uint8Array(getBase64Encoder().encode(data)));
    }
  }
  return events;
}

/** The parts of a transaction in the encoding "json" that have the events of all other instructions. */
export interface InnerInstructions {
  transaction: { message: { accountKeys: readonly Address[] } };
  meta: {
    innerInstructions?:
      readonly { instructions: readonly { programIdIndex: number; data: Base58EncodedBytes }[] }[] | null;
  } | null;
}

/** The events in the data of the program's calls to itself. The program is never in a lookup table, so its key is listed. */
export function selfCallEvents({ transaction, meta }: InnerInstructions): Uint8Array[] {
  return (meta?.innerInstructions ?? [])
    .flatMap(({ instructions }) => instructions)
    .filter(({ programIdIndex }) => transaction.message.accountKeys[programIdIndex] === SETTLEMENT_PROGRAM_ADDRESS)
    .map(({ data }) => new Uint8Array(getBase58Encoder().encode(data)))
    .filter((bytes) => Buffer.from(bytes.subarray(0, 8)).toString("hex") === EVENT_TAG)
    .map((bytes) => bytes.subarray(8));
}
