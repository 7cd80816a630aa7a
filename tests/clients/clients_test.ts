/**
 * The clients of `examples/clients/` against a server, with the real libraries where README.md of this
 * folder put them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type RunningServer, serve } from "../../src/server/serve.ts";
import { loadServableModel } from "../../src/tasks/serve/servable_model.ts";
import { parityFolder } from "../golden/parity.ts";
import { testWhere } from "../requirement.ts";

const home = Deno.env.get("HOME") ?? ".";
const folder = Deno.env.get("ASSAY_CLIENTS") ?? `${home}/.cache/assay/clients`;
const isAsked = Deno.env.get("ASSAY_TEST_CLIENTS") !== undefined;

/** Why a client can't run: it is not asked for, or not installed. */
function missing(path: string): string | undefined {
  if (!isAsked) return "the real clients are run by deno task test:clients";
  return existsSync(path) ? undefined : `${path} is not there: see tests/clients/README.md`;
}

async function withServer(use: (server: RunningServer) => Promise<void>): Promise<void> {
  const load = () => loadServableModel({ model: parityFolder("armo") }, { onWarning: () => {} });
  const server = await serve([{ id: "armo", load }], { port: 0, log: () => {} });
  await server.ready;
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

async function output(command: string, args: readonly string[], env: Record<string, string>) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr).slice(-3000));
  return decoder.decode(stdout);
}

async function scoreOf(server: RunningServer, prompt: unknown, response: string): Promise<number> {
  const answer = await fetch(`${server.address}/v1/score`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt, response }),
  });
  return (await answer.json()).score;
}

const python = `${folder}/venv/bin/python`;
for (const [number, kind] of ["texts", "messages"].entries()) {
  testWhere(
    missing(python),
    `TRL's GRPOTrainer is rewarded by the server: ${kind}`,
    () =>
      withServer(async (server) => {
        const env = { ASSAY_URL: server.address };
        const said = await output(python, ["tests/clients/trl_check.py", `${number}`], env);
        const { log, seen } = JSON.parse(/^RESULT (.*)$/m.exec(said)![1]!);
        assert.equal(seen.length, 4);
        for (const { prompt, completion, reward } of seen) {
          const response = typeof completion === "string" ? completion : completion[0].content;
          assert.equal(await scoreOf(server, prompt, response), reward);
        }
        const mean = seen.reduce((sum: number, { reward }: { reward: number }) => sum + reward, 0) /
          4;
        assert.ok(Math.abs(log["rewards/seen_reward/mean"] - mean) < 1e-5);
        assert.ok(Number.isFinite(log["rewards/assay_helpsteer-helpfulness/mean"]));
      }),
  );
}

const node = `${folder}/node_modules/node/bin/node`;
testWhere(
  missing(node),
  "promptfoo's webhook assertion is answered by the server",
  () =>
    withServer(async (server) => {
      const results = await Deno.makeTempFile({ suffix: ".json" });
      const program = `${folder}/node_modules/promptfoo/dist/src/main.js`;
      const config = "examples/clients/promptfooconfig.yaml";
      const args = ["eval", "-c", config, "--no-cache", "--no-write", "-o", results];
      const env = {
        ASSAY_URL: server.address,
        PROMPTFOO_DISABLE_TELEMETRY: "1",
        PROMPTFOO_DISABLE_UPDATE: "1",
        PROMPTFOO_CONFIG_DIR: await Deno.makeTempDir(),
      };
      await output(node, [program, ...args], env);
      const { results: { results: [result] } } = JSON.parse(await Deno.readTextFile(results));
      assert.equal(result.success, true);
      const question = "How much is 2+2?";
      assert.equal(result.score, await scoreOf(server, question, question));
    }),
);

const anyPython = ["/usr/bin/python3", "/usr/local/bin/python3", python].find((path) =>
  existsSync(path)
);
const noPython = anyPython === undefined ? "no Python" : undefined;

/** As verl's reward loop calls it (verl/workers/reward_manager, reward_loop.py of 2026). */
const verl = `
import asyncio, json, sys
sys.path.insert(0, "examples/clients")
from verl_reward import compute_score
async def main():
    question = {"raw_prompt": [{"role": "user", "content": "How much is 2+2?"}]}
    good = [compute_score("gsm8k", answer, "4", extra_info=question) for answer in ["4", "Four."]]
    bad = compute_score("gsm8k", "4", "4", extra_info={"raw_prompt": [{"role": "wizard", "content": "x"}]})
    print(json.dumps(await asyncio.gather(*good, bad)))
asyncio.run(main())
`;

testWhere(
  noPython,
  "verl's custom reward function: a score, and the same extras in every sample",
  () =>
    withServer(async (server) => {
      const said = await output(anyPython!, ["-c", verl], { ASSAY_URL: server.address });
      const [first, second, failed] = JSON.parse(said);
      assert.equal(first.score, await scoreOf(server, "How much is 2+2?", "4"));
      assert.equal(second.score, await scoreOf(server, "How much is 2+2?", "Four."));
      assert.equal(Object.keys(first).length, 2 + 19);
      assert.deepEqual(Object.keys(first), Object.keys(second));
      assert.deepEqual([failed.score, failed.failed], [0, 1]);
    }),
);

testWhere(
  noPython,
  "TRL's reward function needs nothing but Python; a bad row is None",
  () =>
    withServer(async (server) => {
      const program = `
import json, sys
sys.path.insert(0, "examples/clients")
from trl_reward import assay_reward, objective_reward
prompts = ["Hi", [{"role": "user", "content": "Hi"}], [{"role": "wizard", "content": "Hi"}]]
completions = ["Hello.", [{"role": "assistant", "content": "Hello."}], "Hello."]
objectives = objective_reward("helpsteer-coherence")(prompts, completions, completion_ids=[[1]] * 3)
print(json.dumps([assay_reward(prompts=prompts, completions=completions), objectives]))
`;
      const said = await output(anyPython!, ["-c", program], { ASSAY_URL: server.address });
      const [scores, objectives] = JSON.parse(said);
      const expected = await scoreOf(server, "Hi", "Hello.");
      assert.deepEqual(scores, [expected, expected, null]);
      assert.equal(objectives[0], objectives[1]);
      assert.ok(Number.isFinite(objectives[0]) && objectives[2] === null);
    }),
);
