/** Whatever servers and the net between do, the rows are those that one machine writes. */
import assert from "node:assert/strict";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { fakeIdentity, FakeModel } from "../server/fake_model.ts";
import { type FlakyServer, flakyServer, type Misdeed } from "./flaky_proxy.ts";
import { given, linesBy, linesHere, mixedRows } from "./scored_rows.ts";

const misdeeds: readonly Misdeed[] = [
  "drop",
  "cut",
  "short",
  "again",
  "busy",
  "page",
  "late",
  "other",
];

function addresses(...servers: FlakyServer[]): string[] {
  return servers.map(({ address }) => address);
}

Deno.test("servers give the rows that one machine writes, explained too", async () => {
  await using one = await flakyServer();
  await using two = await flakyServer();
  const rows = mixedRows(300);
  const servers = addresses(one, two);
  assert.deepEqual(await linesBy(rows, { servers }), await linesHere(rows));
  assert.ok(one.asked.length > 2 && two.asked.length > 2, "both were asked");
  const explained = await linesBy(rows, { servers, explain: true });
  assert.deepEqual(explained, await linesHere(rows, true));
});

Deno.test("answers that are dropped, cut, late, repeated, others' or a proxy's page change no byte", async () => {
  await using one = await flakyServer();
  await using two = await flakyServer();
  await using three = await flakyServer();
  const rows = mixedRows(120);
  const expected = await linesHere(rows);
  for (let seed = 1; seed <= 4; seed++) {
    const random = seededRandom(seed);
    for (const server of [one, two]) {
      server.misdeed = () =>
        random() < 0.4 ? misdeeds[Math.floor(misdeeds.length * random())] : undefined;
    }
    const servers = addresses(one, two, three);
    assert.deepEqual(await linesBy(rows, { servers, random: () => 0 }), expected, `seed ${seed}`);
  }
});

for (const misdeed of misdeeds.filter((misdeed) => misdeed !== "other")) {
  Deno.test(`one server alone that does "${misdeed}" every third time gives every row`, async () => {
    await using server = await flakyServer();
    let count = 0;
    server.misdeed = () => ++count % 3 === 0 ? misdeed : undefined;
    const rows = mixedRows(40);
    const lines = await linesBy(rows, { servers: [server.address], tokens: 200, random: () => 0 });
    assert.deepEqual(lines, await linesHere(rows));
    assert.ok(count >= 3);
  });
}

Deno.test("a server that is away is relieved, and let in again when it is back", async () => {
  await using one = await flakyServer();
  await using two = await flakyServer();
  const rows = mixedRows(300);
  const notes: string[] = [];
  let count = 0;
  two.misdeed = () => "late"; // else all would be done before the other is back
  one.misdeed = () => {
    if (++count !== 3) return undefined;
    one.isAway = true;
    setTimeout(() => one.isAway = false, 50);
    return "drop";
  };
  const lines = await linesBy(rows, {
    servers: addresses(one, two),
    mostInFlight: 1,
    random: () => 0,
    onNote: (message) => notes.push(message),
  });
  assert.deepEqual(lines, await linesHere(rows));
  assert.match(notes[0]!, /^Cannot reach .*; it is asked again later$/);
  assert.match(notes.at(-1)!, /answers again$/);
  assert.ok(count > 3);
});

Deno.test("what a server never answers is taken over by another that has nothing to do", async () => {
  await using one = await flakyServer();
  const held = new FakeModel();
  const { promise, resolve } = Promise.withResolvers<void>();
  held.held = promise;
  await using two = await flakyServer({ load: () => Promise.resolve(held) });
  try {
    const rows = mixedRows(60);
    const lines = await linesBy(rows, { servers: addresses(one, two) });
    assert.deepEqual(lines, await linesHere(rows));
    assert.ok(two.asked.length > 0);
  } finally {
    resolve();
  }
});

Deno.test("a server that takes fewer bytes gets parts", async () => {
  await using server = await flakyServer({ mostBytes: 400 });
  const rows = mixedRows(60);
  assert.deepEqual(await linesBy(rows, { servers: [server.address] }), await linesHere(rows));
  assert.ok(server.asked.length > 20 && server.asked.every((body) => body.length <= 400));
  const large = [{ line: 7, row: { prompt: "a", response: "x".repeat(500) }, error: undefined }];
  const [line] = await linesBy(large, { servers: [server.address] });
  assert.match(JSON.parse(line!).error.message, /row 7: .* expected at most 400 bytes, found \d+/);
});

Deno.test("a row that no server survives has an error, and the others their scores", async () => {
  await using server = await flakyServer();
  const row = (response: string, line: number) => ({
    line,
    row: { prompt: "a", response },
    error: undefined,
  });
  const rows = ["one", "crash", "three"].map((response, i) => row(response, i + 1));
  const lines = await linesBy(rows, { servers: [server.address], random: () => 0 });
  const told = lines.map((line) => JSON.parse(line));
  assert.deepEqual(told.map(({ score, error }) => [score, error?.code]), [
    [3, undefined],
    [undefined, "fleet/gave-up"],
    [5, undefined],
  ]);
  assert.match(told[1].error.message, /^Cannot score row 2: no server gave an answer .*503/);
});

