import type { Row } from "../../data/rows.ts";
import { escaped } from "../../tasks/audit/page/html.ts";
import { rounded } from "../table.ts";
import { type ExplainedResponse, explainedResponses, largestReward } from "./token_heat.ts";
import { heatMapScript, heatMapStyle } from "./heat_map_style.ts";

/** Tokens of a page at most; a browser shows more only slowly. */
const mostTokens = 10_000;
/** Characters of a prompt that are shown. */
const promptLength = 600;

/** Gathers rows for a page that shows what each token of their responses adds. */
export class HeatMap {
  readonly #sections: string[] = [];
  #tokens = 0;
  #leftOut = 0;

  /** Rows that the page has no room for. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /**
   * Adds a row, where it was explained and there is room.
   *
   * @param row As `score --explain tokens` writes it.
   * @param number Which row it is, from 1.
   */
  add(row: Row, number: number): void {
    const responses = explainedResponses(row);
    const tokens = responses.reduce((sum, { rewards }) => sum + rewards.length, 0);
    if (tokens === 0) return;
    if (this.#tokens + tokens > mostTokens) {
      this.#leftOut++;
      return;
    }
    this.#tokens += tokens;
    this.#sections.push(section(row, number, responses));
  }

  /**
   * The page: one file that loads nothing.
   *
   * @param model What scored.
   */
  page(model: string): string {
    const more = this.#leftOut === 0
      ? ""
      : `<p>${this.#leftOut} further rows are left out: a page has room for ${mostTokens} tokens.</p>`;
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escaped(`Token rewards by ${model}`)}</title>
<style>
${heatMapStyle}
</style>
</head>
<body>
<main>
<h1>What each token adds to its score</h1>
<p>Scored by <code>${escaped(model)}</code>. Colours are scaled by the largest reward of each row.
<span class="key"><span class="t up" style="--r:100%">adds</span>
<span class="t down" style="--r:100%">takes away</span></span></p>
<p>Go through a response's tokens with the arrow keys; the line at the bottom tells the token's value.</p>
${this.#sections.join("\n") || "<p>No row was explained.</p>"}
${more}
</main>
<p id="told" role="status" aria-live="polite"></p>
<script>
${heatMapScript}
</script>
</body>
</html>
`;
  }
}

function section(row: Row, number: number, responses: readonly ExplainedResponse[]): string {
  const most = largestReward(responses);
  const prompt = promptOf(row);
  const id = row.id === undefined ? "" : ` (${escaped(String(row.id).slice(0, 60))})`;
  return `<section aria-labelledby="row-${number}">
<h2 id="row-${number}">Row ${number}${id}</h2>
${prompt === "" ? "" : `<p class="prompt">${escaped(prompt)}</p>`}
${responses.map((response) => responseBlock(response, most)).join("\n")}
</section>`;
}

function responseBlock(response: ExplainedResponse, most: number): string {
  const { name, score, emptyScore, rewards } = response;
  const empty = emptyScore === null ? "" : `, of an empty response ${rounded(emptyScore)}`;
  const label = `${name}: score ${score === null ? "none" : rounded(score)}${empty}`;
  const tokens = rewards.map(({ text, reward }, place) => {
    const share = most === 0 ? 0 : Math.round(100 * Math.abs(reward) / most);
    const kind = reward < 0 ? "down" : "up";
    const value = signed(reward);
    return `<span class="t ${kind}" style="--r:${share}%" title="${value}"` +
      `${place === 0 ? ' tabindex="0"' : ""}>${escaped(text)}</span>`;
  }).join("");
  return `<h3>${escaped(label)}</h3>
<div class="heat" role="group" aria-label="${escaped(`Tokens of ${name}`)}">${tokens}</div>
<details><summary>Table</summary>
<table><thead><tr><th>from</th><th>to</th><th>token</th><th>reward</th></tr></thead><tbody>
${rewards.map(tableRow).join("\n")}
</tbody></table></details>`;
}

function tableRow({ text, start, end, reward }: ExplainedResponse["rewards"][number]): string {
  const cells = [start ?? "–", end ?? "–", `<code>${escaped(JSON.stringify(text))}</code>`];
  return `<tr>${[...cells, signed(reward)].map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

/** What was asked, as far as it is a text of its own. */
function promptOf({ prompt, messages, chosen }: Row): string {
  const list = [prompt, messages, chosen].find(Array.isArray) as unknown[] | undefined;
  const user = list?.findLast((message) => (message as { role?: unknown } | null)?.role === "user");
  const text = typeof prompt === "string" ? prompt : (user as { content?: unknown })?.content;
  if (typeof text !== "string") return "";
  return text.length > promptLength ? `${text.slice(0, promptLength)}…` : text;
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
}
