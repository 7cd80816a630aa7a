/** The audit's page in Chromium: nothing is loaded; light, dark and print; the keyboard. */
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { chromium, type Page } from "playwright-core";
import { auditFiles } from "../../../src/tasks/audit/audit.ts";
import { writeAudit } from "../../../src/tasks/audit/write_audit.ts";
import { assertAccessible, keepPicture } from "../../browser_page/opened_page.ts";
import { chromiumExecutable, missingChromium } from "../../chromium.ts";
import { testWhere } from "../../requirement.ts";
import { scoredPairs } from "./scored_rows.ts";

/** Opens the page of a small audit of two models; what it asks for and says must be nothing. */
async function withAuditPage(use: (page: Page) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const browser = await chromium.launch({
    executablePath: chromiumExecutable!,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    for (const seed of [1, 2]) {
      const text = scoredPairs(60, seed).map((row) => JSON.stringify(row)).join("\n");
      await Deno.writeTextFile(`${folder}/${seed}.jsonl`, text);
    }
    await writeAudit(folder, await auditFiles([`${folder}/1.jsonl`, `${folder}/2.jsonl`]));
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("request", (request) => said.push(request.url()));
    const address = pathToFileURL(`${folder}/audit.html`).href;
    await page.goto(address);
    await use(page);
    assert.deepEqual(said.filter((text) => text !== address && text !== "data:,"), []);
  } finally {
    await browser.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** A text of the page that runs there. */
const headings =
  "[...document.querySelectorAll('h1,h2,h3,h4')].map((each) => Number(each.tagName[1]))";
const ground = "getComputedStyle(document.body).backgroundColor";
const shownTables = "[...document.querySelectorAll('details table')].filter((each) => " +
  "each.checkVisibility({ contentVisibilityAuto: true })).length";

testWhere(
  missingChromium,
  "the audit's page in light, dark and print, by keyboard, with headings in order",
  () =>
    withAuditPage(async (page) => {
      const levels = await page.evaluate(headings) as number[];
      assert.equal(levels[0], 1);
      levels.forEach((level, place) => assert.ok(place === 0 || level <= levels[place - 1]! + 1));
      await assertAccessible(page);

      await page.emulateMedia({ colorScheme: "light" });
      const light = await page.evaluate(ground);
      await keepPicture(page, "audit-light");
      await page.emulateMedia({ colorScheme: "dark" });
      assert.notEqual(await page.evaluate(ground), light);
      await keepPicture(page, "audit-dark");

      await page.keyboard.press("Tab");
      assert.equal(await page.innerText(":focus"), "Skip to the summary");
      await page.keyboard.press("Enter");
      assert.equal(await page.getAttribute(":focus", "id"), "summary");
      assert.equal(await page.evaluate(shownTables), 0);
      await page.locator("summary").first().focus();
      await page.keyboard.press("Enter");
      assert.notEqual(await page.evaluate(shownTables), 0);

      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      const all = await page.locator("details table").count();
      assert.equal(await page.evaluate(shownTables), all, "folded tables are printed");
      assert.equal(await page.evaluate(ground), light);
      await keepPicture(page, "audit-print");
    }),
);
