import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import type { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import { goldenFiles, openGolden } from "./golden_files.ts";

type Json = Record<string, unknown>;

async function edited(file: string, edit: (json: Json) => void): Promise<Record<string, string>> {
  const json = JSON.parse((await goldenFiles("llama3").readText(file))!);
  edit(json);
  return { [file]: JSON.stringify(json) };
}

const has = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AssayError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return true;
};

Deno.test("a golden tokenizer has nothing odd but what it lacks", async () => {
  for (const family of ["llama3", "qwen2", "bert"] as const) {
    assert.deepEqual((await openGolden(family)).warnings, [], family);
  }
});

Deno.test("a special token that is written must be in the vocabulary", async () => {
  const replaced = await edited("tokenizer_config.json", (json) => json.bos_token = "<|start|>");
  await assert.rejects(
    openGolden("llama3", {}, replaced),
    has("text/missing-special-token", /bos_token "<\|start\|>"/),
  );
  const unwritten = await edited("tokenizer_config.json", (json) => json.mask_token = "<|mask|>");
  const { warnings } = await openGolden("llama3", {}, unwritten);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /mask_token "<\|mask\|>", which the vocabulary lacks/);
});

Deno.test("an id is one token's, and a token has one id", async () => {
  const twice = await edited("tokenizer.json", (json) => {
    const added = json.added_tokens as { id: number }[];
    added[1]!.id = added[0]!.id;
  });
  const contradiction = has("text/bad-tokenizer", /one (id|token)/);
  await assert.rejects(openGolden("llama3", {}, twice), contradiction);
  const other = await edited("tokenizer_config.json", (json) => {
    json.added_tokens_decoder = { 7: { content: "<|eot_id|>", special: true } };
  });
  await assert.rejects(openGolden("llama3", {}, other), contradiction);
});

Deno.test("what is missing is told of: the config, names, control tokens, bytes", async () => {
  const warnings = async (replaced: Record<string, string | undefined>) =>
    (await openGolden("llama3", {}, replaced)).warnings.join("\n");
  const whole = JSON.parse((await goldenFiles("llama3").readText("tokenizer_config.json"))!);
  const source = { "chat_template.jinja": whole.chat_template as string };
  const without = { "tokenizer_config.json": undefined };
  assert.match(await warnings({ ...without, ...source }), /no tokenizer_config\.json/);
  await assert.rejects(
    openGolden("llama3", {}, without),
    has("text/no-chat-template", /no tokenizer_config\.json/),
  );
  const unnamed = await edited("tokenizer_config.json", (json) => delete json.bos_token);
  assert.match(await warnings(unnamed), /writes bos_token/);
  const template = "{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}";
  assert.match(await warnings({ "chat_template.jinja": template }), /<\|im_start\|>/);
  const bytes = await edited("tokenizer.json", (json) => {
    const model = json.model as { vocab: Record<string, number>; merges: unknown[] };
    delete model.vocab["!"];
  });
  assert.match(await warnings(bytes), /lacks 1 of the bytes that text is made of \(0x21\)/);
});

const conversation = (response: string) => [
  { role: "user", content: "How much is 2+2?" },
  { role: "assistant", content: response },
];

function withTemplate(template: string): Promise<ChatTokenizer> {
  return openGolden("llama3", { requireResponse: true }, { "chat_template.jinja": template });
}

Deno.test("a template that prints the same for every response is refused", async () => {
  const constant = ["", "Hello", "{{ messages[0].content }}"];
  for (const template of constant) {
    await assert.rejects(
      withTemplate(template),
      has("text/template-ignores-response", /one score/),
    );
  }
});

Deno.test("a response that the template leaves out or cuts is the row's error", async () => {
  const each = (content: string) => `{% for m in messages %}{{ ${content} }}|{% endfor %}`;
  const long = "The answer is four, as anyone can see who has four fingers.";
  const left = has("text/response-not-rendered", /left out/);
  const cut = await withTemplate(each("m.content[:20]"));
  cut.tokenize(conversation("Four."));
  assert.throws(() => cut.tokenize(conversation(long)), left);
  const end = await withTemplate(each("m.content[-20:]"));
  assert.throws(() => end.tokenize(conversation(long)), left);
  const byRole = await withTemplate(
    "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}{{ m.content }}{% endif %}{% endfor %}",
  );
  const tool = [...conversation("Four."), { role: "tool", content: "4" }];
  assert.throws(() => byRole.tokenize(tool), left);
});

Deno.test("a template may trim, join, escape and rewrite, and leave out what is thought", async () => {
  const each = (content: string) => `{% for m in messages %}{{ ${content} }}|{% endfor %}`;
  const responses = [
    " Four. \n",
    "4",
    "How much is 2+2?",
    "",
    "  ",
    'Say "four",\n\nand no <more>.',
  ];
  for (
    const content of ["m.content", "m.content | trim", "m.content | upper", "m.content | tojson"]
  ) {
    const tokenizer = await withTemplate(each(content));
    for (const response of responses) tokenizer.tokenize(conversation(response));
  }
  const thoughts = await withTemplate(each("m.content.split('</think>')[-1]"));
  thoughts.tokenize(conversation("<think>Two and two, so it is four.</think>\n\nIt is four."));
});
