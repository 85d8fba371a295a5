/** Prints the results of `node --test` per file, in the format of cargo's test harness, which `make test` adds up. */

import { relative } from "node:path";
import { inspect } from "node:util";
import type { TestEvent } from "node:test/reporters";

interface Suite {
  passed: number;
  failed: number;
  skipped: number;
  milliseconds: number;
  lines: string[];
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const suites = new Map<string, Suite>();
  for await (const event of events) {
    if (event.type === "test:stderr" || event.type === "test:stdout") {
      yield event.data.message;
    }
    if ((event.type !== "test:pass" && event.type !== "test:fail") || event.data.nesting > 0) {
      continue;
    }
    const { file = "unknown", name, skip, details } = event.data;
    const suite = suites.get(file) ?? { passed: 0, failed: 0, skipped: 0, milliseconds: 0, lines: [] };
    suites.set(file, suite);
    suite.milliseconds += details.duration_ms;
    if (event.type === "test:fail") {
      suite.failed += 1;
      suite.lines.push(`test ${name} ... FAILED`, inspect(event.data.details.error.cause ?? event.data.details.error));
    } else if (skip) {
      suite.skipped += 1;
      suite.lines.push(`test ${name} ... ignored`);
    } else {
      suite.passed += 1;
      suite.lines.push(`test ${name} ... ok`);
    }
  }
  for (const [file, { passed, failed, skipped, milliseconds, lines }] of suites) {
    yield `     Running ${relative(process.cwd(), file)} (node)\n\n${lines.join("\n")}\n\n`;
    yield `test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; ${skipped} ignored; `;
    yield `0 measured; 0 filtered out; finished in ${(milliseconds / 1000).toFixed(2)}s\n\n`;
  }
}
