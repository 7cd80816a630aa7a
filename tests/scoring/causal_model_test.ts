import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { CausalModel } from "../../src/scoring/causal_model.ts";
import { gpuTest } from "../adapter.ts";
import { largestDifference } from "../fitting/golden.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";
import { causalFolder, golden, type GoldenCase } from "./causal_folder.ts";

async function assertParity(backend: "cpu" | "gpu", of: GoldenCase): Promise<void> {
  using files = await causalFolder(of);
  using model = await CausalModel.load(files.folder, { backend });
  const messages = new Map(
    (await goldenConversations(of.model)).map((one) => [one.name, one.messages]),
  );
  const outcomes = await Array.fromAsync(model.logProbabilities(
    of.conversations.map(({ name }) => messages.get(name)!),
  ));
  of.conversations.forEach(({ name, log_probabilities }, i) => {
    const { result } = outcomes[i]!;
    if (result instanceof AssayError) throw result;
    const difference = largestDifference(result, log_probabilities);
    assert.ok(difference < 1e-4, `${name}: ${difference}, ${result.length} tokens`);
  });
}

for (const of of golden) {
  const head = of.seed === null ? "the embedding" : `output matrix ${of.seed}`;
  Deno.test(`logProbabilities() equals transformers: ${of.model} with ${head}`, async () => {
    await assertParity("cpu", of);
  });
}

gpuTest("logProbabilities() equals transformers on the GPU", async () => {
  for (const of of [golden[0]!, ...golden.slice(-2)]) await assertParity("gpu", of);
});

Deno.test("an empty response is an error in its place, and other conversations are not touched", async () => {
  using files = await causalFolder(golden[0]!);
  using model = await CausalModel.load(files.folder, { backend: "cpu" });
  const user = { role: "user", content: "Hi" };
  const [empty, full] = await Array.fromAsync(model.logProbabilities([
    [user, { role: "assistant", content: "" }],
    [user, { role: "assistant", content: "Hello." }],
  ]));
  assert.ok(empty!.result instanceof AssayError && empty!.result.code === "scoring/no-response");
  assert.ok(full!.result instanceof Float64Array && full!.result.length > 1);
});

Deno.test("a model without an output matrix is refused", async () => {
  await assert.rejects(
    CausalModel.load(parityFolder("llama"), { backend: "cpu" }),
    (error) => error instanceof AssayError && error.code === "models/no-language-head",
  );
});
