import assert from "node:assert/strict";
import { goalPrompt, relabelWithGoals } from "../../src/voting/goal_relabel.ts";

const user = { role: "user", content: "Hi" };
const messages = {
  chosen: [user, { role: "assistant", content: "Hello!" }],
  rejected: [user, { role: "assistant", content: "What?" }],
};

Deno.test("goalPrompt() prints whole goals without decimals", () => {
  assert.match(goalPrompt(8), /Overall score: 8\.$/);
  assert.match(goalPrompt(7.5), /Overall score: 7\.5\.$/);
});

Deno.test("relabelWithGoals() asks for each response by its quality, in a system message", () => {
  const [high, low] = relabelWithGoals(messages, 9, 2);
  const goal = (score: number) => ({ role: "system", content: goalPrompt(score) });
  assert.deepEqual(high, {
    chosen: [goal(9), ...messages.chosen],
    rejected: [goal(9), ...messages.rejected],
    goal: 9,
    flipped: false,
  });
  assert.deepEqual(low, {
    chosen: [goal(2), ...messages.rejected],
    rejected: [goal(2), ...messages.chosen],
    goal: 2,
    flipped: true,
  });
});

Deno.test("relabelWithGoals() joins a system message that is there, and can speak as the user", () => {
  const system = { role: "system", content: "Be brief." };
  const row = { prompt: [system, user], chosen: "a", rejected: "b" };
  const [high] = relabelWithGoals(row, 9, 2);
  assert.deepEqual(high?.prompt, [
    { role: "system", content: `${goalPrompt(9)}\n\nBe brief.` },
    user,
  ]);
  const [asUser] = relabelWithGoals({ ...row, prompt: [user] }, 9, 2, { placement: "user" });
  assert.deepEqual(asUser?.prompt, [{ role: "user", content: `${goalPrompt(9)}\n\nHi` }]);
});

Deno.test("relabelWithGoals() does not change the row it is given", () => {
  const before = structuredClone(messages);
  relabelWithGoals(messages, 9, 2, { placement: "user" });
  assert.deepEqual(messages, before);
});

Deno.test("relabelWithGoals() makes nothing of equal, reversed or missing qualities", () => {
  assert.deepEqual(relabelWithGoals(messages, 5, 5), []);
  assert.deepEqual(relabelWithGoals(messages, 2, 5), []);
  assert.deepEqual(relabelWithGoals(messages, NaN, 5), []);
});

Deno.test("relabelWithGoals() throws where there is nothing to put a goal to", () => {
  assert.throws(() => relabelWithGoals({ prompt: 7 }, 9, 2), { code: "voting/not-a-pair" });
  assert.throws(() => relabelWithGoals({}, 9, 2), { code: "voting/not-a-pair" });
});
