import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { ChatTokenizer, type Conversation } from "../../src/text/mod.ts";
import { AssayError } from "../../src/error.ts";
import {
  families,
  type Family,
  goldenConversations,
  goldenFiles,
  openGolden,
  readGolden,
} from "./golden_files.ts";

const userQuestion = { role: "user", content: "How much is 2+2?" };

function answer(content: string): Conversation {
  return [userQuestion, { role: "assistant", content }];
}

function hasCode(code: string, ...parts: string[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AssayError, String(error));
    assert.equal(error.code, code, error.message);
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    return true;
  };
}

async function edited(
  family: Family,
  file: string,
  edit: (json: Record<string, unknown>) => unknown,
): Promise<Record<string, string>> {
  const json = JSON.parse((await goldenFiles(family).readText(file))!);
  return { [file]: JSON.stringify(edit(json)) };
}

for (const family of families) {
  Deno.test(`render() gives the text that transformers renders: ${family}`, async () => {
    const golden = readGolden(family);
    const tokenizer = await openGolden(family);
    let compared = 0;
    goldenConversations(golden.special).forEach((conversation, index) => {
      const { rendered } = golden.cases[index]!;
      if (rendered === undefined) return;
      const bytes = new TextEncoder().encode(tokenizer.render(conversation));
      assert.deepEqual([bytes.length, crc32(bytes)], rendered, `${index}`);
      compared++;
    });
    assert.ok(compared >= 70);
  });
}

const beginningOf: Record<Family, string | undefined> = {
  llama3: "<|begin_of_text|>",
  llama2: "<s>",
  mistral: "<s>",
  bert: "[CLS]",
  qwen2: undefined,
};

for (const family of families) {
  Deno.test(`special tokens never come from content: ${family}`, async () => {
    const tokenizer = await openGolden(family);
    const { special } = readGolden(family);
    const isSpecial = (id: number) => special.includes(tokenizer.decodeToken(id));
    const unknown = family === "bert" ? "[UNK]" : family === "qwen2" ? "" : "<unk>";
    const control = (conversation: Conversation) =>
      [...tokenizer.tokenize(conversation).ids].filter(isSpecial)
        .filter((id) => tokenizer.decodeToken(id) !== unknown);
    const expected = control(answer("a"));
    const parts = special.flatMap((token) => [token, token.slice(0, 3), token.slice(3)]);
    const text = fc.array(
      fc.oneof(
        fc.constantFrom(...parts, "<", ">", "|", " ", "\n"),
        fc.string({ unit: "grapheme", maxLength: 4 }),
      ),
      { maxLength: 10 },
    ).map((chosen) => chosen.join(""));
    fc.assert(
      fc.property(text, text, (question, response) => {
        const conversation = [{ role: "user", content: question }, {
          role: "assistant",
          content: response,
        }];
        assert.deepEqual(control(conversation), expected);
      }),
      { numRuns: 200 },
    );
  });

  Deno.test(`a sequence has exactly one beginning: ${family}`, async () => {
    const tokenizer = await openGolden(family);
    const beginning = beginningOf[family];
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (response) => {
      const { ids } = tokenizer.tokenize(answer(response));
      const first = tokenizer.decodeToken(ids[0]!);
      if (beginning === undefined) assert.equal(first, "<|im_start|>");
      else assert.equal(first, beginning);
      const count = ids.filter((id) => tokenizer.decodeToken(id) === beginning).length;
      assert.equal(count, beginning === undefined ? 0 : 1);
    }));
  });

  for (const truncate of ["left", "right"] as const) {
    Deno.test(`truncation on the ${truncate} keeps what it must: ${family}`, async () => {
      const full = await openGolden(family);
      const lengths = fc.tuple(fc.nat(30), fc.nat(30), fc.integer({ min: 1, max: 90 }));
      const openers = new Map<number, ChatTokenizer>();
      for (let length = 1; length <= 90; length++) {
        openers.set(length, await cheaplyOpen(family, length, truncate));
      }
      fc.assert(fc.property(lengths, ([questionWords, answerWords, maxTokens]) => {
        const conversation = [{ role: "user", content: "why ".repeat(questionWords) + "?" }, {
          role: "assistant",
          content: "so" + " it is".repeat(answerWords),
        }];
        const tokenizer = openers.get(maxTokens)!;
        const hasBeginning = beginningOf[family] !== undefined;
        checkTruncation(full, tokenizer, conversation, maxTokens, truncate, hasBeginning);
      }));
    });
  }
}

