import { type Conversation, RewardModel, RewardModelWorker } from "@assay/assay";
import type { Findings, Place } from "./program.ts";

const ask = (content: string, answer: string): Conversation => [
  { role: "user", content },
  { role: "assistant", content: answer },
];
const conversations: readonly Conversation[] = [
  ask("How much is 2+2?", "4"),
  ask("How much is 2+2?", "Five, I think. Or was it three?"),
  ask("What is the capital of Australia?", "Canberra, since 1908: neither Sydney nor Melbourne."),
];

/** Scores by both engines that need no GPU, and in a worker. */
export default async function ({ repository }: Place): Promise<Findings> {
  const folder = `${repository}/models/demo`;
  const findings: Record<string, unknown> = {};
  for (const backend of ["wasm", "cpu"] as const) {
    using model = await RewardModel.load(folder, { backend });
    // The twins are slow: one conversation must do.
    const some = backend === "cpu" ? conversations.slice(0, 1) : conversations;
    findings[backend] = (await model.score(some)).map(({ score }) => score);
  }
  using model = await RewardModelWorker.load(folder, { backend: "wasm" });
  const inWorker = (await model.score(conversations)).map(({ score }) => score);
  findings["worker as wasm"] = String(inWorker) === String(findings.wasm);
  return findings;
}
