import type { Accuracy, Diagnostics } from "./diagnostics.ts";
import type { CalibrationPanel, CalibrationPicture } from "./plot.ts";
import { percent } from "../numbers/percent.ts";

/** What a page shows beside its picture. */
export interface PageContent {
  /** Headline. */
  readonly title: string;
  /** What the calibration did. */
  readonly diagnostics: Diagnostics;
}

/**
 * A web page with the picture, the diagnostics and a slider that shows the calibrated scores at
 * other strengths (0 is the score as it came, 1 the calibration as it was fitted). One file that
 * loads nothing.
 *
 * @param picture The drawn picture.
 * @param panels The panels it was drawn from.
 * @param content Headline and diagnostics.
 * @returns HTML text.
 */
export function calibrationPage(
  picture: CalibrationPicture,
  panels: readonly CalibrationPanel[],
  { title, diagnostics }: PageContent,
): string {
  const data = panels.map((panel, index) => ({
    ...picture.scales[index],
    x: panel.rows.map(({ x }) => short(x)),
    before: panel.rows.map(({ before }) => short(before)),
    after: panel.rows.map(({ after }) => short(after)),
  }));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
svg { max-width: 100%; height: auto; }
svg svg { max-width: none; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
li { color: #8a3b00; }
</style>
<h1>${escaped(title)}</h1>
<p><label>Strength <input id="strength" type="range" min="0" max="2" step="0.05" value="1">
<output id="shown">1.00</output></label>
<span id="correlations"></span></p>
${picture.svg}
${correlationTable(diagnostics)}
${accuracyTable(diagnostics)}
${warningList(diagnostics)}
<script>
const panels = ${JSON.stringify(data).replaceAll("<", "\\u003c")};
${sliderScript}
</script>
</html>
`;
}

/** Moves the calibrated dots and ranks them again; plain JavaScript, as it stands in the page. */
const sliderScript = `
const drawings = document.querySelectorAll("svg > svg");
const ranks = (values) => {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const result = [];
  for (let i = 0; i < order.length;) {
    let end = i + 1;
    while (end < order.length && values[order[end]] === values[order[i]]) end++;
    for (let j = i; j < end; j++) result[order[j]] = (i + 1 + end) / 2;
    i = end;
  }
  return result;
};
const spearman = (a, b) => {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (x.length + 1) / 2;
  let xy = 0, xx = 0, yy = 0;
  x.forEach((rank, i) => {
    xy += (rank - middle) * (y[i] - middle);
    xx += (rank - middle) ** 2;
    yy += (y[i] - middle) ** 2;
  });
  return xy / Math.sqrt(xx * yy);
};
const slider = document.getElementById("strength");
const show = () => {
  const strength = Number(slider.value);
  document.getElementById("shown").textContent = strength.toFixed(2);
  const texts = panels.map(({ offset, slope, x, before, after }, index) => {
    const scores = before.map((score, i) => score + strength * (after[i] - score));
    drawings[2 * index + 1].querySelectorAll("circle").forEach((circle, i) =>
      circle.setAttribute("cy", offset + slope * scores[i])
    );
    // What is left was fitted at strength 1.
    const line = drawings[2 * index + 1].querySelector('[aria-label="line"]');
    if (line) line.style.visibility = strength === 1 ? "visible" : "hidden";
    return spearman(scores, x).toFixed(3);
  });
  document.getElementById("correlations").textContent =
    "Spearman of the drawn rows: " + texts.join(", ");
};
slider.addEventListener("input", show);
show();`;

function correlationTable({ features, preferencesChanged, rows, dropped }: Diagnostics): string {
  const lines = Object.entries(features).map(([name, { spearmanBefore, spearmanAfter }]) =>
    [name, number(spearmanBefore), number(spearmanAfter)] as const
  );
  return table(["Spearman of score and", "before", "after"], lines) +
    `<p>${rows} rows, ${dropped} left out; preferences changed: ${
      percent(preferencesChanged.share)
    } of ${preferencesChanged.basis}.</p>`;
}

function accuracyTable({ accuracy }: Diagnostics): string {
  if (accuracy === undefined) return "";
  const line = (name: string, { pairs, before, after, longerWins, shorterWins }: Accuracy) => [
    name,
    String(pairs),
    ...[before, after, longerWins, shorterWins].map(percent),
  ];
  const more = accuracy.comparedFeature === "length"
    ? ["longer wins", "shorter wins"]
    : [`more ${accuracy.comparedFeature} wins`, `less ${accuracy.comparedFeature} wins`];
  const parts = [
    ["all pairs", accuracy.overall],
    [more[0]!.replace(/ wins$/, " is better"), accuracy.whereLongerIsBetter],
    [more[1]!.replace(/ wins$/, " is better"), accuracy.whereShorterIsBetter],
  ] as const;
  return table(["Accuracy on", "pairs", "before", "after", ...more], [
    ...parts.flatMap(([name, part]) => part === null ? [] : [line(name, part)]),
    ...Object.entries(accuracy.subsets).map(([name, subset]) => line(name, subset)),
  ]);
}

function warningList({ warnings }: Diagnostics): string {
  if (warnings.length === 0) return "";
  return `<ul>${warnings.map((warning) => `<li>${escaped(warning)}</li>`).join("")}</ul>`;
}

function table(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  return `<table>${row(header, "th")}${lines.map((line) => row(line, "td")).join("")}</table>`;
}

function number(value: number | null): string {
  return value === null ? "–" : value.toFixed(3);
}

/** Six digits are more than a pixel shows. */
function short(value: number): number {
  return Number(value.toPrecision(6));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
