import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { conversationsOfRow, type RowConversations } from "../../src/data/row_conversations.ts";
import type { Row } from "../../src/data/rows.ts";
import { type Message, withVariables } from "../../src/text/conversation.ts";

const system = (content: string): Message => ({ role: "system", content });
const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

function single(...conversation: Message[]): RowConversations {
  return { kind: "single", conversation };
}

const shapes: Readonly<Record<string, readonly [Row, RowConversations]>> = {
  "messages": [{ messages: [user("Q"), assistant("A")] }, single(user("Q"), assistant("A"))],
  "messages as JSON text, as in a CSV cell": [
    { messages: '[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]' },
    single(user("Q"), assistant("A")),
  ],
  "messages beside a null response": [
    { messages: [user("Q"), assistant("A")], response: null, chosen: null },
    single(user("Q"), assistant("A")),
  ],
  "messages with text parts and other keys": [
    {
      messages: [
        { role: "user", content: [{ type: "text", text: "Q" }, { type: "text", text: "?" }] },
        { role: "assistant", content: "A", name: "x", tool_calls: null },
      ],
    },
    single(user("Q?"), { ...assistant("A"), name: "x" }),
  ],
  "a message that only calls a tool": [
    { messages: [user("Q"), { role: "assistant", content: null, tool_calls: [{ id: "1" }] }] },
    single(user("Q"), { ...assistant(""), nullContent: true, tool_calls: [{ id: "1" }] }),
  ],
  "a system column": [
    { system: "S", prompt: "Q", chosen: "A", rejected: [system(" S"), user("Q"), assistant("B")] },
    {
      kind: "pair",
      chosen: [system("S"), user("Q"), assistant("A")],
      rejected: [system(" S"), user("Q"), assistant("B")],
    },
  ],
  "columns for the chat template": [
    { prompt: "Q", response: "A", tools: [{ name: "f" }], chat_template_kwargs: '{"x": false}' },
    {
      kind: "single",
      conversation: withVariables([user("Q"), assistant("A")], {
        x: false,
        tools: [{ name: "f" }],
      }),
    },
  ],
  "empty columns for the chat template": [
    { prompt: "Q", response: "A", tools: [], documents: "", system: "", chat_template_kwargs: {} },
    single(user("Q"), assistant("A")),
  ],
  "a CSV row whose other shapes are empty": [
    { prompt: "Q", response: "A", chosen: "", rejected: "", responses: "", messages: "" },
    single(user("Q"), assistant("A")),
  ],
  "prompt and response as strings": [
    { prompt: "Q", response: "" },
    single(user("Q"), assistant("")),
  ],
  "prompt and completion, as TRL spells it": [
    { prompt: [system("S"), user("Q")], completion: [assistant("A")] },
    single(system("S"), user("Q"), assistant("A")),
  ],
  "a prompt list and a string response": [
    { prompt: [user("Q"), assistant("A"), user("R")], response: "B" },
    single(user("Q"), assistant("A"), user("R"), assistant("B")),
  ],
  "a pair of strings": [
    { prompt: "Q", chosen: "A", rejected: "B" },
    { kind: "pair", chosen: [user("Q"), assistant("A")], rejected: [user("Q"), assistant("B")] },
  ],
  "a pair of lists with an explicit prompt": [
    { prompt: [user("Q")], chosen: [assistant("A")], rejected: [assistant("B")] },
    { kind: "pair", chosen: [user("Q"), assistant("A")], rejected: [user("Q"), assistant("B")] },
  ],
  "a pair of lists with an implicit prompt": [
    { chosen: [user("Q"), assistant("A")], rejected: [user("Q"), assistant("B")] },
    { kind: "pair", chosen: [user("Q"), assistant("A")], rejected: [user("Q"), assistant("B")] },
  ],
  "a pair whose lists hold the prompt's text too, as UltraFeedback has it": [
    {
      prompt: "Q",
      chosen: [user("Q"), assistant("A")],
      rejected: [system("S"), user(" Q "), assistant("B")],
      messages: [user("Q"), assistant("A")],
    },
    {
      kind: "pair",
      chosen: [user("Q"), assistant("A")],
      rejected: [system("S"), user(" Q "), assistant("B")],
    },
  ],
  "a pair of HH-RLHF transcripts": [
    {
      chosen: "\n\nHuman: Q\n\nAssistant: A\n\nHuman: R\n\nAssistant: B",
      rejected: "\n\nHuman: Q\n\nAssistant: ",
    },
    {
      kind: "pair",
      chosen: [user("Q"), assistant("A"), user("R"), assistant("B")],
      rejected: [user("Q"), assistant("")],
    },
  ],
  "an HH-RLHF prompt that waits for its answer": [
    { prompt: "\n\nHuman: Q\n\nAssistant:", chosen: " A", rejected: "B" },
    { kind: "pair", chosen: [user("Q"), assistant("A")], rejected: [user("Q"), assistant("B")] },
  ],
  "responses": [
    { prompt: "Q", responses: ["A", [assistant("B")]] },
    { kind: "best_of_n", candidates: [[user("Q"), assistant("A")], [user("Q"), assistant("B")]] },
  ],
  "responses as JSON text": [
    { prompt: "Q", responses: '["A"]' },
    { kind: "best_of_n", candidates: [[user("Q"), assistant("A")]] },
  ],
  "all_generated_responses, as SimPO spells it": [
    { prompt: "Q", all_generated_responses: ["A", "B"] },
    { kind: "best_of_n", candidates: [[user("Q"), assistant("A")], [user("Q"), assistant("B")]] },
  ],
  "a prompt that goes on after an answer": [
    { prompt: [user("Q"), assistant("A")], response: [user("R"), assistant("B")] },
    single(user("Q"), assistant("A"), user("R"), assistant("B")),
  ],
};

