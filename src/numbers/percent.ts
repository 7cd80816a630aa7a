/**
 * A share as people read it, with one digit behind the point: 0.1234 → `12.3 %`.
 *
 * @param share From 0 to 1; `null` where there is none, shown as a dash.
 */
export function percent(share: number | null): string {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}
