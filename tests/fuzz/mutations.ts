import type { Random } from "./random.ts";

/** Numbers at the edges of number types, and others that break arithmetic. */
export const oddNumbers: readonly number[] = [
  ...[0, -0, 1, -1, 2, 0.5, -0.5, 1e-320, 3, 7, 255, 256, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32],
  ...[2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e18, 1e100, 1e308, -1e308, NaN, Infinity, -Infinity],
];

const oddTexts = ["", " ", "a", "\0", "\ud800", "é", "漢字🙂", "__proto__", "constructor", "../a"]
  .concat(["a".repeat(5000), "\\", '"', "{{", "<|eot_id|>", "\n\nHuman: Hi", "[]", "NaN", "null"]);

/** Pieces that mean something to the readers of JSON, CSV and headers. */
const pieces = [...'{}[]:,"\\-0123456789.eE \n\r\t\0'].concat(
  ["null", "true", "NaN", "-Infinity", "1e400", '""', "[]", "{}", "9007199254740993", "\ufeff"],
  [
    '"__proto__":',
    '"\\ud800"',
    "18446744073709551615",
    "[[[[[[[[",
    '{"a":',
    "\r\n",
    "0".repeat(30),
  ],
);

/** Any value that JSON can hold, not deep. */
export function oddValue(random: Random, depth = 0): unknown {
  switch (random.below(depth > 2 ? 4 : 6)) {
    case 0:
      return random.pick(oddNumbers);
    case 1:
      return random.pick(oddTexts);
    case 2:
      return random.pick([null, true, false]);
    case 3:
      return random.pick([[], {}]);
    case 4:
      return random.some(3, () => oddValue(random, depth + 1));
    default:
      return Object.fromEntries(
        random.some(3, () => [random.pick(oddTexts), oddValue(random, depth + 1)]),
      );
  }
}

/** The value with one part of it changed; the rest is shared with the original, not copied. */
export function mutateValue(random: Random, value: unknown): unknown {
  if (typeof value !== "object" || value === null || random.chance(0.03)) {
    return mutateLeaf(random, value);
  }
  if (Array.isArray(value)) return mutateList(random, value);
  const keys = Object.keys(value);
  const fields = value as Record<string, unknown>;
  const key = random.pick(keys);
  if (keys.length === 0 || random.chance(0.05)) {
    return { ...fields, [random.pick([...oddTexts, "type", "id"])]: oddValue(random) };
  }
  if (random.chance(0.08)) {
    return Object.fromEntries(Object.entries(fields).filter(([k]) => k !== key));
  }
  if (random.chance(0.05)) return { ...fields, [key]: fields[random.pick(keys)] };
  return { ...fields, [key]: mutateValue(random, fields[key]) };
}

function mutateList(random: Random, list: readonly unknown[]): unknown {
  const at = random.below(list.length + 1);
  if (list.length === 0 || random.chance(0.1)) return list.toSpliced(at, 0, oddValue(random));
  const place = random.below(list.length);
  if (random.chance(0.1)) return list.toSpliced(place, 1);
  if (random.chance(0.1)) return list.toSpliced(at, 0, list[place]);
  return list.with(place, mutateValue(random, list[place]));
}

function mutateLeaf(random: Random, value: unknown): unknown {
  if (typeof value === "number" && random.chance(0.5)) {
    return random.pick([
      value + 1,
      value - 1,
      -value,
      value * 2,
      value / 2,
      value + 0.5,
      `${value}`,
    ]);
  }
  if (typeof value === "string" && value.length > 0 && random.chance(0.5)) {
    return mutateText(random, value.length > 2000 ? value.slice(0, 2000) : value);
  }
  return oddValue(random);
}

/** Text with some lexemes gone, doubled or put elsewhere. */
export function mutateText(random: Random, text: string, lexeme = /"[^"]*"|\w+|./gsu): string {
  const lexemes: string[] = text.match(lexeme) ?? [];
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(lexemes.length + 1);
    const inserted = random.chance(0.5)
      ? random.pick(pieces)
      : lexemes[random.below(lexemes.length)] ?? "";
    lexemes.splice(at, random.below(3), random.chance(0.2) ? inserted.repeat(50) : inserted);
  }
  return lexemes.join("");
}

/** Bytes with some changed: bits, runs of one value, pieces from elsewhere, an early end. */
export function mutateBytes(
  random: Random,
  bytes: Uint8Array,
  place: () => number = () => random.below(bytes.length),
): Uint8Array<ArrayBuffer> {
  let changed = new Uint8Array(bytes);
  for (let i = random.below(4); i >= 0; i--) {
    const at = Math.min(place(), changed.length);
    switch (random.below(6)) {
      case 0:
        if (at < changed.length) changed[at]! ^= 1 << random.below(8);
        break;
      case 1:
        if (at < changed.length) {
          changed[at] = random.pick([0, 1, 127, 128, 255, random.below(256)]);
        }
        break;
      case 2:
        changed.fill(random.pick([0, 255, 128, 65]), at, at + 1 + random.below(12));
        break;
      case 3: {
        const from = random.below(changed.length);
        changed.set(
          changed.slice(from, Math.min(from + random.below(40), changed.length + from - at)),
          at,
        );
        break;
      }
      case 4: {
        const inserted = random.chance(0.5)
          ? new TextEncoder().encode(random.pick(pieces))
          : changed.slice(at, at + random.below(30));
        changed = spliced(changed, at, random.below(4), inserted);
        break;
      }
      default:
        if (random.chance(0.1)) changed = changed.slice(0, at);
    }
  }
  return changed;
}

function spliced(
  bytes: Uint8Array,
  at: number,
  removed: number,
  inserted: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const end = Math.min(bytes.length, at + removed);
  const whole = new Uint8Array(at + inserted.length + bytes.length - end);
  whole.set(bytes.subarray(0, at));
  whole.set(inserted, at);
  whole.set(bytes.subarray(end), at + inserted.length);
  return whole;
}