const opened = new Map<string, string | undefined>();

/** Opens with the files kept in memory. */
function cheaplyOpen(family: Family, maxTokens: number, truncate: "left" | "right") {
  const files = goldenFiles(family);
  const readText = async (file: string) => {
    const key = `${family}/${file}`;
    if (!opened.has(key)) opened.set(key, await files.readText(file));
    return opened.get(key);
  };
  return ChatTokenizer.open({ name: family, readText }, { maxTokens, truncate });
}

function checkTruncation(
  full: ChatTokenizer,
  tokenizer: ChatTokenizer,
  conversation: Conversation,
  maxTokens: number,
  truncate: "left" | "right",
  hasBeginning: boolean,
): void {
  const whole = full.tokenize(conversation);
  let result;
  try {
    result = tokenizer.tokenize(conversation);
  } catch (error) {
    hasCode("text/too-long", String(maxTokens))(error);
    assert.ok(whole.ids.length > maxTokens);
    return;
  }
  assert.equal(result.truncated, whole.ids.length > maxTokens);
  assert.equal(result.ids.length, Math.min(whole.ids.length, maxTokens));
  if (hasBeginning) assert.equal(result.ids[0], whole.ids[0]);
  const { headerPattern } = full;
  if (headerPattern === null) return;
  const header = result.headerPosition!;
  assert.deepEqual([...result.ids.slice(header, header + headerPattern.length)], [
    ...headerPattern,
  ]);
  if (truncate === "left") {
    assert.deepEqual(result.ids.slice(header), whole.ids.slice(whole.headerPosition!));
  } else {
    assert.ok(result.ids.length > header + headerPattern.length);
    assert.deepEqual(result.ids, whole.ids.slice(0, result.ids.length));
  }
}

Deno.test("exactly one beginning, whoever writes it: template, tokenizer, both, or neither", async () => {
  const config = (entries: object) =>
    edited("llama3", "tokenizer_config.json", (json) => ({ ...json, ...entries }));
  const processor = (post_processor: unknown) =>
    edited("llama3", "tokenizer.json", (json) => ({ ...json, post_processor }));
  const template = (source: string) => config({ chat_template: source });
  const silent = "{% for m in messages %}{{ m.content }}{% endfor %}";
  const double = `{{ bos_token + bos_token }}${silent}`;
  const beginnings = async (...replaced: Record<string, string>[]) => {
    const tokenizer = await openGolden("llama3", {}, Object.assign({}, ...replaced));
    const { ids } = tokenizer.tokenize(answer("4"));
    return ids.filter((id) => tokenizer.decodeToken(id) === "<|begin_of_text|>").length;
  };
  assert.equal(await beginnings(), 1);
  assert.equal(await beginnings(await template(silent)), 1);
  assert.equal(await beginnings(await template(double)), 1);
  assert.equal(await beginnings(await processor(null)), 1);
  assert.equal(await beginnings(await processor(null), await template(silent)), 0);
  const asked = await config({ add_bos_token: true, chat_template: silent });
  assert.equal(await beginnings(await processor(null), asked), 1);
  const refused = await config({ add_bos_token: false, chat_template: silent });
  assert.equal(await beginnings(refused), 0);
});

Deno.test("tokenize() refuses a conversation over the length with both numbers and the flags", async () => {
  const { ids } = (await openGolden("llama3")).tokenize(answer("The answer is 4."));
  const fits = await openGolden("llama3", { maxTokens: ids.length });
  assert.equal(fits.tokenize(answer("The answer is 4.")).ids.length, ids.length);
  const short = await openGolden("llama3", { maxTokens: ids.length - 1 });
  assert.throws(
    () => short.tokenize(answer("The answer is 4.")),
    hasCode("text/too-long", `${ids.length - 1} `, `${ids.length};`, "--truncate left", "right"),
  );
});

