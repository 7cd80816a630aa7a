import type { Interval } from "../../../numbers/bootstrap.ts";
import { percent } from "../../../numbers/percent.ts";
import { pointsWithRange, signed, withRange } from "../summary_sentences.ts";
import { dataHtml, type Html } from "./html.ts";

/** A share: `86.7 %`. */
export function shareCell(share: number | null): Html {
  return dataHtml(share, percent(share));
}

/** A share with its interval. */
export function rangeCell(interval: Interval): Html {
  return dataHtml(interval.estimate, withRange(interval));
}

/** A difference of shares in points, with its interval. */
export function pointsCell(interval: Interval): Html {
  return dataHtml(interval.estimate, pointsWithRange(interval));
}

/** A count: `1,403`. */
export function countCell(count: number): Html {
  return dataHtml(count, count.toLocaleString("en"));
}

/** A number with four digits that matter: `0.1492`. */
export function numberCell(value: number | null, digits = 4): Html {
  return dataHtml(value, value === null ? "–" : plainNumber(value, digits));
}

/** A number with its interval, three digits behind the point. */
export function plainRangeCell({ estimate, low, high }: Interval): Html {
  if (estimate === null) return dataHtml(null, "");
  const text = (value: number) => value.toFixed(3).replace("-", "−");
  const range = low === null || high === null ? "" : ` (${text(low)} to ${text(high)})`;
  return dataHtml(estimate, `${text(estimate)}${range}`);
}

/** A rank correlation. */
export function correlationCell(value: number | null): Html {
  return dataHtml(value, value === null ? "–" : signed(value, 3));
}

/** A number with so many digits that matter, without zeros behind them. */
export function plainNumber(value: number, digits = 4): string {
  return Number(value.toPrecision(digits)).toLocaleString("en", {
    maximumSignificantDigits: digits,
  }).replace("-", "−");
}
