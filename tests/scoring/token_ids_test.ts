import assert from "node:assert/strict";
import { tokenIdWarnings } from "../../src/scoring/token_ids.ts";

const tokenizer = new Map([["bos_token", 1], ["eos_token", 2], ["pad_token", 3]]);

Deno.test("tokenIdWarnings() names the tokens that config and tokenizer have apart", () => {
  const agreeing = [
    { bos_token_id: 1, eos_token_id: [7, 2], pad_token_id: null },
    { eos_token_id: 2 },
    {},
  ];
  for (const config of agreeing) assert.deepEqual(tokenIdWarnings(config, tokenizer), []);
  assert.deepEqual(tokenIdWarnings({ bos_token_id: 9 }, new Map()), []);
  const [warning, ...more] = tokenIdWarnings(
    { bos_token_id: 1, eos_token_id: [7, 8], pad_token_id: 0 },
    tokenizer,
  );
  assert.deepEqual(more, []);
  assert.match(warning!, /eos_token_id is \[7,8\], the tokenizer's eos_token is 2/);
  assert.match(warning!, /pad_token_id is 0, the tokenizer's pad_token is 3/);
  assert.doesNotMatch(warning!, /bos/);
});
