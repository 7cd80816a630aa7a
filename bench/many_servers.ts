/**
 * Two servers of one thread each, and one process with two: rows a second, in turns on one machine.
 *
 * deno run --allow-all bench/many_servers.ts [--rows 600] [--rounds 5] [--shard-tokens 4096,2048]
 *
 * The rows are random words, several to a prompt; both ways get the same ones, with their models loaded,
 * and every round holds their outputs against each other. The process that asks the servers runs beside
 * them on the same cores, and is paid for by them.
 *
 * @module
 */
import { stringifyJson } from "../src/data/json_text.ts";
import type { Row } from "../src/data/rows.ts";
import { scoreByServers } from "../src/fleet/score_by_servers.ts";
import { seededRandom } from "../src/numbers/seeded_random.ts";
import { RewardModel } from "../src/scoring/reward_model.ts";
import { rowsInMemory } from "../src/tasks/repeatable_rows.ts";
import { type ScoredRow, scoreRows } from "../src/tasks/score/score_rows.ts";
import { formatSpread, median, spread } from "./statistics.ts";

const model = "models/demo";
const words = "the a of rain tree sum two three proof answer because function value river stone"
  .split(" ");

function option(name: string): string | undefined {
  const place = Deno.args.indexOf(name);
  return place === -1 ? undefined : Deno.args[place + 1];
}

/** Pairs, single responses and candidates, up to four rows to a prompt. */
function randomRows(count: number): Row[] {
  const random = seededRandom(1);
  const text = (least: number, most: number) =>
    Array.from(
      { length: least + Math.floor((most - least) * random()) },
      () => words[Math.floor(words.length * random())],
    ).join(" ");
  const rows: Row[] = [];
  while (rows.length < count) {
    const prompt = text(5, 60);
    for (let rest = 1 + Math.floor(4 * random()); rest > 0; rest--) {
      const kind = random();
      const responses = () => Array.from({ length: 4 }, () => text(3, 60));
      rows.push(
        kind < 0.5
          ? { prompt, chosen: text(3, 80), rejected: text(3, 80) }
          : kind < 0.8
          ? { prompt, response: text(3, 80) }
          : { prompt, responses: responses() },
      );
    }
  }
  return rows.slice(0, count);
}

async function timed(scored: AsyncIterable<ScoredRow>): Promise<{ seconds: number; text: string }> {
  const begun = performance.now();
  const lines: string[] = [];
  for await (const { row } of scored) lines.push(stringifyJson(row));
  return { seconds: (performance.now() - begun) / 1000, text: lines.join("\n") };
}

/** `assay serve` in a process of its own. */
async function server(port: number): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "src/cli/main.ts",
      "serve",
      model,
      "--threads",
      "1",
      "--port",
      `${port}`,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const isReady = () => fetch(`http://127.0.0.1:${port}/ready`).then(({ ok }) => ok, () => false);
  while (!await isReady()) await new Promise((resolve) => setTimeout(resolve, 50));
  return child;
}

/** In every round another one is the first. */
function turned<Item>(items: readonly Item[], by: number): Item[] {
  const first = Math.max(0, by) % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

const count = Number(option("--rows") ?? 600);
const rounds = Number(option("--rounds") ?? 5);
const shards = (option("--shard-tokens") ?? "4096").split(",").map(Number);
const rows = rowsInMemory(randomRows(count));
const ports = [8805, 8806];
const children = await Promise.all(ports.map(server));
try {
  using alone = await RewardModel.load(model, { backend: "wasm", threads: 2, onWarning: () => {} });
  const servers = ports.map((port) => `http://127.0.0.1:${port}`);
  const ways: Readonly<Record<string, () => ReturnType<typeof timed>>> = {
    alone: () => timed(scoreRows(rows.read(), alone)),
    ...Object.fromEntries(shards.map((tokens) => [
      `servers, shards of ${tokens}`,
      () => timed(scoreByServers(rows.read(), { servers, tokens })),
    ])),
  };
  const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) { // the first warms up
    const texts = new Set<string>();
    for (const [name, way] of turned(Object.entries(ways), round)) {
      const { seconds, text } = await way();
      texts.add(text);
      if (round >= 0) times.get(name)!.push(seconds);
      console.error(`${name}: ${seconds.toFixed(2)} s`);
    }
    if (texts.size !== 1) throw new Error("the outputs differ");
  }
  const one = times.get("alone")!;
  for (const [name, seconds] of times) {
    // Of each round by itself: what else the machine does then slows both.
    const ratio = formatSpread(spread(seconds.map((time, round) => one[round]! / time)));
    console.log(JSON.stringify({ name, rows: count, rounds, seconds: median(seconds), ratio }));
  }
} finally {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(children.map(({ status }) => status));
}
