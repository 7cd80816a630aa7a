/** The bundled module in Node and in Bun: no flag, the checkpoints by their paths. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run } from "../../tools/command.ts";
import { testWhere } from "../requirement.ts";
import { assertAsDeno, assertGolden, bundledTasks, repository } from "./bundled_tasks.ts";
import { findRuntime, type Runtime } from "./runtimes.ts";
import type { Report, Task } from "./score_models.ts";

/** Has a runtime do some tasks. */
async function doTasks({ program }: Runtime, tasks: readonly Task[]): Promise<Report> {
  const bundle = await bundledTasks();
  const folder = await Deno.makeTempDir();
  try {
    const module = join(folder, "score_models.mjs");
    await Deno.writeTextFile(module, bundle.program);
    await Deno.writeTextFile(join(folder, "tasks.json"), JSON.stringify(tasks));
    const main = join(folder, "main.mjs");
    await Deno.writeTextFile(
      main,
      `import { readFile } from "node:fs/promises";
import { scoreModels } from ${JSON.stringify(pathToFileURL(module).href)};
const tasks = JSON.parse(await readFile(new URL("tasks.json", import.meta.url), "utf8"));
console.log(JSON.stringify(await scoreModels(${JSON.stringify(repository)}, tasks)));
`,
    );
    const { ok, output } = await run(program!, [main]);
    assert.ok(ok, output);
    return JSON.parse(output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const node = await findRuntime("node", 20);
const bun = await findRuntime("bun", 1);

testWhere(node.missing, "Node scores as the reference, and as Deno, with threads", async () => {
  const { tasks } = await bundledTasks();
  const report = await doTasks(node, tasks);
  assert.equal(report.helpers, 1);
  await assertGolden(report, tasks);
  await assertAsDeno(report, tasks);
});

testWhere(bun.missing, "Bun scores as the reference, and as Deno, with threads", async () => {
  const tasks = (await bundledTasks()).tasks.filter((_, i) => i % 2 === 0);
  const report = await doTasks(bun, tasks);
  assert.equal(report.helpers, 1);
  await assertGolden(report, tasks);
  await assertAsDeno(report, tasks);
});
