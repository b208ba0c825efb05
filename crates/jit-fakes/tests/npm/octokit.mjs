// Octokit's side of tests/octokit.rs: its examples, its signatures, its judgement of signatures.
// Not in it: any comparison; the test makes them all.
//
// `examples` reads a secret and prints one line for each workflow_job example: {"action", "payload", "signature"}.
// `verify` reads lines {"secret", "payload", "signature"} and prints true or false for each.
// Payloads are base64, so that no line break or encoding between two programs can change a byte.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { sign, verify } from "@octokit/webhooks-methods";

const input = readFileSync(0, "utf8");

async function examples(secret) {
  const events = createRequire(import.meta.url)("@octokit/webhooks-examples");
  for (const example of events.find((event) => event.name === "workflow_job").examples) {
    const payload = JSON.stringify(example);
    const line = { action: example.action, payload: Buffer.from(payload).toString("base64") };
    console.log(JSON.stringify({ ...line, signature: await sign(secret, payload) }));
  }
}

async function judge(lines) {
  for (const line of lines) {
    const { secret, payload, signature } = JSON.parse(line);
    console.log(await verify(secret, Buffer.from(payload, "base64").toString("utf8"), signature));
  }
}

switch (process.argv[2]) {
  case "examples":
    await examples(input.trim());
    break;
  case "verify":
    await judge(input.split("\n").filter((line) => line !== ""));
    break;
  default:
    throw new Error("usage: octokit.mjs examples|verify");
}