for (const [name, [row, expected]] of Object.entries(shapes)) {
  Deno.test(`conversationsOfRow() reads ${name}`, () => {
    assert.deepEqual(conversationsOfRow(row), expected);
  });
}

const refusals: Readonly<Record<string, readonly [Row, RegExp]>> = {
  "a row without a conversation": [{ id: 1, text: "x" }, /found the columns "id", "text"/],
  "a row without columns": [{}, /found the columns none/],
  "empty messages": [
    { messages: [] },
    /"messages": expected at least one message, found an empty list/,
  ],
  "messages that are no list": [{ messages: "Hi" }, /"messages": expected a list, found a string/],
  "messages that are an object": [{ messages: {} }, /expected a list of messages, found an object/],
  "messages that are broken JSON text": [{ messages: "[{'role'" }, /text that is not JSON/],
  "a message that is a string": [
    { messages: ["Hi"] },
    /expected message 1 to be {role, content}, found a string/,
  ],
  "a message without a role": [
    { messages: [{ content: "Hi" }] },
    /expected a role in message 1 .*, found nothing/,
  ],
  "a message with an empty role": [
    { messages: [{ role: "", content: "Hi" }] },
    /found an empty string/,
  ],
  "a message without content": [
    { messages: [user("Q"), { role: "assistant" }] },
    /expected the content of message 2 of "messages" to be a string, found nothing/,
  ],
  "a message with an image": [
    { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
    /found a part of type "image_url"/,
  ],
  "a conversation that ends with a question": [
    { messages: [assistant("A"), user("Q")] },
    /expected the last message to be the response to score, found a "user" message/,
  ],
  "another system message": [
    { system: "S", messages: [system("T"), user("Q"), assistant("A")] },
    /"system": expected the system message that the conversation begins with/,
  ],
  "tools that are a word": [
    { prompt: "Q", response: "A", tools: "search" },
    /"tools": expected a list/,
  ],
  "a system prompt by another name": [
    { prompt: "Q", response: "A", system_prompt: "S" },
    /"system_prompt": .*rename it to "system"/,
  ],
  "images": [{ prompt: "Q", response: "A", images: ["x.png"] }, /"images": .*can't be scored/],
  "half a pair": [{ prompt: "Q", chosen: "A" }, /"rejected": a pair needs both/],
  "a string without a prompt": [{ response: "A" }, /"response": a string needs a "prompt"/],
  "a pair of strings without a prompt": [
    { chosen: "A", rejected: "B" },
    /"chosen": a string needs a "prompt"/,
  ],
  "a response that is a number": [
    { prompt: "Q", response: 7 },
    /"response": expected a text, or a list of messages or steps, found a number/,
  ],
  "a prompt that is a number": [
    { prompt: 7, response: "A" },
    /"prompt": expected a list of messages, found a number/,
  ],
  "an empty list of responses": [
    { prompt: "Q", responses: [] },
    /expected at least one response, found an empty list/,
  ],
  "responses that are an object": [
    { prompt: "Q", responses: {} },
    /expected a list of responses, found an object/,
  ],
  "a bad response among responses": [
    { prompt: "Q", responses: ["A", 5] },
    /"responses\[1\]": .* found a number/,
  ],
  "a conversation that contradicts its prompt": [
    { prompt: "Q", chosen: [user("R"), assistant("A")], rejected: "B" },
    /found a "user" message that is not the prompt's/,
  ],
};

for (const [name, [row, message]] of Object.entries(refusals)) {
  Deno.test(`conversationsOfRow() refuses ${name}`, () => {
    assert.throws(() => conversationsOfRow(row), (error) => {
      assert(error instanceof AssayError);
      assert.equal(error.code, "data/bad-row");
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("conversationsOfRow() takes a list of texts as the steps of a response", () => {
  const ask = { role: "user", content: "2+2?" };
  const stepped = (...steps: string[]) => [ask, { role: "assistant", content: "", steps }];
  const prompt = "2+2?";
  for (const row of [{ steps: ["It is", "4."] }, { response: ["It is", "4."] }]) {
    assert.deepEqual(conversationsOfRow({ prompt, ...row }), {
      kind: "single",
      conversation: stepped("It is", "4."),
    });
  }
  const asText = conversationsOfRow({ prompt, steps: '["It is", "4."]' });
  assert.deepEqual(asText, { kind: "single", conversation: stepped("It is", "4.") });
  assert.deepEqual(conversationsOfRow({ prompt, chosen: ["4."], rejected: ["No", "5."] }), {
    kind: "pair",
    chosen: stepped("4."),
    rejected: stepped("No", "5."),
  });
  assert.deepEqual(conversationsOfRow({ prompt, responses: [["4."], ["No", "5."]] }), {
    kind: "best_of_n",
    candidates: [stepped("4."), stepped("No", "5.")],
  });
  // A text that is a list may be the answer itself.
  const answer = conversationsOfRow({ prompt, response: '["4"]' });
  assert.deepEqual(answer, {
    kind: "single",
    conversation: [ask, { role: "assistant", content: '["4"]' }],
  });
  for (const steps of [[], [1], "It is 4.", { 0: "4" }]) {
    assert.throws(() => conversationsOfRow({ prompt, steps }), /Cannot use column "steps"/);
  }
  const withNull = { prompt, steps: ["It is", null] };
  assert.throws(() => conversationsOfRow({ prompt, steps: "[]" }), /found an empty list/);
  assert.throws(() => conversationsOfRow(withNull), /texts, found null as item 2 of it/);
  assert.throws(() => conversationsOfRow({ prompt, response: null }), /"response" \(null\)/);
});
