import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { planBackbone } from "../../src/models/families.ts";
import { parityFolder, parityModels } from "../golden/parity.ts";

/** A config that claims more layers than a list of their tensors could name. */
function swollen(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { text_config: text } = config;
  if (typeof text === "object" && text !== null) {
    return { ...config, text_config: swollen({ ...text }) };
  }
  return { ...config, num_hidden_layers: 2 ** 31 - 1, layer_types: null };
}

Deno.test("no family lists the tensors of more layers than there can be", async () => {
  for (const model of parityModels) {
    using checkpoint = await Checkpoint.open(parityFolder(model));
    const { config, tensors } = checkpoint;
    assert.throws(
      () => planBackbone({ name: model, config: swollen(config), tensors }, () => {}),
      { code: "checkpoint/bad-config", message: /num_hidden_layers.*at most 1024/ },
      model,
    );
  }
});
