import { DataType, type Field, type Vector } from "apache-arrow";
import { parseJson } from "./json_text.ts";

/** What Arrow calls text that is JSON, in a field's metadata. */
export const jsonExtension = ["ARROW:extension:name", "arrow.json"] as const;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * An Arrow value as JSON has it, as Parquet's values come: 64-bit integers as numbers where exact, else
 * as `bigint`; dates and times as ISO 8601 strings; decimals as numbers; binary columns as text where
 * they are UTF-8, else as base64; maps as objects; text that is annotated as JSON as its value.
 *
 * @throws {Error} For JSON that is none, and dates that no calendar has.
 */
export function jsonValueOf(field: Field, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (field.metadata.get(jsonExtension[0]) === jsonExtension[1]) return parseJson(String(value));
  return ofType(field.type, value);
}

function ofType(type: DataType, value: unknown): unknown {
  if (DataType.isDictionary(type)) return ofType(type.dictionary, value);
  if (DataType.isDecimal(type)) return decimal(value as Uint32Array, type.scale);
  if (DataType.isDate(type) || DataType.isTimestamp(type)) {
    return new Date(Number(value)).toISOString();
  }
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return textOrBase64(value);
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isFixedSizeList(type)) {
    const [item] = type.children;
    return Array.from(value as Vector, (each) => jsonValueOf(item!, each));
  }
  if (DataType.isStruct(type)) {
    const inner = value as Record<string, unknown>;
    return Object.fromEntries(
      type.children.map((field) => [field.name, jsonValueOf(field, inner[field.name])]),
    );
  }
  if (DataType.isMap(type)) {
    const item = type.children[0]!.type.children[1]!;
    const entries = value as Iterable<[unknown, unknown]>;
    return Object.fromEntries([...entries].map(([key, each]) => [key, jsonValueOf(item, each)]));
  }
  throw new Error(`a value of type ${type}`);
}

/** A whole number of 128 or 256 bits, in words from the lowest, over a power of ten. */
function decimal(words: Uint32Array, scale: number): number {
  const whole = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const digits = BigInt.asIntN(32 * words.length, whole).toString();
  return Number(`${digits}e${-scale}`); // rounded once
}

function textOrBase64(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes.toBase64();
  }
}
