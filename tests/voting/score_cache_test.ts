import assert from "node:assert/strict";
import { withVariables } from "../../src/text/conversation.ts";
import fc from "fast-check";
import { checkpointRevision } from "../../src/merging/checkpoint_revision.ts";
import { crc32 } from "../../src/numbers/crc32.ts";
import { cacheFileName, conversationKey, ScoreCache } from "../../src/voting/score_cache.ts";
import { floats, tinyCheckpoint } from "../merging/tiny_checkpoint.ts";

const identity = {
  voter: "models/demo",
  revision: "abc",
  settings: { truncate: "left", gpu: true },
};

function reopened(lines: string): ScoreCache {
  const cache = new ScoreCache(identity);
  for (const line of lines.split("\n")) cache.readLine(line);
  return cache;
}

Deno.test("ScoreCache gives back every score to the last bit", () => {
  const score = fc.double({ noNaN: true, noDefaultInfinity: true });
  const entries = fc.array(fc.tuple(fc.string(), fc.array(score, { minLength: 1, maxLength: 5 })));
  fc.assert(fc.property(entries, (entries) => {
    const cache = new ScoreCache(identity);
    const file = cache.header() + entries.map(([key, scores]) => cache.add(key, scores)).join("");
    const again = reopened(file);
    assert.equal(again.badLines, 0);
    for (const [key] of entries) {
      const [found, expected] = [again.get(key), cache.get(key)];
      assert.deepEqual(found?.map((x) => x + 0), expected?.map((x) => x + 0));
    }
  }));
});

Deno.test("ScoreCache survives a file that was cut anywhere", () => {
  const cache = new ScoreCache(identity);
  const lines = [
    cache.header(),
    cache.add("a", [1.5]),
    cache.add("b", [-2, 3]),
    cache.add("c", [4]),
  ];
  const file = lines.join("");
  for (let cut = 0; cut <= file.length; cut++) {
    // As the file is after the next run has gone on where the killed one stopped.
    const rest = `${file.slice(0, cut)}\n${lines[0]}${lines[2]}`;
    const again = reopened(rest);
    assert.deepEqual(again.get("b"), [-2, 3]);
    assert.ok(again.badLines <= 1, `${again.badLines} bad lines after cut ${cut}`);
    for (const [key, score] of [["a", 1.5], ["c", 4]] as const) {
      const found = again.get(key);
      assert.ok(found === undefined || found[0] === score);
    }
  }
});

Deno.test("ScoreCache passes over lines that are no scores", () => {
  const cache = reopened(
    '{"key":"a"}\n{"key":1,"scores":[1]}\n{"key":"a","scores":[null]}\n[]\n7\nnull\n',
  );
  assert.equal(cache.size, 0);
  assert.equal(cache.badLines, 6);
});

Deno.test("ScoreCache remembers the kernels that its lines tell of, and believes no other's name", () => {
  const cache = new ScoreCache(identity);
  const lines = [cache.add("a", [1]), cache.add("b", [2], "wasm"), cache.add("c", [3], "texture")];
  const again = reopened(lines.join(""));
  assert.deepEqual([...again.kernels], ["wasm", "texture"]);
  assert.deepEqual(again.get("b"), [2]);
  const changed = reopened(lines[1]!.replace("wasm", "cpu"));
  assert.deepEqual([changed.size, changed.badLines, changed.kernels.size], [0, 1, 0]);
});

Deno.test("ScoreCache believes no line in which a character was changed, and none of another voter", () => {
  const cache = new ScoreCache(identity);
  const line = cache.add("00ff", [-1.25, 3e-7]).trim();
  assert.match(line, /^\{"key":"00ff","scores":\[-1\.25,3e-7\],"check":"[0-9a-f]{8}"\}$/);
  for (let place = 0; place < line.length; place++) {
    for (const character of "0789af.-") {
      const changed = line.slice(0, place) + character + line.slice(place + 1);
      if (changed === line) continue;
      const again = reopened(changed);
      assert.equal(again.size, 0, changed);
      assert.equal(again.badLines, 1);
    }
  }
  const other = new ScoreCache({ ...identity, revision: "abd" });
  other.readLine(line);
  assert.equal(other.size, 0);
});

Deno.test("ScoreCache believes nothing of a file without checksums", () => {
  const cache = new ScoreCache(identity);
  const owner = JSON.parse(cache.header()).for;
  const old = reopened(
    `${JSON.stringify({ assay: "score-cache", version: 1, for: owner })}\n{"key":"a","scores":[1]}`,
  );
  assert(old.isOutdated);
  assert.equal(old.size, 0);
});

Deno.test("crc32() is gzip's", () => {
  assert.equal(crc32("123456789"), "cbf43926");
  assert.equal(crc32(""), "00000000");
});

Deno.test("ScoreCache refuses the scores of another revision or other settings", () => {
  const other = new ScoreCache({ ...identity, revision: "abd" });
  assert.throws(() => other.readLine(new ScoreCache(identity).header().trim()), {
    code: "voting/foreign-cache",
  });
  const renamed = new ScoreCache({ ...identity, voter: "elsewhere/demo" });
  assert.doesNotThrow(() => renamed.readLine(new ScoreCache(identity).header().trim()));
});

Deno.test("cacheFileName() differs with everything that a score depends on, and is a plain name", async () => {
  const names = await Promise.all([
    identity,
    { ...identity, revision: "abd" },
    { ...identity, settings: { truncate: "right", gpu: true } },
  ].map(cacheFileName));
  assert.equal(new Set(names).size, 3);
  for (const voter of ["../..", "a/b c?.x/", "", "..\\x", "é".repeat(200)]) {
    assert.match(
      await cacheFileName({ ...identity, voter }),
      /^[A-Za-z0-9_-][A-Za-z0-9._-]*\.jsonl$/,
    );
  }
  const sorted = { ...identity, settings: { gpu: true, truncate: "left" } };
  assert.equal(await cacheFileName(sorted), names[0]);
});

Deno.test("conversationKey() depends on all that a template may read, and on nothing else", async () => {
  const hi = { role: "user", content: "hi" };
  const keys = await Promise.all([
    [hi],
    [{ role: "system", content: "hi" }],
    [{ role: "user", content: "h" }, { role: "user", content: "i" }],
    [hi, hi],
    [],
  ].map(conversationKey));
  assert.equal(new Set(keys).size, 5);
  assert.equal(await conversationKey([{ content: "hi", role: "user" }]), keys[0]);
  const more = await Promise.all([
    conversationKey([{ ...hi, name: "x" }]),
    conversationKey([{ ...hi, name: "y" }]),
    conversationKey(withVariables([hi], { enable_thinking: false })),
    conversationKey(withVariables([hi], { enable_thinking: true })),
  ]);
  assert.equal(new Set([keys[0], ...more]).size, 5);
});

Deno.test("checkpointRevision() differs with weights, configuration and tokenizer", async () => {
  const data = (last: number) =>
    Array.from({ length: 200_000 }, (_, i) => i === 199_999 ? last : i);
  const revision = async (last: number, files?: Record<string, string>) => {
    using checkpoint = await tinyCheckpoint("m", [floats("w", [1000, 200], data(last))], files);
    return await checkpointRevision(checkpoint);
  };
  const first = await revision(1);
  assert.match(first, /^[0-9a-f]{32}$/);
  assert.equal(await revision(1), first);
  const others = [
    await revision(2),
    await revision(1, { "config.json": '{"a":1}' }),
    await revision(1, { "tokenizer.json": "{}" }),
    await revision(1, { "chat_template.jinja": "x" }),
  ];
  assert.equal(new Set([first, ...others]).size, 5);
});
