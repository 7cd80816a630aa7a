/**
 * Shows what a scored row's columns say: scores, what moved them, other parts of the head, tokens.
 *
 * @module
 */
import type { NamedNumbers, ShownTokens } from "../../mod.ts";
import type { Row } from "../../src/data/rows.ts";
import { make, makeLine, makeTable } from "./elements.ts";

/** The parts of one answer, by name. */
type Parts = Readonly<Record<string, NamedNumbers | readonly number[]>>;

/** The columns that hold parts of a head's judgement. */
const partNames = [
  "rewards",
  "coefficients",
  "gating",
  "labels",
  "quantiles",
  "spread",
  "step_scores",
];

/** The parts of each of a row's answers, in their order. */
export function partsOf(row: Row): readonly Parts[] {
  const named = (column: (name: string) => unknown): Parts =>
    Object.fromEntries(
      partNames.map((name) => [name, column(name)] as const)
        .filter(([, value]) => value !== undefined && value !== null),
    ) as Parts;
  if ("chosen_score" in row) {
    return ["chosen", "rejected"].map((side) => named((name) => row[`${side}_${name}`]));
  }
  if (Array.isArray(row.scores)) {
    return row.scores.map((_, i) => named((name) => (row[name] as unknown[] | undefined)?.[i]));
  }
  return [named((name) => row[name])];
}

/** The scores of a row's answers, in their order. */
export function scoresOf(row: Row): readonly (number | null)[] {
  if ("chosen_score" in row) {
    return [row.chosen_score, row.rejected_score] as (number | null)[];
  }
  return (Array.isArray(row.scores) ? row.scores : [row.score ?? null]) as (number | null)[];
}

/** A score as a table of `assay score` has it, and below it all of its digits, as its rows have it. */
export function scoreCard(title: string, score: number | null, hint: string): HTMLElement {
  return make(
    "div",
    {},
    make("div", { className: "quiet", textContent: title }),
    make("div", { className: "score", textContent: score === null ? "–" : score.toFixed(5) }),
    make("div", { className: "exact", textContent: score === null ? "" : String(score) }),
    make("div", { className: "quiet", textContent: hint }),
  );
}

/** What each objective adds to a score: reward × coefficient. */
function contributions({ rewards, coefficients }: Parts): ReadonlyMap<string, number> | undefined {
  if (rewards === undefined || coefficients === undefined) return undefined;
  return new Map(
    Object.entries(rewards as NamedNumbers).map(([name, reward]) => [
      name,
      reward * (coefficients as NamedNumbers)[name]!,
    ]),
  );
}

function bar(value: number, largest: number): HTMLElement {
  const share = largest === 0 ? 0 : 50 * Math.abs(value) / largest;
  const fill = make("span", { className: value < 0 ? "down" : "up" });
  fill.style.width = `${share}%`;
  fill.style.left = value < 0 ? `${50 - share}%` : "50%";
  return make("div", { className: "scale", ariaHidden: "true" }, fill);
}

const byWeight = (a: readonly [string, number], b: readonly [string, number]): number =>
  Math.abs(b[1]) - Math.abs(a[1]);

function decimal(value: number | undefined): string {
  return value === undefined ? "–" : value.toFixed(3);
}

/** Objectives of an answer, what adds most first; `undefined` for a head that has none. */
export function objectivesTable(parts: Parts): HTMLElement | undefined {
  const shares = contributions(parts);
  if (shares === undefined) return undefined;
  const sorted = [...shares].sort(byWeight);
  const largest = Math.abs(sorted[0]?.[1] ?? 0);
  const of = (part: string, name: string) => (parts[part] as NamedNumbers | undefined)?.[name];
  const hasGating = parts.gating !== undefined;
  const header = [
    "Objective",
    "reward#",
    "coefficient#",
    ...(hasGating ? ["gating#"] : []),
    "adds#",
    "to the score",
  ];
  return makeTable(
    header,
    sorted.map(([name, share]) =>
      makeLine(header, [
        name,
        decimal(of("rewards", name)),
        decimal(of("coefficients", name)),
        ...(hasGating ? [decimal(of("gating", name))] : []),
        decimal(share),
        bar(share, largest),
      ])
    ),
  );
}

/** What moved the margin of two answers. */
export function marginTable([first, second]: readonly Parts[]): HTMLElement | undefined {
  const [one, other] = [first && contributions(first), second && contributions(second)];
  if (one === undefined || other === undefined) return undefined;
  const moves = [...one].map(([name, value]) => [name, value - (other.get(name) ?? 0)] as const)
    .sort(byWeight);
  const largest = Math.abs(moves[0]?.[1] ?? 0);
  const header = ["Objective", "A adds#", "B adds#", "moves#", "the margin"];
  return makeTable(
    header,
    moves.map(([name, move]) =>
      makeLine(header, [
        name,
        decimal(one.get(name)),
        decimal(other.get(name)),
        decimal(move),
        bar(move, largest),
      ])
    ),
  );
}

/** Parts that are no objectives: labels, quantiles, scores of steps. */
export function otherParts(parts: Parts): readonly HTMLElement[] {
  return Object.entries(parts)
    .filter(([name]) => !["rewards", "coefficients", "gating"].includes(name))
    .map(([part, numbers]) => {
      const header = [part.replace("_", " "), "value#"];
      const entries = Array.isArray(numbers)
        ? numbers.map((value, i) => [String(i + 1), value] as const)
        : Object.entries(numbers as NamedNumbers);
      return makeTable(
        header,
        entries.map(([name, value]) => makeLine(header, [name, decimal(value)])),
      );
    });
}

/** The tokens of a conversation, and where the head reads. */
export function tokenList(title: string, { tokens, truncated }: ShownTokens): HTMLElement {
  const spans = tokens.map(({ id, text, read }, position) => {
    const where = `token ${id} at ${position}${read === undefined ? "" : `: ${read} is read here`}`;
    const span = make("span", { className: read === undefined ? "" : "read", title: where }, text);
    span.dataset.id = String(id);
    return span;
  });
  const cut = truncated ? ", cut to the model's length" : "";
  return make(
    "div",
    {},
    make("h3", { textContent: `${title}: ${tokens.length} tokens${cut}` }),
    make("div", { className: "tokens" }, ...spans),
  );
}
