/** The browser page calibrates as `assay calibrate` does, and fits a telephone. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { readRows } from "../../src/data/read_rows.ts";
import type { Row } from "../../src/data/rows.ts";
import { calibrateRows } from "../../src/tasks/calibrate/calibrate_rows.ts";
import { fitCalibrator } from "../../src/tasks/calibrate/fit_calibrator.ts";
import { missingChromium } from "../chromium.ts";
import { testWhere } from "../requirement.ts";
import { assertAccessible, keepPicture, withPage } from "./opened_page.ts";

/** Scores that like length, as CSV. */
const csv = ["id,quality,length"].concat(
  Array.from({ length: 200 }, (_, i) => `${i},${((i * 7) % 40) / 10 + i / 8},${25 + 3 * i}`),
).join("\n");

/** What Deno makes of them. */
async function ofDeno(method: "lwr" | "mean"): Promise<Row[]> {
  const file = await Deno.makeTempFile({ suffix: ".csv" });
  try {
    await Deno.writeTextFile(file, csv);
    const columns = new Map([["score", "quality"]]);
    const { calibrator } = await fitCalibrator(readRows(file), { method, columns });
    const rows: Row[] = [];
    for await (const { row } of calibrateRows(readRows(file), calibrator, { columns })) {
      rows.push(row);
    }
    return rows;
  } finally {
    await Deno.remove(file);
  }
}

async function chooseFile(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.setInputFiles("#calibrate-file", { name, mimeType: "text/csv", buffer });
}

testWhere(
  missingChromium,
  "a CSV of scores is calibrated without a model, as on the command line, with a plot",
  () =>
    withPage(async ({ page }) => {
      await page.press("#tab-answers", "ArrowLeft"); // round to the last tab, by the keyboard
      await chooseFile(page, "judged.csv", Buffer.from(csv));
      await page.click("#calibrate-go");
      await page.locator("#calibrate-error", { hasText: "Cannot find scores in the row" })
        .waitFor();
      await page.fill("#calibrate-column", "quality");
      for (const method of ["lwr", "mean"] as const) {
        // The second time as it may come from a disk: packed.
        if (method === "mean") await chooseFile(page, "judged.csv.gz", gzipSync(csv));
        await page.selectOption("#calibrate-method", method);
        await page.click("#calibrate-go");
        await page.waitForSelector("#calibrate-go:not([disabled])");
        await page.waitForSelector("#calibrate-result:not([hidden])");
        assert.equal(await page.innerText("#calibrate-error"), "");
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.click("#calibrate-jsonl"),
        ]);
        assert.equal(download.suggestedFilename(), "judged-calibrated.jsonl");
        const text = await Deno.readTextFile(await download.path());
        const found = text.trimEnd().split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(found, await ofDeno(method), method);
      }
      assert.match(
        await page.innerText("#calibrate-lines"),
        /Spearman of score and length: 0\.9\d+ before, -?0\.[0-2]/,
      );
      const width = await page.locator("#calibrate-picture").evaluate((picture) =>
        (picture as unknown as { naturalWidth: number }).naturalWidth
      );
      assert.ok(width > 0, "there is no picture");
      await assertAccessible(page);
      await page.emulateMedia({ colorScheme: "dark" });
      await keepPicture(page, "calibrate-dark");
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 360, height: 700 });
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.equal(overflow, 0, "the page is wider than a telephone");
      await keepPicture(page, "calibrate-narrow");
    }),
);
