import assert from "node:assert/strict";
import fc from "fast-check";
import { truncateTokens, type Untruncated } from "../../src/text/truncation.ts";
import { AssayError } from "../../src/error.ts";

/** Prefix 1; prompt 10…14; header 20, 21; response 30…33. */
const fullSequence: Untruncated = {
  ids: [1, 10, 11, 12, 13, 14, 20, 21, 30, 31, 32, 33],
  total: 12,
  prefixLength: 1,
  header: [6, 8],
  responseStart: 8,
};

function isTooLong(...parts: string[]): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === "text/too-long" &&
    parts.every((part) => error.message.includes(part));
}

Deno.test("truncateTokens() left keeps the prefix, the header and the response", () => {
  assert.deepEqual(truncateTokens(fullSequence, 9, "left"), [1, 13, 14, 20, 21, 30, 31, 32, 33]);
  assert.deepEqual(truncateTokens(fullSequence, 7, "left"), [1, 20, 21, 30, 31, 32, 33]);
  assert.throws(() => truncateTokens(fullSequence, 6, "left"), isTooLong("6", "--truncate right"));
});

Deno.test("truncateTokens() left refuses where nothing tells the response from the prompt", () => {
  const unknown = { ...fullSequence, header: null, responseStart: null };
  assert.throws(() => truncateTokens(unknown, 9, "left"), isTooLong("unknown"));
});

Deno.test("truncateTokens() right cuts the response, never the header or all of the response", () => {
  assert.deepEqual(truncateTokens(fullSequence, 9, "right"), [1, 10, 11, 12, 13, 14, 20, 21, 30]);
  assert.throws(() => truncateTokens(fullSequence, 8, "right"), isTooLong("8", "--truncate left"));
  assert.throws(
    () => truncateTokens({ ...fullSequence, responseStart: null }, 7, "right"),
    isTooLong(),
  );
});

Deno.test("truncateTokens() gives exactly maxTokens tokens with the protected ones among them", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: 45 }),
    fc.constantFrom("left" as const, "right" as const),
    (prefixLength, promptLength, headerLength, responseLength, maxTokens, truncate) => {
      const headerStart = prefixLength + promptLength;
      const responseStart = headerStart + headerLength;
      const ids = Array.from({ length: responseStart + responseLength }, (_, index) => index);
      fc.pre(maxTokens < ids.length);
      const header = [headerStart, responseStart] as const;
      let kept: readonly number[];
      try {
        kept = truncateTokens(
          { ids, total: ids.length, prefixLength, header, responseStart },
          maxTokens,
          truncate,
        );
      } catch (error) {
        assert.ok(isTooLong()(error));
        const room = truncate === "left"
          ? prefixLength + ids.length - headerStart
          : responseStart + 1;
        assert.ok(room > maxTokens, "refused although there was room");
        return;
      }
      assert.equal(kept.length, maxTokens);
      const protectedIds = ids.slice(
        headerStart,
        truncate === "left" ? ids.length : responseStart + 1,
      );
      assert.ok([...ids.slice(0, prefixLength), ...protectedIds].every((id) => kept.includes(id)));
      assert.deepEqual([...kept], [...kept].sort((a, b) => a - b));
    },
  ));
});
