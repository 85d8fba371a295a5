/** Runs the project's local network with the settlement program. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { env } from "node:process";
import idl from "../../programs/settlement/idl/settlement.json" with { type: "json" };

/** Slot time in milliseconds. Short, because clients poll for confirmations once per slot. */
const SLOT_MS = 50;

export interface Localnet {
  /** URL of the JSON-RPC API. */
  url: string;
  /** URL of the WebSocket subscriptions. */
  wsUrl: string;
  stop(): Promise<void>;
}

/** Starts a network on free ports. Each address in `funded` receives 1000 SOL. */
export async function startLocalnet(funded: string[]): Promise<Localnet> {
  const { WILLIW_LOCALNET: command = "williw-localnet", WILLIW_LOCALNET_ARGS: extra = "", WILLIW_PROGRAM_SO } = env;
  if (!WILLIW_PROGRAM_SO) {
    throw new Error("WILLIW_PROGRAM_SO is not set: run toolchain/test-clients.sh");
  }
  const args = ["--rpc-port", "0", "--ws-port", "0", "--slot-ms", `${SLOT_MS}`, "--exit-with-parent"];
  args.push("--program", `${idl.address}=${WILLIW_PROGRAM_SO}`);
  args.push(...funded.flatMap((address) => ["--airdrop", `${address}=1000000000000`]));
  args.push(...extra.split(" ").filter(Boolean));
  const process = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [url, wsUrl] = await ready(process);
  return {
    url,
    wsUrl,
    async stop() {
      process.kill();
      await once(process, "exit");
    },
  };
}

/** Waits for the line "ready URL WEBSOCKET_URL". */
async function ready(process: ChildProcess): Promise<[string, string]> {
  for await (const line of createInterface({ input: process.stdout! })) {
    const [word, url, wsUrl] = line.split(" ");
    if (word === "ready" && url && wsUrl) {
      return [url, wsUrl];
    }
  }
  throw new Error(`the localnet exited with code ${process.exitCode}`);
}
