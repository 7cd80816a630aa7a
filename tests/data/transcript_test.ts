import assert from "node:assert/strict";
import { conversationsOfRow } from "../../src/data/row_conversations.ts";

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const chosen = [user("2+2?\nPlease."), assistant("Hm.\n\n4?"), user("Sure?"), assistant("Yes.")];
const rejected = [...chosen.slice(0, 3), assistant("No.")];

function transcript(messages: readonly { role: string; content: string }[]): string {
  const name = (role: string) => role === "user" ? "Human" : "Assistant";
  return messages.map(({ role, content }) => `\n\n${name(role)}: ${content}`).join("");
}

const forms: Readonly<Record<string, (text: string) => string>> = {
  "as published": (text) => text,
  "without the leading blank line": (text) => text.trimStart(),
  "with one leading line end": (text) => text.slice(1),
  "with CRLF": (text) => text.replaceAll("\n", "\r\n"),
  "with CRLF and stripped": (text) => text.trim().replaceAll("\n", "\r\n"),
  "with CR": (text) => text.replaceAll("\n", "\r"),
};

for (const [name, form] of Object.entries(forms)) {
  Deno.test(`conversationsOfRow() takes transcripts of HH-RLHF apart ${name}`, () => {
    const texts = { chosen: form(transcript(chosen)), rejected: form(transcript(rejected)) };
    const prompt = transcript(chosen.slice(0, 3));
    const expected = { kind: "pair", chosen, rejected };
    assert.deepEqual(conversationsOfRow(texts), expected);
    const prompts = [
      "",
      form(prompt),
      form(`${prompt}\n\nAssistant:`),
      form(`${prompt}\n\nAssistant: `),
      chosen.slice(0, 3),
      JSON.stringify(chosen.slice(0, 3)),
    ];
    for (const prompt of prompts) {
      assert.deepEqual(conversationsOfRow({ prompt, ...texts }), expected);
    }
    const answers = { chosen: " Yes.", rejected: "\n\nAssistant: No." };
    const waiting = { prompt: form(`${prompt}\n\nAssistant:`), ...answers };
    assert.deepEqual(conversationsOfRow(waiting), expected);
    const single = { prompt: "2+2?", response: form("\n\nHuman: 2+2?\n\nAssistant: 4") };
    assert.deepEqual(conversationsOfRow(single), {
      kind: "single",
      conversation: [user("2+2?"), assistant("4")],
    });
  });
}

Deno.test("conversationsOfRow() refuses what only looks like a transcript, and a prompt of another", () => {
  const unclear = [
    { prompt: "Human: 2+2?\nAssistant:", response: "4" },
    { prompt: "Human: 2+2?", response: "4" },
    { prompt: "2+2?", response: "Human: 2+2?\nAssistant: 4" },
    { prompt: "Human: a\n\nAssistant: b\nHuman: c\n\nAssistant:", response: "d" },
  ];
  for (const row of unclear) {
    assert.throws(() => conversationsOfRow(row), { code: "data/unclear-text" });
  }
  const other = { prompt: "3+3?", response: "\n\nHuman: 2+2?\n\nAssistant: 4" };
  assert.throws(() => conversationsOfRow(other), {
    code: "data/bad-row",
    message: /not the prompt's/,
  });
});

Deno.test("conversationsOfRow() leaves text that mentions the layout alone", () => {
  const prompt = "Go on:\n\nHuman: Hi\n\nAssistant: Hello.";
  const response = "Humans: a\nAssistant: b";
  assert.deepEqual(conversationsOfRow({ prompt, response }), {
    kind: "single",
    conversation: [user(prompt), assistant(response)],
  });
});
