import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { HeatMap } from "../../src/cli/score/heat_map_page.ts";
import { chromiumExecutable, missingChromium } from "../chromium.ts";
import { testWhere } from "../requirement.ts";

const row = {
  id: "a",
  prompt: "2 + 2?",
  score: 1.5,
  empty_score: 1,
  token_rewards: [
    { text: "It", start: 0, end: 2, reward: 1 },
    { text: " is", start: 2, end: 5, reward: -0.25 },
    { text: " <b>4", start: 5, end: 10, reward: -0.25 },
  ],
};

Deno.test("a heat map has room for so many tokens, and counts the rows beyond", () => {
  const map = new HeatMap();
  const many = { ...row, token_rewards: new Array(4500).fill(row.token_rewards[0]) };
  for (let number = 1; number <= 4; number++) map.add(many, number);
  map.add({ error: { code: "data/bad-row" } }, 5);
  assert.equal(map.leftOut, 2);
  const page = map.page("<model>");
  assert.ok(page.length < 2e6);
  assert.match(page, /2 further rows are left out/);
  assert.match(page, /<code>&#60;model&#62;<\/code>/);
});

testWhere(
  missingChromium,
  "a heat map's tokens are told by key and pointer, light and dark",
  async () => {
    const map = new HeatMap();
    map.add(row, 1);
    await using browser = await chromium.launch({ executablePath: chromiumExecutable! });
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ colorScheme });
      const requests: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      await page.setContent(map.page("model"));
      await page.keyboard.press("Tab");
      assert.equal(await page.textContent("#told"), '"It"  +1.0000');
      await page.keyboard.press("ArrowRight");
      assert.equal(await page.textContent("#told"), '" is"  −0.2500');
      await page.keyboard.press("End");
      assert.equal(await page.textContent("#told"), '" <b>4"  −0.2500');
      assert.equal(await page.locator(".heat [tabindex]").count(), 1);
      await page.locator(".heat .t").first().hover();
      assert.equal(await page.textContent("#told"), '"It"  +1.0000');
      assert.equal(await page.locator("table tbody tr").count(), 3);
      await page.evaluate(axe.source);
      const { violations } = await page.evaluate<{ violations: { id: string }[] }>("axe.run()");
      assert.deepEqual(violations.map(({ id }) => id), []);
      assert.deepEqual(requests, []);
      await page.close();
    }
  },
);
