import { typeName, UndefinedValue, type Value } from "./values.ts";
import { TemplateRuntimeError } from "./work.ts";

/** Python's number of a value, booleans included; undefined for anything else. */
export function numberOf(value: Value): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  return typeof value === "boolean" ? BigInt(value) : undefined;
}

/** Python's `index`: an integer, or the error of something else. */
export function integerOf(value: Value): bigint {
  const number = numberOf(value);
  if (typeof number === "bigint") return number;
  if (value instanceof UndefinedValue) value.fail();
  throw new TemplateRuntimeError(
    `'${typeName(value)}' object cannot be interpreted as an integer`,
  );
}

/** Python's `float` of a number. */
export function toFloat(value: bigint | number): number {
  const float = Number(value);
  if (typeof value === "bigint" && !Number.isFinite(float)) {
    throw new TemplateRuntimeError("int too large to convert to float");
  }
  return float;
}
