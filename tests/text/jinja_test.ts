import assert from "node:assert/strict";
import { ChatTemplate } from "../../src/text/chat_template.ts";
import type { Conversation } from "../../src/text/mod.ts";
import { AssayError } from "../../src/error.ts";

const folder = new URL("../golden/text/", import.meta.url);

function readGolden<T>(file: string): T {
  return JSON.parse(Deno.readTextFileSync(new URL(file, folder)));
}

/** The text, or null where the template is refused; anything but a coded refusal fails the test. */
function outcome(render: () => string): string | null {
  try {
    return render();
  } catch (error) {
    assert.ok(error instanceof AssayError, String((error as Error).stack));
    assert.match(error.code, /^text\/(bad-chat-template|template-(refused|failed|runaway))$/);
    return null;
  }
}

Deno.test("templates with the features of published ones are rendered as transformers renders them", () => {
  const { names, now, conversations, templates } = readGolden<{
    names: Record<string, string>;
    now: string;
    conversations: Conversation[];
    templates: { name: string; template: string; texts: [string | null, string | null][] }[];
  }>("templates.json");
  let compared = 0;
  for (const { name, template, texts } of templates) {
    const parse = () =>
      ChatTemplate.parse(template, { specialTokens: names, now: () => new Date(now) });
    conversations.forEach((conversation, index) => {
      for (const addGenerationPrompt of [false, true]) {
        const found = outcome(() => parse().render(conversation, { addGenerationPrompt }));
        assert.equal(found, texts[index]![Number(addGenerationPrompt)], `${name}, ${index}`);
        compared++;
      }
    });
  }
  assert.ok(compared >= 900, `${compared}`);
});

Deno.test("small random templates are rendered or refused as Jinja2 does", () => {
  const { prelude, trials } = readGolden<{
    prelude: string;
    trials: [template: string, text: string | null][];
  }>("template_trials.json");
  for (const [template, text] of trials) {
    assert.equal(outcome(() => ChatTemplate.parse(prelude + template).render([])), text, template);
  }
  assert.ok(trials.length >= 5000);
});
