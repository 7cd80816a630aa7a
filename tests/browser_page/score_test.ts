/** The browser page scores as Deno does, from every place that a model may come from, and gives all back. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { RewardModel } from "../../mod.ts";
import type { Row } from "../../src/data/rows.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { missingChromium } from "../chromium.ts";
import { goldenConversations } from "../golden/parity.ts";
import { testWhere } from "../requirement.ts";
import {
  assertAccessible,
  keepPicture,
  loaded,
  ready,
  scoreAnswers,
  withPage,
} from "./opened_page.ts";

const demo = "models/demo";
const armo = "tests/golden/parity/armo";
/** What the demo model's weights take in the engine's memory. */
const modelBytes = 7_000_000;
const prompt = "How much is 2+2?";
const answers = ["2 + 2 = 4.", "I think that it is five, but I am **not** sure at all."];

/** What Deno makes of the answers: scores, and the tokens' ids. */
async function ofDeno(folder: string, backend: "wasm" | "cpu" = "wasm") {
  using model = await RewardModel.load(folder, { backend });
  const conversations = answers.map((content) => [
    { role: "user", content: prompt },
    { role: "assistant", content },
  ]);
  const scores = (await model.score(conversations)).map(({ score }) => score!);
  const tokens = await Promise.all(conversations.map((each) => model.tokens(each)));
  return { scores, ids: tokens.map(({ tokens }) => tokens.map(({ id }) => id)) };
}

/** Numbers as floats: a head may count in doubles, of whose last bit engines have their own. */
function asFloats(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner) => typeof inner === "number" ? Math.fround(inner) : inner),
  );
}

testWhere(
  missingChromium,
  "the demo model by one click: Deno's tokens and bits, then kept, offline, and its memory given back",
  () =>
    withPage(async ({ page, heldBytes, requests, stop }) => {
      await page.click("#load-demo");
      assert.match(await loaded(page), /WebAssembly/);
      await page.fill("#prompt", prompt);
      await page.press("#prompt", "Control+Enter");
      await page.locator("#answers-error", { hasText: "expected an answer" }).waitFor();
      const expected = await ofDeno(demo);
      const found = await scoreAnswers(page, prompt, answers);
      assert.deepEqual(found.ids, expected.ids);
      assert.deepEqual(asFloats(found.scores.slice(0, 2)), asFloats(expected.scores));
      const shown = await page.locator("#answers-scores .score").allInnerTexts();
      assert.deepEqual(shown.slice(0, 2), expected.scores.map((score) => score.toFixed(5)));
      await assertAccessible(page);
      await keepPicture(page, "answers-light");

      const worker = page.workers().find((worker) => worker.url().endsWith("worker.js"))!;
      const went = await worker.evaluate(() =>
        fetch("/index.html").then(() => "went", (error) => String(error))
      );
      assert.match(went, /TypeError/, "the worker that scores reached the network");

      const before = await heldBytes();
      await page.click("#close-model");
      await page.waitForSelector("#model-loaded", { state: "hidden" });
      assert.deepEqual(page.workers().map((worker) => worker.url()), []);
      let freed = 0; // the browser ends a worker a moment later
      for (let wait = 0; wait < 100 && freed < modelBytes; wait++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        freed = before - await heldBytes();
      }
      assert.ok(freed >= modelBytes, `${freed} of ${modelBytes} bytes came back`);

      await stop();
      requests();
      await page.reload();
      await ready(page);
      await page.click("#kept-title");
      await page.click('button[aria-label="Load demo"]');
      await loaded(page);
      assert.deepEqual(await scoreAnswers(page, prompt, answers), found);
      assert.deepEqual(requests(), []);
    }, { expected: /violates the following Content Security Policy directive/ }),
);

