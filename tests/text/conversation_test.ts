import assert from "node:assert/strict";
import { checkConversation } from "../../src/text/conversation.ts";
import { AssayError } from "../../src/error.ts";

const templateSource =
  "{% if m.role == 'critic' or m.role == \"judge\" %}<|eot|>{{ '<|eot|>' }}{% endif %}";

function rejects(conversation: unknown, code: string, ...parts: string[]): void {
  assert.throws(() => checkConversation(conversation, templateSource), (error) => {
    assert.ok(error instanceof AssayError);
    assert.equal(error.code, code);
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    return true;
  });
}

Deno.test("checkConversation() accepts the usual roles and those the template names", () => {
  const roles = ["system", "user", "assistant", "tool", "function", "developer", "critic", "judge"];
  const conversation = roles.map((role) => ({ role, content: "" }));
  assert.deepEqual(checkConversation(conversation, templateSource), conversation);
});

Deno.test("checkConversation() makes lone surrogates well-formed and changes nothing else", () => {
  const content = "a\ud83d b\udc00 😀 \r\n\u0301e\u0301 \ufeff\0";
  assert.deepEqual(checkConversation([{ role: "user", content }], ""), [
    { role: "user", content: "a\ufffd b\ufffd 😀 \r\n\u0301e\u0301 \ufeff\0" },
  ]);
});

Deno.test("checkConversation() refuses what is not a list of messages with string fields", () => {
  const good = { role: "user", content: "Hi" };
  rejects([], "text/empty-conversation", "at least one message");
  rejects("Hi", "text/bad-message", "a string");
  rejects({ role: "user", content: "Hi" }, "text/bad-message", "an object");
  rejects(undefined, "text/bad-message", "nothing");
  rejects([good, null], "text/bad-message", "message 2", "null");
  rejects([good, "Hi"], "text/bad-message", "message 2", "a string in place of the message");
  rejects([good, { role: "assistant" }], "text/bad-message", "message 2", "content", "nothing");
  rejects([{ role: "user", content: 4 }], "text/bad-message", "content", "a number");
  rejects([{ role: "user", content: [{ type: "text" }] }], "text/bad-message", "content", "a list");
  rejects([{ content: "Hi" }], "text/bad-message", "message 1", "role", "nothing");
});

Deno.test("checkConversation() refuses roles that the template does not name", () => {
  for (const role of ["asistant", "User", "", "<|eot|>", "critic ", "m.role"]) {
    rejects([{ role, content: "Hi" }], "text/unknown-role", "message 1", JSON.stringify(role));
  }
});
