import assert from "node:assert/strict";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { goldenConversations } from "../golden/parity.ts";
import { onSoftwareAdapter, testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { loadGolden } from "./golden_model.ts";

/** One folder for each way of attention that may share a beginning, and one that may not. */
for (const model of ["armo", "gemma2", "gpt_neox", "qwen3_5", "bert"]) {
  for (const backend of ["wasm", "cpu"] as const) {
    Deno.test(`the beginnings of a response to ${model} have the bits that each has alone (${backend})`, () =>
      checkBeginnings(model, { backend }));
  }
}

for (const { kernelSet, missing } of testedKernelSets) {
  // The tiled kernels take seconds to compile there; they follow the same spans, and were tried once.
  if (onSoftwareAdapter && kernelSet === "tiled") continue;
  testWhere(
    missing,
    `the beginnings of a response to armo have the bits that each has alone (${kernelSet})`,
    () => checkBeginnings("armo", { backend: "gpu", kernels: kernelSet }),
  );
}

async function checkBeginnings(model: string, options: LoadOptions): Promise<void> {
  const golden = await goldenConversations(model);
  const { messages } = golden.find(({ name }) => name === "system") ?? golden[0]!;
  const text = "A short answer, then a word more, and a last one: done.";
  const beginnings = Array.from({ length: 24 }, (_, i) => text.slice(0, text.length - 2 * i))
    .map((content) => [...messages.slice(0, -1), { role: "assistant", content }]);
  using apart = await loadGolden(model, { ...options, sharePrefixes: false, tokensPerPack: 1 });
  const reference = await apart.score(beginnings);
  for (const tokensPerPack of [4096, 128]) {
    using packed = await loadGolden(model, { ...options, tokensPerPack });
    assert.deepEqual(await packed.score(beginnings), reference);
    const { tokens, computedTokens } = await packed.state();
    const mayShare = model !== "qwen3_5" && model !== "bert";
    assert.ok(mayShare ? computedTokens < tokens / 3 : computedTokens === tokens);
  }
}