testWhere(
  missingChromium,
  "a file of rows: the command line's rows, errors in their places, in both formats",
  () =>
    withPage(async ({ page }) => {
      await page.click("#load-demo");
      await loaded(page);
      const text = await Deno.readTextFile("examples/conversations.jsonl");
      const lines = [...text.trimEnd().split("\n").slice(0, 6), "no row", '{"prompt": "Hi"}'];
      const file = await Deno.makeTempFile({ suffix: ".jsonl" });
      const rows: Row[] = [];
      try {
        await Deno.writeTextFile(file, lines.join("\n"));
        using model = await RewardModel.load(demo, { backend: "wasm" });
        for await (const { row } of scoreRows(readRows(file), model, { explain: true })) {
          rows.push(row);
        }
      } finally {
        await Deno.remove(file);
      }
      await page.click("#tab-rows");
      await page.setInputFiles("#rows-file", {
        name: "mine.jsonl",
        mimeType: "application/jsonl",
        buffer: Buffer.from(lines.join("\n")),
      });
      await page.check("#rows-explain");
      await page.click("#rows-go");
      await page.waitForSelector("#rows-downloads:not([hidden])");
      assert.match(await page.innerText("#rows-state"), /^8 rows, 2 failed/);
      assert.equal(await page.locator("#rows-table td.failed").count(), 2);
      const jsonl = await downloaded(page, "#rows-jsonl");
      assert.equal(jsonl.name, "mine-scored.jsonl");
      const found = jsonl.text.trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(asFloats(found), asFloats(rows));
      const csv = await downloaded(page, "#rows-csv");
      assert.match(csv.text, /^id,/);
      await assertAccessible(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await keepPicture(page, "rows-dark");
    }),
);

async function downloaded(page: Parameters<typeof loaded>[0], button: string) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return {
    name: download.suggestedFilename(),
    text: await Deno.readTextFile(await download.path()),
  };
}

testWhere(
  missingChromium,
  "a folder that is picked, files that are dropped, an address: golden scores and Deno's bits",
  () =>
    withPage(async ({ page, address, requests }) => {
      const expected = await ofDeno(armo);
      const assertSame = async (what: string) => {
        assert.match(await loaded(page), /armo/, what);
        const found = await scoreAnswers(page, prompt, answers);
        assert.deepEqual(found.ids, expected.ids, what);
        assert.deepEqual(asFloats(found.scores.slice(0, 2)), asFloats(expected.scores), what);
        await page.click("#close-model");
      };
      await page.setInputFiles("#folder-input", armo);
      await assertSame("picked");
      await dropFolder(page, armo);
      await assertSame("dropped");
      await page.fill("#address", `${address}golden/armo`);
      await page.press("#address", "Enter");
      await assertSame("an address");
      const isWeights = (request: string) => /GET .*safetensors( |$)/.test(request);
      assert.equal(requests().filter(isWeights).length > 4, true);
      await page.press("#address", "Enter");
      await assertSame("the same address");
      assert.deepEqual(requests().filter((request) => /bytes=0-$/.test(request)), []);

      // A conversation whose score transformers gave.
      await page.press("#address", "Enter");
      await loaded(page);
      const [golden] = await goldenConversations("armo");
      await page.fill("#prompt", JSON.stringify(golden!.messages));
      for (const i of [0, 1]) await page.fill(`#answer-${i}`, "");
      await page.click("#score");
      await page.locator("#answers-scores", { hasNotText: "Margin" }).waitFor();
      const score = Number(await page.locator("#answers-scores .exact").innerText());
      assert.ok(Math.abs(score - golden!.score) <= 1e-4 * Math.max(1, Math.abs(golden!.score)));
    }),
);

async function dropFolder(page: Parameters<typeof loaded>[0], folder: string): Promise<void> {
  const files = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) =>
    [name, Deno.readFileSync(`${folder}/${name}`).toBase64()] as const
  );
  await drop(page, files);
}

