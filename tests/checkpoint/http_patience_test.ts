import assert from "node:assert/strict";
import { httpSource } from "../../src/checkpoint/http_source.ts";
import { failsWith } from "./made_files.ts";
import { type Answer, content, openAt, serve, withServer } from "./range_server.ts";

/** A body that gives these bytes one at a time, so long after one another; it may have no end. */
function drip(first: Uint8Array, every: number, ends: boolean): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval>;
  let at = 0;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => {
        if (at < first.length) controller.enqueue(first.slice(at, ++at));
        else if (ends) {
          clearInterval(timer);
          controller.close();
        }
      }, every);
    },
    cancel() {
      clearInterval(timer);
    },
  });
}

const late = "checkpoint/http-timeout";

Deno.test("a server that never answers is an error that names host and file", async () => {
  const ends = Promise.withResolvers<Response>();
  const never = () => ends.promise;
  await withServer(never, async (address) => {
    const open = () => httpSource(`${address}/model.safetensors?token=secret`, { timeout: 80 });
    const message = new RegExp(
      `^Cannot read ${address}/model.safetensors: expected an answer within 0.08 seconds, found none; `,
    );
    await failsWith(late, open, message);
    ends.resolve(new Response());
  });
});

Deno.test("a `fetch` that heeds no signal can't hold a reader either", async () => {
  const open = () =>
    httpSource("http://host/file", { timeout: 20, fetch: () => new Promise(() => {}) });
  await failsWith(late, open, /http:\/\/host\/file/);
});

for (
  const [what, first, every, options, message] of [
    [
      "stalls in the middle",
      3,
      1,
      { timeout: 100 },
      /expected another byte within 0.1 seconds, .* found 3 bytes in 0/,
    ],
    // 100 bytes in a second are wanted, and one comes in 20 ms.
    [
      "drips for ever",
      900,
      20,
      { timeout: 100, leastRate: 100 },
      /and 100 bytes a second .* found [0-9]+ bytes in 0/,
    ],
  ] as const
) {
  Deno.test(`a server that ${what} is an error`, async () => {
    const slow = serve(
      content,
      (response, { method }) =>
        method === "HEAD" ? response : new Response(drip(content.slice(0, first), every, false), {
          status: 206,
          headers: response.headers,
        }),
    );
    await withServer(slow, async (address) => {
      using source = (await httpSource(`${address}/file`, options))!;
      await failsWith(late, () => source.read(0, 1000), message);
    });
  });
}

Deno.test("a slow server that keeps up the rate is waited for", async () => {
  const bytes = content.slice(0, 120);
  const slow = serve(bytes, (response, { method }) => {
    if (method === "HEAD") return response;
    // 120 bytes in 1.2 seconds or more, more than the time-out.
    return new Response(drip(bytes, 10, true), { status: 206, headers: response.headers });
  });
  await withServer(slow, async (address) => {
    using source = (await httpSource(`${address}/file`, { timeout: 1000, leastRate: 1 }))!;
    assert.deepEqual(await source.read(0, 120), bytes);
  });
});

Deno.test("a server that sends more than was asked for is an error, however much", async () => {
  const endless = serve(
    content,
    (response, { method }) =>
      method === "HEAD" ? response : new Response(
        new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536)) }),
        { status: 206, headers: response.headers },
      ),
  );
  await withServer(endless, async (address) => {
    using source = await openAt(address);
    const message = /expected 5 bytes, found more/;
    await failsWith("checkpoint/http-wrong-range", () => source.read(10, 5), message);
  });
});

Deno.test("redirects without end are an error", async () => {
  const round: Answer = (request) => Response.redirect(request.url, 302);
  await withServer(round, async (address, requests) => {
    const message = /Cannot read http:\/\/127\.0\.0\.1:[0-9]+\/model\.safetensors: .*redirect/;
    await failsWith("checkpoint/http-failed", () => openAt(address), message);
    assert.ok(requests.length <= 25, `${requests.length} requests`);
  });
});

Deno.test("a time-out that is no time is refused", async () => {
  for (const options of [{ timeout: 0 }, { timeout: NaN }, { leastRate: -1 }]) {
    await failsWith("checkpoint/bad-option", () => httpSource("http://host/file", options));
  }
});
