import assert from "node:assert/strict";
import { parseHTML } from "linkedom";
import { fit } from "../../src/calibration/fit.ts";
import { calibrationPanel, drawCalibration } from "../../src/calibration/plot.ts";
import { calibrationPage } from "../../src/calibration/plot_page.ts";
import { poolOfPairs } from "../../src/calibration/pool.ts";
import { assertClose, rejectsWith } from "./assertions.ts";
import { biasedPairs } from "./pools.ts";

function drawn(features: string[], count = 60) {
  const pool = poolOfPairs(biasedPairs(count, 0.01));
  const { calibrator, scores, diagnostics } = fit(pool, { features });
  const panels = features.map((name) =>
    calibrationPanel(calibrator, name, {
      x: pool.features[name]!,
      before: pool.scores,
      after: scores,
    })
  );
  return { pool, scores, diagnostics, panels };
}

Deno.test("drawCalibration() draws every row twice, before and after, with a curve in each", async () => {
  const { panels } = drawn(["length", "markdown"]);
  const { svg, scales } = await drawCalibration(panels);
  assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  assert.doesNotMatch(svg, /NaN|undefined|<script|<style/);
  const { document } = parseHTML(`<html><body>${svg}</body></html>`) as unknown as Page;
  const inner = [...document.querySelectorAll("svg > svg")];
  assert.equal(inner.length, 4);
  for (const panel of inner) {
    assert.equal(panel.querySelectorAll("circle").length, 120);
    assert.equal(panel.querySelectorAll('[aria-label="line"] path').length, 1);
  }
  assert.deepEqual(inner.map((panel) => [panel.getAttribute("x"), panel.getAttribute("y")]), [
    ["0", "0"],
    ["480", "0"],
    ["0", "340"],
    ["480", "340"],
  ]);
  assert.match(svg, /length/);
  assert.match(svg, /markdown/);
  // The scale that the slider uses is the one that the dots were drawn with.
  const dots = [...inner[1]!.querySelectorAll("circle")].map((dot) =>
    Number(dot.getAttribute("cy"))
  );
  const { offset, slope } = scales[0]!;
  const expected = panels[0]!.rows.map(({ after }) => offset + slope * after);
  assertClose(dots, expected, 1e-6);
});

Deno.test("calibrationPanel() draws a random sample of many rows, and leaves out what is not finite", () => {
  const { panels } = drawn(["length"], 2000);
  assert.equal(panels[0]!.rows.length, 1500);
  assert(panels[0]!.fitted.length <= 120 && panels[0]!.remaining.length <= 120);
  const pool = poolOfPairs(biasedPairs(5, 0.01));
  const { calibrator } = fit(pool, { features: ["length"] });
  const rows = { x: [1, NaN, 3], before: [1, 2, 3], after: [1, 2, NaN] };
  assert.deepEqual(calibrationPanel(calibrator, "length", rows).rows, [{
    x: 1,
    before: 1,
    after: 1,
  }]);
  const none = { x: [NaN], before: [1], after: [1] };
  rejectsWith("calibration/too-few-rows", () => calibrationPanel(calibrator, "length", none));
});

interface Element {
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Element> & { length: number };
  textContent: string;
  value: string;
  dispatchEvent(event: Event): void;
}

interface Page {
  document: {
    querySelectorAll(selector: string): Iterable<Element>;
    querySelector(selector: string): Element;
    getElementById(id: string): Element;
  };
  Event: typeof Event;
}

Deno.test("calibrationPage() has a slider that goes from the scores as they came to calibrated ones", async () => {
  const { panels, diagnostics } = drawn(["length"]);
  const picture = await drawCalibration(panels);
  const title = "Scores & <lengths>";
  const html = calibrationPage(picture, panels, { title, diagnostics });
  assert.doesNotMatch(html, /(src|href)="/); // one file that loads nothing
  const page = parseHTML(html) as unknown as Page;
  const { document } = page;
  assert.equal(document.querySelector("h1").textContent, title);
  assert.match(document.querySelector("table").textContent, /length0\.\d+/);

  // What a browser would run, on this document.
  new Function("document", document.querySelector("script").textContent)(document);
  const slider = document.getElementById("strength");
  const heights = () =>
    [...[...document.querySelectorAll("svg > svg")][1]!.querySelectorAll("circle")]
      .map((dot) => Number(dot.getAttribute("cy")));
  const { offset, slope } = picture.scales[0]!;
  for (const strength of [0, 1, 2]) {
    slider.value = String(strength);
    slider.dispatchEvent(new page.Event("input"));
    const expected = panels[0]!.rows.map(({ before, after }) =>
      offset + slope * (before + strength * (after - before))
    );
    assertClose(heights(), expected, 1e-2);
  }
  slider.value = "0";
  slider.dispatchEvent(new page.Event("input"));
  const before = diagnostics.features.length!.spearmanBefore!.toFixed(3);
  assert.match(document.getElementById("correlations").textContent, new RegExp(before));
});
