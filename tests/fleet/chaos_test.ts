import assert from "node:assert/strict";
import { chaos } from "../../bench/fleet/chaos.ts";
import { chaosRows } from "../../bench/fleet/chaos_rows.ts";
import { missingNatsServer } from "../../bench/fleet/nats_server.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { writeRowFile } from "../../src/data/write_rows.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { testWhere } from "../requirement.ts";

testWhere(
  missingNatsServer,
  "a fleet to which things happen writes the bytes of one machine",
  async () => {
    const folder = await Deno.makeTempDir();
    const [input, alone, output] = ["in", "alone", "fleet"].map((name) =>
      `${folder}/${name}.jsonl`
    ) as [string, string, string];
    const rows = 360;
    await Deno.writeTextFile(input, chaosRows(rows));
    const writer = await writeRowFile(alone);
    using model = await RewardModel.load("models/demo", { backend: "wasm", threads: 1 });
    for await (const { row } of scoreRows(readRows(input), model)) await writer.write(row);
    await writer.close();
    const events: string[] = [];
    await chaos({
      seed: 3,
      workers: 3,
      events: 8,
      input,
      rows,
      jobRows: 12,
      patience: 2,
      output,
      onEvent: (what) => events.push(what),
    });
    const text = (path: string) => Deno.readTextFile(path);
    assert.equal(await text(output), await text(alone), events.join("; "));
    await Deno.remove(folder, { recursive: true });
  },
);
