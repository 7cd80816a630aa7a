import { TextBuilder, type TextValue } from "./text_value.ts";
import type { Work } from "./work.ts";

/** Fills a text up to a number of code points. */
export function pad(
  self: TextValue,
  width: number,
  fill: string,
  place: "start" | "end" | "center",
  work: Work,
): TextValue {
  const missing = width - self.length;
  if (missing <= 0) return self;
  work.touch(width * fill.length);
  // Python puts the odd character on the left of a text of odd width.
  const left = place === "start"
    ? missing
    : place === "end"
    ? 0
    : Math.floor(missing / 2) + (missing & width & 1);
  return new TextBuilder().add(fill.repeat(left)).add(self).add(fill.repeat(missing - left))
    .build();
}