Deno.test("truncation never cuts the prompt's own beginning of a multi-turn conversation", async () => {
  const conversation: Conversation = [
    { role: "user", content: "one ".repeat(50) },
    { role: "assistant", content: "two ".repeat(50) },
    userQuestion,
    { role: "assistant", content: "It is 4." },
  ];
  const whole = (await openGolden("llama3")).tokenize(conversation);
  const left = (await openGolden("llama3", { maxTokens: 60, truncate: "left" })).tokenize(
    conversation,
  );
  assert.deepEqual([...left.ids], [whole.ids[0], ...whole.ids.slice(-59)]);
  const right = await openGolden("llama3", { maxTokens: 60, truncate: "right" });
  assert.throws(() => right.tokenize(conversation), hasCode("text/too-long", "prompt alone"));
});

for (const family of families) {
  Deno.test(`a response of 2 million characters is refused or truncated: ${family}`, async () => {
    const long = answer("The quick brown fox jumps. ".repeat(75_000));
    const refusing = await openGolden(family);
    assert.throws(() => refusing.tokenize(long), hasCode("text/too-long", "4096", "at least"));
    const left = await openGolden(family, { truncate: "left" });
    assert.throws(() => left.tokenize(long), hasCode("text/too-long", "--truncate right"));
    const right = await openGolden(family, { truncate: "right" });
    const { ids, truncated } = right.tokenize(long);
    assert.deepEqual([ids.length, truncated], [4096, true]);
    const short = answer("The quick brown fox jumps. ".repeat(900));
    const roomy = await openGolden(family, { maxTokens: 100_000 });
    assert.deepEqual(ids, roomy.tokenize(short).ids.slice(0, 4096));
  });
}

Deno.test("a response of 2 million characters in one word is refused", async () => {
  for (const content of ["a", "<", "1", "你", "\n", "<|eot_id|>"]) {
    const tokenizer = await openGolden("llama2");
    assert.throws(
      () => tokenizer.tokenize(answer(`x${content.repeat(2_000_000 / content.length)}x`)),
      (error) => error instanceof AssayError && error.code === "text/too-long",
    );
  }
});

Deno.test("tokenize() makes lone surrogates well-formed and leaves line ends alone", async () => {
  const tokenizer = await openGolden("llama3");
  assert.deepEqual(
    tokenizer.tokenize(answer("a\ud83d")),
    tokenizer.tokenize(answer("a\ufffd")),
  );
  const { ids } = tokenizer.tokenize(answer("a\r\nb"));
  assert.ok([...ids].map((id) => tokenizer.decodeToken(id)).join("").includes("a\r\nb"));
});

Deno.test("tokenize() reports bad conversations, each with its code", async () => {
  const tokenizer = await openGolden("llama2");
  const bad = (conversation: unknown) => () => tokenizer.tokenize(conversation as Conversation);
  assert.throws(bad([]), hasCode("text/empty-conversation"));
  assert.throws(bad([{ role: "user", content: null }]), hasCode("text/bad-message", "null"));
  assert.throws(bad([{ role: "oracle", content: "" }]), hasCode("text/unknown-role", '"oracle"'));
  assert.throws(
    bad([{ role: "assistant", content: "first" }]),
    hasCode("text/template-refused", "Conversation roles must alternate"),
  );
});

Deno.test("openGolden() reports missing and malformed files, each with its code", async () => {
  const failing = (family: Family, replaced: Record<string, string | undefined>) =>
    openGolden(family, {}, replaced);
  await assert.rejects(
    failing("llama3", { "tokenizer.json": undefined }),
    hasCode("text/missing-tokenizer", "llama3", "tokenizer.json"),
  );
  for (const text of ["{", "[]", "null", '"text"']) {
    await assert.rejects(
      failing("llama3", { "tokenizer.json": text }),
      hasCode("text/bad-tokenizer"),
    );
    await assert.rejects(
      failing("llama3", { "tokenizer_config.json": text }),
      hasCode("text/bad-tokenizer", "tokenizer_config.json"),
    );
  }
  await assert.rejects(
    failing("llama3", { "tokenizer_config.json": undefined }),
    hasCode("text/no-chat-template", "chat_template.jinja"),
  );
  await assert.rejects(
    failing("llama3", { "chat_template.jinja": "{% if %}" }),
    hasCode("text/bad-chat-template", "chat_template.jinja of llama3"),
  );
  const vocab = { a: 0 };
  const prefixed = { type: "BPE", vocab, merges: [], continuing_subword_prefix: "##" };
  const models = [undefined, null, 3, {}, { type: "Nonesuch", vocab }, { type: "BPE" }, prefixed];
  for (const model of models) {
    const replaced = await edited("llama3", "tokenizer.json", (json) => ({ ...json, model }));
    await assert.rejects(failing("llama3", replaced), hasCode("text/bad-tokenizer"));
  }
});