Deno.test("servers that would give other bits are refused, with what differs", async () => {
  await using one = await flakyServer();
  const other = Object.assign(new FakeModel(), {
    identity: { ...fakeIdentity, kernels: "wasm" },
    identityDigest: "e".repeat(32),
  });
  await using two = await flakyServer({ load: () => Promise.resolve(other) });
  const rows = mixedRows(100);
  const servers = addresses(one, two);
  await assert.rejects(linesBy(rows, { servers }), {
    code: "fleet/other-identity",
    message: /: expected kernels "cpu", found "wasm", so the bits would not be the same/,
  });
  const notes: string[] = [];
  const onNote = (message: string) => void notes.push(message);
  const mixed = await linesBy(rows, { servers, allowMixed: true, onNote });
  const marks = new Set(mixed.map((line) => JSON.parse(line).scored_with));
  marks.delete(undefined); // rows that could not be read were sent to nobody
  assert.deepEqual([...marks].sort(), ["e".repeat(32), "f".repeat(32)]);
  assert.match(notes[0]!, /expected kernels/);
  const unmarked = mixed.map((line) => line.replace(/,"scored_with":"[ef]+"/, ""));
  assert.deepEqual(unmarked, await linesHere(rows));
});

Deno.test("a server that is started anew with something else is asked no more", async () => {
  await using one = await flakyServer();
  await using two = await flakyServer();
  two.misdeed = () => "other";
  const rows = mixedRows(200);
  const notes: string[] = [];
  const onNote = (message: string) => void notes.push(message);
  const lines = await linesBy(rows, { servers: addresses(one, two), onNote });
  assert.deepEqual(lines, await linesHere(rows));
  assert.match(notes.join("\n"), /found rows of another, time and again; .*; it is asked no more/);
});

Deno.test("where no server is of use, the error says why", async () => {
  await using locked = await flakyServer({ apiKey: "secret" });
  const page = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("<title>Welcome</title>", { headers: { "content-type": "text/html" } }),
  );
  const older = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () =>
      Response.json({ error: { code: "server/unknown-route", message: "Cannot find" } }, {
        status: 404,
      }),
  );
  const endless = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20)) }),
    ));
  const nobody = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const closed = `http://127.0.0.1:${nobody.addr.port}`;
  nobody.close();
  const at = ({ addr: { port } }: typeof page) => `http://127.0.0.1:${port}`;
  const cases: [string, string, RegExp][] = [
    [locked.address, "fleet/unauthorized", /expected the key .*; give it with --api-key-file/],
    [at(page), "fleet/not-assay", /found status 200 with text\/html \("Welcome"\)/],
    [at(older), "fleet/older-server", /it runs an older Assay/],
    [at(endless), "fleet/broken-answer", /expected at most 16777216 bytes, found more/],
    [closed, "fleet/unreachable", /Cannot reach .*refused/],
    [
      locked.address.replace("http", "https"),
      "fleet/unreachable",
      /TLS failed .*is it https there/,
    ],
    ["localhost:8000", "fleet/bad-address", /expected an address as http:\/\/host:8000, found/],
    ["http://a:b@host", "fleet/bad-address", /found "http:\/\/…@host"; keys are given with/],
  ];
  try {
    const rows = mixedRows(3);
    for (const [server, code, message] of cases) {
      await assert.rejects(linesBy(rows, { servers: [server] }), { code, message });
    }
    const several = [locked.address, closed];
    await assert.rejects(linesBy(rows, { servers: several }), {
      code: "fleet/no-server",
      message: /found none of 2: .*expected the key.*; Cannot reach/,
    });
    const apiKey = "secret";
    const lines = await linesBy(rows, { servers: [locked.address], apiKey });
    assert.deepEqual(lines, await linesHere(rows));
  } finally {
    await Promise.all([page, older, endless].map((server) => server.shutdown()));
  }
});

Deno.test("a run ends where no server answers any more for its patience", async () => {
  await using server = await flakyServer();
  let count = 0;
  server.misdeed = () => {
    server.isAway = ++count === 3;
    return server.isAway ? "drop" : undefined;
  };
  const run = linesBy(mixedRows(200), { servers: [server.address], patience: 20, random: () => 0 });
  await assert.rejects(run, { code: "fleet/unreachable" });
});

Deno.test("no more rows are read than the window holds, while the first has no answer", async () => {
  const held = new FakeModel();
  const { promise, resolve } = Promise.withResolvers<void>();
  held.held = promise;
  await using server = await flakyServer({ load: () => Promise.resolve(held) });
  const rows = mixedRows(2000);
  let read = 0;
  const counted = (async function* () {
    for await (const row of given(rows)) {
      read++;
      yield row;
    }
  })();
  const run = linesBy(counted, { servers: [server.address], mostAhead: 5000 });
  while (held.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(read < 200, `${read} rows were read`);
  resolve();
  assert.deepEqual(await run, await linesHere(rows));
});

Deno.test("an interrupt ends a run with its reason", async () => {
  const held = new FakeModel();
  const { promise, resolve } = Promise.withResolvers<void>();
  held.held = promise;
  await using server = await flakyServer({ load: () => Promise.resolve(held) });
  const controller = new AbortController();
  const { signal } = controller;
  const run = linesBy(mixedRows(50), { servers: [server.address], signal });
  while (held.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort(new Error("enough"));
  await assert.rejects(run, /enough/);
  resolve();
});