/** Drops files, as base64 by name. */
async function drop(
  page: Parameters<typeof loaded>[0],
  files: readonly (readonly [string, string])[],
): Promise<void> {
  const data = await page.evaluateHandle((files) => {
    const transfer = new (globalThis as unknown as {
      DataTransfer: new () => { items: { add(file: File): void } };
    }).DataTransfer();
    for (const [name, text] of files) {
      const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    return transfer;
  }, files);
  await page.dispatchEvent("#model-choice", "drop", { dataTransfer: data });
}

testWhere(
  missingChromium,
  "what is no model, what may not be read, what is cancelled: told, and taken up again",
  () =>
    withPage(async ({ page, address, requests, answer }) => {
      await drop(page, [["config.json", btoa('{"model_type":"llama"}')], ["a.bin", btoa("x")]]);
      assert.match(await loaded(page), /a\.bin, PyTorch weights/);
      await page.fill("#address", "ftp://host/model");
      await page.press("#address", "Enter");
      await page.locator("#model-error", { hasText: "expected an address such as" }).waitFor();
      await using closed = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response("{}"),
      );
      await page.fill("#address", `http://127.0.0.1:${closed.addr.port}/model`);
      await page.press("#address", "Enter");
      await page.locator("#model-error", { hasText: "access-control-allow-origin" }).waitFor();

      const session = await page.context().newCDPSession(page);
      const quota = { origin: address, quotaSize: 5e6 };
      await session.send("Storage.overrideQuotaForOrigin", quota);
      await page.click("#load-demo");
      await page.locator("#model-error", { hasText: "no more room for this site" }).waitFor();
      await session.send("Storage.overrideQuotaForOrigin", { origin: address });
      await page.click("#kept-title");
      await page.click('button[aria-label="Delete demo"]');
      await page.waitForSelector("#kept", { state: "hidden" });

      // The weights come to a stop half way.
      let half = 0;
      answer((request) => {
        const range = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "");
        if (half > 0 || range === null || !request.url.endsWith("/model.safetensors")) {
          return undefined;
        }
        const bytes = Deno.readFileSync(`${demo}/model.safetensors`);
        half = bytes.length >> 1;
        const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
          start: (controller) => controller.enqueue(bytes.subarray(0, half)),
        });
        const headers = { "content-range": `bytes 0-${bytes.length - 1}/${bytes.length}` };
        return new Response(body, { status: 206, headers });
      });
      await page.click("#load-demo");
      await page.locator("#loading-state", { hasText: /safetensors: 6\.\d+ MB of 11\.\d MB/ })
        .waitFor();
      await page.click("#cancel");
      await page.waitForSelector("#loading", { state: "hidden" });
      assert.match(await page.innerText("#model-error"), /cancelled/);
      assert.match(await page.innerText("#kept-list"), /demo[^]*not in full yet[^]*Go on/);
      requests();
      await page.click('button[aria-label="Go on with demo"]');
      await loaded(page);
      const again = requests().filter((request) => /\.safetensors bytes=\d+-$/.test(request));
      assert.equal(again.length, 1);
      assert.ok(Number(/bytes=(\d+)/.exec(again[0]!)![1]) > half / 2, again[0]);
      await assertAccessible(page);
      await page.click('button[aria-label="Delete demo"]');
      await page.waitForSelector("#kept", { state: "hidden" });
    }, { expected: /blocked by CORS policy|net::ERR_FAILED|ERR_ABORTED/ }),
);

testWhere(
  missingChromium,
  "with WebGPU a golden folder's tokens are Deno's and its scores within 1e-4",
  () =>
    withPage(async ({ page, address }) => {
      await page.click("#model-choice summary");
      await page.selectOption("#backend", "gpu");
      page.setDefaultTimeout(90_000); // SwiftShader compiles a kernel of products for seconds
      await page.fill("#address", `${address}golden/llama`);
      await page.press("#address", "Enter");
      assert.match(await loaded(page), /WebGPU/);
      const expected = await ofDeno("tests/golden/parity/llama");
      const found = await scoreAnswers(page, prompt, answers);
      assert.deepEqual(found.ids, expected.ids);
      found.scores.slice(0, 2).forEach((score, i) => {
        const other = expected.scores[i]!;
        assert.ok(Math.abs(score - other) <= 1e-4 * Math.max(1, Math.abs(other)));
      });
    }, { gpu: true }),
);