Deno.test("openGolden() and tokenize() meet damaged files with AssayErrors only", async () => {
  const damage = fc.constantFrom<unknown>(undefined, null, -1, 0.5, "", "x", [], {}, [null], true);
  for (const family of ["llama3", "mistral", "bert"] as const) {
    const text = (await goldenFiles(family).readText("tokenizer.json"))!;
    const paths = nodePaths(JSON.parse(text));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), damage, async (path, value) => {
        const json = JSON.parse(text);
        let node = json;
        for (const key of path.slice(0, -1)) node = node[key];
        node[path.at(-1)!] = value;
        try {
          const tokenizer = await openGolden(family, {}, {
            "tokenizer.json": JSON.stringify(json),
          });
          tokenizer.tokenize(answer("The answer, é 你\n\n4"));
        } catch (error) {
          assert.ok(error instanceof AssayError, `${path.join(".")}: ${error}`);
        }
      }),
      { numRuns: 150 },
    );
  }
});

/** Paths to the nodes of a JSON value, of long lists and objects only the first few. */
function nodePaths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).slice(0, 12)
    .flatMap(([key, child]) => [[...path, key], ...nodePaths(child, [...path, key])]);
}

Deno.test("openGolden() takes special tokens from special_tokens_map.json where the config lacks them", async () => {
  const replaced = {
    ...await edited("mistral", "tokenizer_config.json", () => ({})),
    "special_tokens_map.json": JSON.stringify({ bos_token: { content: "<s>" }, eos_token: "</s>" }),
  };
  const plain = await openGolden("mistral");
  const mapped = await openGolden("mistral", {}, replaced);
  assert.deepEqual(mapped.tokenize(answer("4")), plain.tokenize(answer("4")));
});

Deno.test("openGolden() reads models of older files, which leave the type out", async () => {
  for (const family of ["llama3", "llama2", "bert"] as const) {
    const replaced = await edited(family, "tokenizer.json", (json) => {
      const { type: _, ...model } = json["model"] as Record<string, unknown>;
      return { ...json, model };
    });
    const conversation = answer("The answer, é 你");
    const typed = await openGolden(family);
    const untyped = await openGolden(family, {}, replaced);
    assert.deepEqual(untyped.tokenize(conversation), typed.tokenize(conversation));
  }
});

Deno.test("a template that prints the date prints the one it is given", async () => {
  const replaced = { "chat_template.jinja": "{{ strftime_now('%Y-%m-%d') }}" };
  const tokenizer = await openGolden("llama3", { now: () => new Date(2024, 1, 29) }, replaced);
  assert.equal(tokenizer.render([userQuestion]), "2024-02-29");
});

Deno.test("decodeToken() shows tokens as text", async () => {
  const shown = async (family: Family, content: string) => {
    const tokenizer = await openGolden(family);
    return [...tokenizer.tokenize(answer(content)).ids].map((id) => tokenizer.decodeToken(id));
  };
  assert.equal((await shown("llama3", "The 😀")).slice(-8).join("").includes("\ufffd"), true);
  assert.equal(
    (await shown("llama3", "The answer")).join(""),
    (await openGolden("llama3")).render(answer("The answer")),
  );
  assert.ok((await shown("llama2", "the answer <\n")).includes("<"));
  assert.ok((await shown("mistral", "the é ش")).join("").includes(" the "));
  assert.ok((await shown("bert", "hi")).some((text) => text.startsWith("##")));
  const tokenizer = await openGolden("llama3");
  assert.throws(() => tokenizer.decodeToken(1e6), hasCode("text/unknown-token", "1000000"));
});
