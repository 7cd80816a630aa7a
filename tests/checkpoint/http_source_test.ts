import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { httpFolder } from "../../src/checkpoint/folder.ts";
import { httpSource } from "../../src/checkpoint/http_source.ts";
import { failsWith, handMade, writtenFile } from "./made_files.ts";
import {
  type Answer,
  content,
  openAt,
  refuseHead,
  serve,
  withHeaders,
  withServer,
} from "./range_server.ts";

Deno.test("httpSource() reads ranges, and none where nothing is asked for", async () => {
  await withServer(serve(), async (address, requests) => {
    using source = await openAt(address);
    assert.equal(source.byteLength, 1000);
    assert.deepEqual(await source.read(10, 5), content.slice(10, 15));
    assert.deepEqual(await source.read(999, 1), content.slice(999));
    assert.deepEqual(await source.read(0, 1000), content);
    assert.equal((await source.read(1000, 0)).length, 0);
    assert.deepEqual(requests.map(({ method, headers }) => `${method} ${headers.get("range")}`), [
      "HEAD null",
      "GET bytes=10-14",
      "GET bytes=999-999",
      "GET bytes=0-999",
    ]);
    await failsWith("checkpoint/out-of-range", () => source.read(999, 2));
    for (const { headers } of requests) assert.equal(headers.get("accept-encoding"), "identity");
  });
});

Deno.test("httpSource() calls fetch as a function, which is all that a browser allows", async () => {
  const owners: unknown[] = [];
  function fetchNoted(this: unknown, ...operands: Parameters<typeof fetch>): Promise<Response> {
    owners.push(this);
    return fetch(...operands);
  }
  await withServer(serve(), async (address) => {
    using source = await httpSource(`${address}/file`, { fetch: fetchNoted });
    assert.deepEqual(await source?.read(3, 2), content.slice(3, 5));
  });
  assert.deepEqual(owners, [undefined, undefined]);
});

Deno.test("httpSource() finds the length where HEAD is refused or says nothing of it", async () => {
  const answers: readonly Answer[] = [
    refuseHead(serve()),
    refuseHead(serve(), 403),
    refuseHead(serve(), 200), // without a length
    serve(content, (response, { method }) => {
      return method === "HEAD" ? withHeaders(response, { "content-encoding": "gzip" }) : response;
    }),
  ];
  for (const answer of answers) {
    await withServer(answer, async (address, requests) => {
      using source = await openAt(address);
      assert.equal(source.byteLength, 1000);
      assert.equal(requests.at(-1)?.headers.get("range"), "bytes=0-0");
    });
  }
  await withServer(refuseHead(serve(new Uint8Array(0))), async (address) => {
    using source = await openAt(address);
    assert.equal(source.byteLength, 0);
  });
});

Deno.test("httpSource() is undefined for a file that the server does not have", async () => {
  for (const status of [404, 410]) {
    const absent: Answer = () => new Response("no such file", { status });
    await withServer(absent, async (address) => {
      assert.equal(await httpSource(address), undefined);
    });
    await withServer(refuseHead(absent), async (address) => {
      assert.equal(await httpSource(address), undefined);
    });
  }
});

Deno.test("httpSource() names the status where the server refuses", async () => {
  for (const status of [400, 401, 403, 429, 500, 503]) {
    const message = status === 401 || status === 403 ? /authorization/ : new RegExp(`${status}`);
    await withServer(() => new Response("no", { status }), async (address) => {
      await failsWith("checkpoint/http-status", () => openAt(address), message);
    });
    const laterAnswer = serve(content, (response, { method }) => {
      return method === "GET" ? new Response("no", { status }) : response;
    });
    await withServer(laterAnswer, async (address) => {
      using source = await openAt(address);
      await failsWith("checkpoint/http-status", () => source.read(0, 8), message);
    });
  }
});

Deno.test("httpSource() says when no length is to be had", async () => {
  const noLength = refuseHead(serve(content, (response) => {
    return withHeaders(response, { "content-range": null, "content-length": null });
  }));
  await withServer(noLength, async (address) => {
    await failsWith("checkpoint/http-no-length", () => openAt(address));
  });
});

Deno.test("a server that ignores ranges is an error, except where the whole file is wanted", async () => {
  const ignoring = serve(content, (response, { method }) => {
    return method === "GET" ? new Response(content) : response;
  });
  for (const answer of [ignoring, refuseHead(ignoring)]) {
    await withServer(answer, async (address) => {
      using source = await openAt(address);
      assert.deepEqual(await source.read(0, 1000), content);
      const message = /ignores range requests/;
      await failsWith("checkpoint/http-no-range", () => source.read(0, 999), message);
      await failsWith("checkpoint/http-no-range", () => source.read(500, 500), message);
    });
  }
});

