import assert from "node:assert/strict";
import { runTarget } from "./driver.ts";
import { targets } from "./targets.ts";

/** The gate's seed; `deno task fuzz --seed` has the others. */
const seed = 1;
/** Milliseconds for a case: five times what the task gives, as a gate runs on machines that are busy. */
const patience = 10_000;

for (const [name, load] of Object.entries(targets)) {
  Deno.test(`mutated input of "${name}" gives a result or a coded error, soon`, async () => {
    const { gateCases } = await load();
    const { cases, outcomes, findings } = await runTarget({
      target: name,
      seed,
      cases: gateCases,
      patience,
    });
    assert.equal(cases, gateCases);
    // Mutations that all fail the first checks would try little.
    assert.ok(outcomes.size >= 2, `only ${[...outcomes.keys()]}`);
    const lines = findings.map(({ number, what, message, where }) =>
      `${what}: ${message} ${where} (deno task fuzz ${name} --seed ${seed} --case ${number})`
    );
    assert.deepEqual(lines, []);
  });
}
