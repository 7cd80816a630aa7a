/**
 * The page at `/`, in Debian's Chromium. Screenshots are kept in `.cache/artifacts/`, to be looked at.
 *
 * @module
 */
import assert from "node:assert/strict";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { serve } from "../../src/server/serve.ts";
import { chromiumExecutable, missingChromium } from "../chromium.ts";
import { testWhere } from "../requirement.ts";
import { FakeModel } from "./fake_model.ts";

const artifacts = new URL("../../.cache/artifacts/", import.meta.url);

/** Opens the page of a server of two fake models, and tells what its console said. */
async function withPage(
  use: (page: Page, address: string) => Promise<void>,
  apiKey?: string,
): Promise<void> {
  const load = () => Promise.resolve(new FakeModel());
  const models = [{ id: "armo", load }, { id: "small", load }];
  const server = await serve(models, { port: 0, log: () => {}, apiKey });
  await server.ready;
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch({
      executablePath: chromiumExecutable!,
      args: ["--no-sandbox"],
    });
    const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.goto(server.address);
    await use(page, server.address);
    const unexpected = said.filter((text) => !/status of (401|422)/.test(text));
    assert.deepEqual(unexpected, []);
  } finally {
    await browser?.close();
    await server.stop();
  }
}

async function keep(page: Page, name: string): Promise<void> {
  await Deno.mkdir(artifacts, { recursive: true });
  await Deno.writeFile(
    new URL(`${name}.png`, artifacts),
    await page.screenshot({ fullPage: true }),
  );
}

async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run()
  );
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
}

function pageTest(name: string, test: () => Promise<void>): void {
  testWhere(missingChromium, name, test);
}

pageTest(
  "the page scores a conversation by the keyboard alone: score, objectives, tokens",
  () =>
    withPage(async (page) => {
      await page.locator("#state", { hasText: "armo: llama" }).waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.type("How much is 2+2?");
      await page.keyboard.press("Tab");
      await page.keyboard.type("four");
      await page.keyboard.press("Control+Enter");
      await page.waitForSelector("#result:not([hidden])");
      assert.equal(await page.evaluate("document.activeElement.id"), "result");
      assert.equal(await page.innerText("#scores .score"), "4.0000");
      const rows = await page.locator("#objectives tbody tr").allInnerTexts();
      assert.deepEqual(rows.map((row) => row.split(/\s+/).slice(0, 2)), [
        ["helpful", "6.0000"],
        ["brief", "-2.0000"],
      ]);
      await page.locator("#tokens summary").press("Enter");
      assert.equal(await page.innerText("#token-lists .tokens"), "four");
      await assertAccessible(page);
      await keep(page, "page-score-light");
    }),
);

pageTest(
  "the page compares two answers and shows what moved the margin, in the dark too",
  () =>
    withPage(async (page) => {
      await page.emulateMedia({ colorScheme: "dark" });
      await page.fill("#prompt", '[{"role":"user","content":"Hi"}]');
      await page.fill("#first", "four");
      await page.fill("#second", "a longer one");
      await page.selectOption("#model", "small");
      await page.click("#go");
      await page.waitForSelector("#result:not([hidden])");
      assert.deepEqual(await page.locator("#scores .score").allInnerTexts(), [
        "4.0000",
        "12.000",
        "-8.0000",
      ]);
      assert.match(await page.innerText("#objectives"), /What moved the margin/);
      await page.evaluate("document.querySelector('details').open = true");
      assert.equal(await page.locator("#token-lists .tokens").count(), 2);
      await assertAccessible(page);
      await keep(page, "page-pair-dark");
      await page.setViewportSize({ width: 360, height: 700 });
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.equal(overflow, 0, "the page is wider than a telephone");
      await keep(page, "page-pair-narrow");
    }),
);

pageTest(
  "the page says what went wrong, escapes what it shows, and asks for a key where one is wanted",
  async () => {
    await withPage(async (page) => {
      await page.fill("#prompt", "<img src=x onerror=alert(1)>");
      await page.fill("#first", "bad");
      await page.click("#go");
      await page.locator("#error", { hasText: "it is bad" }).waitFor();
      await page.fill("#first", "<b>bold</b>");
      await page.click("#go");
      await page.waitForSelector("#result:not([hidden])");
      assert.equal(await page.locator("#token-lists b").count(), 0);
    });
    await withPage(async (page) => {
      await page.waitForSelector("#key-choice:not([hidden])");
      await page.fill("#key", "s3cret");
      await page.fill("#prompt", "Hi");
      await page.fill("#first", "four");
      await page.click("#go");
      await page.waitForSelector("#result:not([hidden])");
      assert.equal(await page.innerText("#scores .score"), "4.0000");
      await assertAccessible(page);
    }, "s3cret");
  },
);