/** How an answer to a range request is spoiled, the code, what the message says. */
const spoiled: readonly (readonly [string, (response: Response) => Response, string, RegExp])[] = [
  [
    "another range",
    (response) => withHeaders(response, { "content-range": "bytes 0-4/1000" }),
    "http-wrong-range",
    /expected bytes 10-14, found bytes 0-4\/1000/,
  ],
  [
    "a longer range",
    (response) => withHeaders(response, { "content-range": "bytes 10-15/1000" }),
    "http-wrong-range",
    /found bytes 10-15/,
  ],
  [
    "a range that is none",
    (response) => withHeaders(response, { "content-range": "bytes 10" }),
    "http-wrong-range",
    /found bytes 10$/,
  ],
  [
    "another size",
    (response) => withHeaders(response, { "content-range": "bytes 10-14/1001" }),
    "http-changed",
    /expected 1000 bytes as before, found 1001/,
  ],
  ["status 416", () => new Response(null, { status: 416 }), "http-changed", /found fewer/],
  [
    "too few bytes",
    ({ headers }) => new Response(content.slice(0, 4), { status: 206, headers }),
    "http-truncated",
    /expected 5 bytes, found 4/,
  ],
  [
    "no bytes",
    ({ headers }) => new Response(null, { status: 206, headers }),
    "http-truncated",
    /found 0/,
  ],
  [
    "too many bytes",
    ({ headers }) => new Response(content, { status: 206, headers }),
    "http-wrong-range",
    /expected 5 bytes, found more/,
  ],
];

for (const [what, spoil, code, message] of spoiled) {
  Deno.test(`an answer to a range request is refused: ${what}`, async () => {
    const answer = serve(content, (response, { method }) => {
      return method === "GET" ? spoil(response) : response;
    });
    await withServer(answer, async (address) => {
      using source = await openAt(address);
      await failsWith(`checkpoint/${code}`, () => source.read(10, 5), message);
    });
  });
}

Deno.test("an answer without Content-Range is accepted, as other origins hide it from browsers", async () => {
  const hidden = serve(content, (response) => withHeaders(response, { "content-range": null }));
  await withServer(hidden, async (address) => {
    using source = await openAt(address);
    assert.deepEqual(await source.read(10, 5), content.slice(10, 15));
  });
});

Deno.test("a file that changes between two reads is an error, by its ETag or its date", async () => {
  for (const header of ["etag", "last-modified"]) {
    let version = "version 1";
    const versioned = serve(content, (response) => withHeaders(response, { [header]: version }));
    await withServer(versioned, async (address) => {
      using source = await openAt(address);
      await source.read(0, 8);
      await source.read(8, 8);
      version = "version 2";
      const message = new RegExp(`expected ${header} version 1 as before, found version 2`);
      await failsWith("checkpoint/http-changed", () => source.read(16, 8), message);
    });
  }
});

Deno.test("an ETag that goes or comes between two reads is an error", async () => {
  for (const [first, second] of [['"1"', null], [null, '"1"']] as const) {
    let etag: string | null = first;
    const answer = serve(
      content,
      (response) => withHeaders(response, { etag, "last-modified": "one day" }),
    );
    await withServer(answer, async (address) => {
      using source = await openAt(address);
      await source.read(0, 8);
      etag = second;
      const message = new RegExp(
        `expected etag ${first ?? "none"} as before, found ${second ?? "none"}`,
      );
      await failsWith("checkpoint/http-changed", () => source.read(8, 8), message);
    });
  }
});

Deno.test("servers that give one ETag and different dates are believed by the ETag", async () => {
  let reads = 0;
  const answer = serve(
    content,
    (response) => withHeaders(response, { etag: '"1"', "last-modified": `${reads++}` }),
  );
  await withServer(answer, async (address) => {
    using source = await openAt(address);
    await source.read(0, 8);
    assert.deepEqual(await source.read(8, 8), content.slice(8, 16));
  });
});

Deno.test("a connection that breaks in the middle is an error", async () => {
  const breaking = serve(content, (response, { method }) => {
    if (method === "HEAD") return response;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(content.slice(0, 2));
        controller.error(new Error("gone"));
      },
    });
    return new Response(body, { status: 206, headers: response.headers });
  });
  await withServer(breaking, async (address) => {
    using source = await openAt(address);
    await failsWith("checkpoint/http-failed", () => source.read(10, 5));
  });
});

Deno.test("a server that cannot be reached is an error", async () => {
  let address = "";
  await withServer(serve(), (own) => Promise.resolve(void (address = own)));
  await failsWith("checkpoint/http-failed", () => openAt(address));
});

Deno.test({
  name: "without permission for the network, the error says which permission",
  permissions: { net: false },
  fn: async () => {
    await failsWith(
      "checkpoint/permission-denied",
      () => httpSource("http://127.0.0.1:65533/a"),
      /--allow-net=127\.0\.0\.1:65533/,
    );
  },
});

