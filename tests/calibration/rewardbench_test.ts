import assert from "node:assert/strict";
import {
  calibrationMethods,
  readExpected,
  readScores,
  type SetAccuracies,
  tableRows,
  windowFacts,
} from "../../bench/calibration_rewardbench.ts";
import { testWhere } from "../requirement.ts";

const folder = new URL("../../../shared/data/rewardbench_scores/", import.meta.url);
const missing = await Deno.stat(folder).then(() => undefined, () => "../shared is absent");

testWhere(
  missing,
  "calibration of four reward models on RewardBench equals statsmodels",
  async () => {
    const expected = await readExpected(folder);
    const scores = await readScores(folder);
    assert.deepEqual([...scores.keys()].sort(), Object.keys(expected).sort());
    let compared = 0;
    for (const [model, pairs] of scores) {
      const reference = expected[model]!;
      const digits = (value: unknown, places: number) => Number(value).toFixed(places);
      for (const row of tableRows(model, pairs)) {
        const accuracy = reference[row.method] as SetAccuracies;
        for (const set of ["LLMBar", "HEP", "all"] as const) {
          assert.equal(
            digits(row[set], 2),
            digits(accuracy[set], 2),
            `${model} ${row.method} ${set}`,
          );
        }
        compared++;
        const correlation = row.method === "orig"
          ? reference["spearman_len"]
          : reference[`${row.method} spearman`];
        if (correlation === undefined) continue; // not given for the window means
        assert.equal(digits(row.spearman, 4), digits(correlation, 4), `${model} ${row.method}`);
        compared++;
      }
      const { d, skipped } = windowFacts(pairs);
      assert.equal(digits(d, 4), digits(reference["d"], 4));
      assert.equal(skipped, reference["rc_mean_skipped"]);
      // Every entry of the file was looked at: methods, their correlations, d, the skipped pairs.
      const methods = 1 + Object.keys(calibrationMethods).length;
      const correlations = Object.keys(reference).filter((key) => key.includes("spearman")).length;
      assert.equal(Object.keys(reference).length, methods + correlations + 2);
    }
    assert.equal(compared, 4 * (6 + 4));
  },
);
