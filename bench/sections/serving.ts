import type { LoadOptions } from "../../mod.ts";
import { RewardModelWorker } from "../../src/scoring/worker/reward_model_worker.ts";
import { type RunningServer, serve } from "../../src/server/serve.ts";
import { loadServableModel, type ServableModel } from "../../src/tasks/serve/servable_model.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { type Bench, type Section, table } from "../section.ts";
import { formatNumber, formatSpread, median, spread } from "../statistics.ts";

const model = "models/demo";
const clients = 64;
const candidates = 8;

const words =
  "the a of and some red small quick house tree river answer question number two four " +
  "because when it is was has made from into over under good bad long short old new";

/** Text of so many words, the same for a seed. */
function text(count: number, seed: number): string {
  const all = words.split(" ");
  let state = seed * 2654435761 >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return all[state % all.length];
  }).join(" ");
}

/** A conversation with a prompt of its own. */
function single(seed: number): Conversation {
  const prompt = { role: "user", content: text(40 + seed % 60, seed) };
  return [prompt, { role: "assistant", content: text(30 + seed % 90, seed + 7) }];
}

/** What computes, where the bench is told. */
type Backend = Pick<LoadOptions, "backend">;

/** The server over a model, and what asks it. */
class Asked implements AsyncDisposable {
  private constructor(readonly server: RunningServer) {}

  static async start(backend: Backend, sharePrefixes = true): Promise<Asked> {
    const quiet = () => {};
    const load = (): Promise<ServableModel> =>
      loadServableModel({ model }, { ...backend, onWarning: quiet, sharePrefixes });
    const server = await serve([{ id: "demo", load }], {
      port: 0,
      log: quiet,
      mostWaiting: 100_000,
    });
    await server.ready;
    return new Asked(server);
  }

  async score(messages: Conversation): Promise<number> {
    const response = await fetch(`${this.server.address}/v1/score`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ messages }),
    });
    const { score } = await response.json();
    if (typeof score !== "number") throw new Error(`no score: ${response.status}`);
    return score;
  }

  /** Each client sends one sample at a time; milliseconds of all of them, and of each request. */
  async together(rows: readonly Conversation[]): Promise<{ all: number; each: number[] }> {
    const each: number[] = [];
    const begun = performance.now();
    await Promise.all(Array.from({ length: clients }, async (_, client) => {
      for (let i = client; i < rows.length; i += clients) {
        const asked = performance.now();
        await this.score(rows[i]!);
        each.push(performance.now() - asked);
      }
    }));
    return { all: performance.now() - begun, each };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function quantile(numbers: readonly number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(share * (numbers.length - 1))]!;
}

/** 64 clients that send one sample at a time, against the same rows in one call. */
async function throughput(
  { settings: { rounds, quick, backend }, onProgress }: Bench,
): Promise<string> {
  const rows = Array.from({ length: quick ? 128 : 512 }, (_, seed) => single(seed));
  await using asked = await Asked.start({ backend });
  using direct = await RewardModelWorker.load(model, { backend, onWarning: () => {} });
  await direct.score(rows.slice(0, 64));
  await asked.together(rows.slice(0, 64));
  const shares: number[] = [];
  const speeds: number[] = [];
  const waits: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const alone = await timed(() => direct.score(rows));
    const { all, each } = await asked.together(rows);
    onProgress(
      `round ${round}: one call ${alone.toFixed(0)} ms, ${clients} clients ${all.toFixed(0)} ms`,
    );
    shares.push(alone / all);
    speeds.push(1000 * rows.length / all);
    waits.push(...each);
  }
  return `${clients} clients that send one of ${rows.length} rows at a time: ` +
    `${formatSpread(spread(speeds))} rows/s, **${
      formatSpread(spread(shares))
    } of what \`assay score\` ` +
    `does** with the same rows in one call. A request takes ${
      formatNumber(median(waits))
    } ms (99 %: ` +
    `${formatNumber(quantile(waits, 0.99))} ms).`;
}

/** Eight clients with a response each to one prompt, with the prompt computed once and without. */
async function bestOf(
  { settings: { rounds, quick, backend }, onProgress }: Bench,
): Promise<string> {
  const groups = Array.from({ length: quick ? 2 : 12 }, (_, seed) => {
    const prompt = { role: "user", content: text(400, seed) };
    return Array.from({ length: candidates }, (_, i): Conversation => [
      prompt,
      { role: "assistant", content: text(20, 100 * seed + i) },
    ]);
  });
  const ask = (asked: Asked) => async () => {
    for (const group of groups) await Promise.all(group.map((row) => asked.score(row)));
  };
  await using shared = await Asked.start({ backend });
  await using unshared = await Asked.start({ backend }, false);
  await Promise.all([ask(shared)(), ask(unshared)()]);
  const times: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const with_ = await timed(ask(shared));
    const without = await timed(ask(unshared));
    onProgress(`round ${round}: shared ${with_.toFixed(0)} ms, unshared ${without.toFixed(0)} ms`);
    times.push(without / with_);
  }
  return `Best of ${candidates}, a client for each response to one prompt of 400 words: ` +
    `**${formatSpread(spread(times))} × as fast** as with sharing off.`;
}

/** A lone request by itself, and beside a request whose documents fill the queue. */
async function lone({ settings: { rounds, quick, backend } }: Bench): Promise<string> {
  await using asked = await Asked.start({ backend });
  await asked.score(single(0));
  const times = { "by itself": [] as number[], "beside a full queue": [] as number[] };
  const count = quick ? 5 : 6 * rounds;
  for (let i = 0; i < count; i++) {
    times["by itself"].push(await timed(() => asked.score(single(i))));
  }
  let isOver = false;
  const others = (async () => {
    for (let seed = 1000; !isOver; seed += 128) {
      await Promise.all(Array.from({ length: 128 }, (_, i) => asked.score(single(seed + i))));
    }
  })();
  for (let i = 0; i < count; i++) {
    times["beside a full queue"].push(await timed(() => asked.score(single(i))));
  }
  isOver = true;
  await others;
  return table(
    ["a lone request", "50 %, ms", "99 %, ms"],
    Object.entries(times).map(([where, all]) => [
      where,
      formatNumber(median(all)),
      formatNumber(quantile(all, 0.99)),
    ]),
  );
}

/** Whether memory stays where it is over many requests. */
async function memory({ settings: { quick, backend } }: Bench): Promise<string> {
  await using asked = await Asked.start({ backend });
  const requests = quick ? 500 : 20_000;
  const resident: number[] = [];
  const row = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }];
  for (let done = 0; done < requests; done += requests / 10) {
    await asked.together(Array.from({ length: requests / 10 }, () => row));
    resident.push(Deno.memoryUsage().rss / 2 ** 20);
  }
  const [first, last] = [resident[1]!, resident.at(-1)!];
  return `Over ${requests} requests the process's memory went from ${
    formatNumber(first)
  } MiB (after a ` +
    `fifth of them) to ${formatNumber(last)} MiB; in tenths: ${
      resident.map(Math.round).join(", ")
    }.`;
}

/** What serving costs beside scoring in one call. */
export const serving: Section = {
  title: "Serving",

  async measure(bench) {
    const parts = [throughput, bestOf, lone, memory];
    const texts = [`The demo model (5 M parameters), server and clients on the same cores.`];
    for (const part of parts) texts.push(await part(bench));
    return texts.join("\n\n");
  },
};