Deno.test("where a server sends readers on to a host that isn't permitted, the error names that host", async () => {
  const onward: Answer = () =>
    new Response(null, { status: 302, headers: { location: "http://cdn.invalid:4444/b?key=1" } });
  await withServer(onward, async (address) => {
    const script = `import { httpSource } from ${
      JSON.stringify(import.meta.resolve("../../src/checkpoint/http_source.ts"))
    }; await httpSource(${JSON.stringify(address)}).catch((e) => console.log(e.code, e.message));`;
    const { host } = new URL(address);
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(path, script);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--config=deno.json", `--allow-net=${host}`, path],
    }).output();
    await Deno.remove(path);
    const said = new TextDecoder().decode(stdout);
    assert.match(said, /^checkpoint\/permission-denied .*--allow-net=cdn\.invalid:4444\n$/);
    assert(!said.includes("key=1"));
  });
});

Deno.test("closing ends reads under way and refuses later ones", async () => {
  const pending = Promise.withResolvers<void>();
  const stalling: Answer = async (request) => {
    if (request.method === "GET") await pending.promise;
    return await serve()(request);
  };
  await withServer(stalling, async (address) => {
    const source = await openAt(address);
    const read = source.read(0, 8);
    source[Symbol.dispose]();
    await failsWith("checkpoint/closed", () => read);
    await failsWith("checkpoint/closed", () => source.read(0, 8));
    pending.resolve();
  });
});

Deno.test("messages carry neither the query nor the password of an address", async () => {
  let address = "";
  await withServer(serve(), (own) => Promise.resolve(void (address = own)));
  const url = `${address.replace("//", "//user:secret@")}/model.safetensors?token=secret`;
  const error = await failsWith(
    "checkpoint/http-failed",
    () => httpSource(url),
    /127\.0\.0\.1:[0-9]+\/model\.safetensors: TypeError/,
  );
  assert.doesNotMatch(error.message, /secret/);
});

Deno.test("a checkpoint opens behind HTTP, with the headers and the query it was given", async () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
  const tensor = { name: "rows", dtype: "U8", shape: [16, 4], bytes: [bytes] } as const;
  const files: Record<string, Uint8Array<ArrayBuffer>> = {
    "/org/model/config.json": new TextEncoder().encode('{"model_type":"llama"}'),
    "/org/model/model.safetensors": await writtenFile([tensor]),
    "/org/model/a%20%23b.txt": new TextEncoder().encode("text"),
  };
  const answer: Answer = (request) => {
    const { pathname, search } = new URL(request.url);
    assert.equal(search, "?revision=main");
    assert.equal(request.headers.get("authorization"), "Bearer token");
    const file = files[pathname];
    return file === undefined ? new Response(null, { status: 404 }) : serve(file)(request);
  };
  await withServer(answer, async (address) => {
    for (const slash of ["", "/"]) {
      const folder = httpFolder(`${address}/org/model${slash}?revision=main`, {
        headers: { authorization: "Bearer token" },
      });
      using checkpoint = await Checkpoint.open(folder);
      assert.equal(checkpoint.config.model_type, "llama");
      const { bytes } = await checkpoint.gatherRows("rows", [15, 0]);
      assert.deepEqual([...bytes], [60, 61, 62, 63, 0, 1, 2, 3]);
      assert.equal(await checkpoint.readText("a #b.txt"), "text");
      assert.equal(await checkpoint.readText("absent.txt"), undefined);
      await failsWith("checkpoint/path-leaves-folder", () => checkpoint.readText("../x"));
    }
  });
});

Deno.test("a percent sign in a path stays one, and cannot smuggle dots past the check", async () => {
  const asked: string[] = [];
  const fetch = (url: string | URL | Request) => {
    asked.push(new URL(url instanceof Request ? url.url : url).pathname);
    return Promise.resolve(new Response(null, { status: 404 }));
  };
  const folder = httpFolder("http://host/model", { fetch });
  assert.equal(await folder.open("%2e%2e/a"), undefined);
  assert.deepEqual(asked, ["/model/%252e%252e/a"]);
});

Deno.test("a header behind HTTP is checked before its bytes are asked for", async () => {
  await withServer(serve(handMade("{}", 0, 2n ** 40n)), async (address, requests) => {
    const folder = httpFolder(address, {
      fetch: (input, init) =>
        String(input).endsWith("config.json")
          ? Promise.resolve(new Response("{}", { headers: { "content-length": "2" } }))
          : String(input).endsWith("index.json")
          ? Promise.resolve(new Response(null, { status: 404 }))
          : fetch(input, init),
    });
    await failsWith("checkpoint/header-too-large", () => Checkpoint.open(folder));
    assert.deepEqual(requests.map(({ headers }) => headers.get("range")), [null, "bytes=0-7"]);
  });
});
