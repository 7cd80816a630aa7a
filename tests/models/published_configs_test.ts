import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { families, planBackbone } from "../../src/models/families.ts";

/** Configs of published models with the keys that they were published with; see the golden README. */
const configs = JSON.parse(
  await Deno.readTextFile(
    new URL("../golden/settings/published_configs.json", import.meta.url),
  ),
) as Record<string, Record<string, unknown>>;

const types = families.map(({ modelType }) => modelType);

for (const [name, config] of Object.entries(configs)) {
  const runs = types.includes(config.model_type as string);
  Deno.test(`the config of ${name} is ${runs ? "read without a warning" : "refused by its type"}`, () => {
    const plan = () =>
      planBackbone({ name, config, tensors: new Map() }, (message) => assert.fail(message));
    if (runs) {
      try {
        return void plan();
      } catch (error) {
        // The experts are looked for when the config has been read.
        if (error instanceof AssayError && error.code === "models/missing-experts") return;
        throw error;
      }
    }
    assert.throws(
      plan,
      (error) => error instanceof AssayError && error.code === "models/unsupported-architecture",
    );
  });
}
