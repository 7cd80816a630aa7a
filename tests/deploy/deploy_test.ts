/** What stands in `deploy/` names what there is: figures, flags, files. */
import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { workerMetrics } from "../../src/fleet/worker_metrics.ts";
import { captureOutput } from "../cli/captured_output.ts";
import { AskedServer } from "../server/asked_server.ts";
import { fakeIdentity } from "../server/fake_model.ts";

const folder = "deploy";

/** Names of figures, those of a histogram's parts too, with the labels of each. */
async function figures(): Promise<Map<string, ReadonlySet<string>>> {
  await using server = await AskedServer.ready();
  await server.post("/v1/score", { prompt: "a", response: "b" });
  const counts = { jobs: 0, rows: 0, failed: 0, conversations: 0, tokens: 0, seconds: 0 };
  const worker = await workerMetrics({ model: "m", identity: fakeIdentity, counts: () => counts });
  const text = (await server.ask("/metrics")).text + await worker.metrics();
  const found = new Map<string, Set<string>>();
  for (const [, name, labels] of text.matchAll(/^(assay_\w+)(?:\{(.*)\})? /gm)) {
    const known = found.get(name!) ?? new Set(["instance", "job"]);
    for (const [, label] of (labels ?? "").matchAll(/(\w+)="/g)) known.add(label!);
    found.set(name!, known);
  }
  return found;
}

Deno.test("the dashboard asks for figures and labels that there are", async () => {
  const dashboard = JSON.parse(await Deno.readTextFile(`${folder}/grafana/assay.json`));
  const known = await figures();
  const panels = dashboard.panels as { type: string; targets?: { expr: string }[] }[];
  const asked = panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr);
  assert.ok(asked.length > 20);
  const used = new Set<string>();
  for (const expr of asked) {
    const names = expr.match(/\bassay_\w+/g) ?? [];
    assert.ok(names.length > 0, expr);
    for (const name of names) {
      used.add(name);
      assert.ok(known.has(name), `${expr}: there is no ${name}`);
      for (const [, labels] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
        for (const label of labels!.split(/, ?/)) {
          assert.ok(known.get(name)!.has(label), `${expr}: ${name} has no label ${label}`);
        }
      }
    }
  }
  const unused = [...known.keys()].filter((name) =>
    !used.has(name) && !used.has(name.replace(/_(sum|count|bucket)$/, "_bucket")) &&
    !used.has(name.replace(/_(sum|count|bucket)$/, "_sum"))
  );
  assert.deepEqual(unused, [], "figures that the dashboard does not show");
});

/** Every text of a file that begins an argument: `--metrics=…`, `--host 0.0.0.0`. */
const flagsOf = (text: string) =>
  [...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);

Deno.test("commands in deploy/ have the flags that they are started with", async () => {
  const help = async (command: string) => {
    const { output, stdout } = captureOutput();
    await main([command, "--help"], output);
    return new Set(flagsOf(stdout()));
  };
  const known = { serve: await help("serve"), worker: await help("worker") };
  const started: [file: string, command: keyof typeof known, pattern: RegExp][] = [
    ["compose.yaml", "serve", /- serve\n((?: +- .*\n)+)/],
    ["compose.yaml", "worker", /\[worker, (.*)\]/],
    ["kubernetes/server.yaml", "serve", /- serve\n((?: +- .*\n)+)/],
    ["kubernetes/worker.yaml", "worker", /\[worker, (.*)\]/],
    ["systemd/assay-serve.service", "serve", / serve (.*)/],
    ["systemd/assay-worker.service", "worker", / worker (\$.*)/],
  ];
  for (const [file, command, pattern] of started) {
    const found = pattern.exec(await Deno.readTextFile(`${folder}/${file}`))?.[1];
    assert.ok(found !== undefined, `${file} starts no ${command}`);
    const flags = flagsOf(found);
    assert.ok(flags.length > 0, file);
    for (const flag of flags) assert.ok(known[command].has(flag), `${file}: ${command} ${flag}`);
  }
});

Deno.test("containers may ask for the variables that commands read, and run the Deno that is tested", async () => {
  const file = await Deno.readTextFile(`${folder}/Containerfile`);
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  const wanted = /--allow-env=([\w,]+)/.exec(tasks.assay.command)![1]!.split(",");
  const granted = new Set(/--allow-env=([\w,]+)/.exec(file)![1]!.split(","));
  const own = /^(LP_NATIVE_VECTOR_WIDTH|MESA_SHADER_CACHE_DIR|ASSAY_PROCESSOR)$/; // of a software adapter
  assert.deepEqual(wanted.filter((name) => !granted.has(name) && !own.test(name)), []);
  const version = /DENO_VERSION=([\d.]+)/.exec(file)![1]!;
  assert.match(
    await Deno.readTextFile(".ci/run"),
    new RegExp(`deno@${version.replaceAll(".", "\\.")}`),
  );
});
