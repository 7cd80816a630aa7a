/**
 * The rules of the safetensors format, as its reference reads a file, written once more without a
 * line of Assay's own reader: the fuzzer holds the two against each other.
 *
 * https://github.com/huggingface/safetensors (`SafeTensors::read_metadata`, `Metadata::validate`).
 */

const bits: Readonly<Record<string, number>> = {
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32 },
  ...{ I64: 64, U64: 64, F64: 64, C64: 64 },
};
const largest = 2n ** 64n - 1n;

/** Why the reference refuses a file; `undefined` where it reads it. */
export function refusalOf(file: Uint8Array): string | undefined {
  if (file.length < 8) return "a file of less than 8 bytes";
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  if (length > 100_000_000n || length + 8n > BigInt(file.length)) return "a header too long";
  const header = file.subarray(8, 8 + Number(length));
  if (header[0] !== 0x7b) return "a header that begins with no brace";
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
    value = JSON.parse(text, asWritten as (key: string, value: unknown) => unknown);
  } catch {
    return "a header that is no JSON in UTF-8";
  }
  if (hasDoubleKey(text)) return "a key twice";
  return refusalOfHeader(value as Record<string, unknown>, BigInt(file.length) - 8n - length);
}

/** Numbers stay as they were written: the reference tells 1 from 1.0. */
function asWritten(_key: string, value: unknown, context: { source?: string }): unknown {
  return typeof value === "number" ? { number: context.source ?? "" } : value;
}

function refusalOfHeader(header: Record<string, unknown>, dataBytes: bigint): string | undefined {
  const places: [bigint, bigint][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      const isPlain = typeof entry === "object" && entry !== null && !Array.isArray(entry);
      if (entry !== null && !isPlain) return "metadata that is no object";
      if (Object.values(entry ?? {}).some((item) => typeof item !== "string")) {
        return "metadata that is no text";
      }
      continue;
    }
    const place = placeOf(entry);
    if (typeof place === "string") return `${name}: ${place}`;
    places.push(place);
  }
  places.sort(([a, b], [c, d]) => a < c ? -1 : a > c ? 1 : b < d ? -1 : b > d ? 1 : 0);
  let end = 0n;
  for (const [begin, next] of places) {
    if (begin !== end || next < begin) return "a hole or an overlap";
    end = next;
  }
  return end === dataBytes ? undefined : "bytes that belong to no tensor";
}

function placeOf(entry: unknown): [bigint, bigint] | string {
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return "no object";
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  const size = typeof dtype === "string" && Object.hasOwn(bits, dtype) ? bits[dtype] : undefined;
  if (size === undefined) return "an unknown dtype";
  const sides = wholeNumbers(shape);
  const ends = wholeNumbers(offsets);
  if (sides === undefined || ends?.length !== 2) return "a bad shape or bad offsets";
  let all = BigInt(size);
  for (const side of sides) all *= side;
  if (all > largest || all % 8n !== 0n) return "an overflow, or no whole bytes";
  return ends[1]! - ends[0]! === all / 8n ? [ends[0]!, ends[1]!] : "a size that is not its shape's";
}

function wholeNumbers(list: unknown): bigint[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const numbers = list.map((item: unknown) => {
    const text = (item as { number?: unknown } | null)?.number;
    return typeof text === "string" && /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
  });
  const whole = numbers.filter((number) => number !== undefined && number <= largest);
  return whole.length === numbers.length ? whole as bigint[] : undefined;
}

function hasDoubleKey(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/gs) ?? [];
  return tokens.some((token, index) => {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token.startsWith('"') && tokens[index + 1] === ":") {
      const keys = open.at(-1)!;
      const key = JSON.parse(token) as string;
      if (keys.has(key)) return true;
      keys.add(key);
    }
    return false;
  });
}
