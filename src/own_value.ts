/**
 * What an object itself holds under a name that comes from data. A column, an objective, a feature or
 * a source may be called `constructor` or `toString`: an object without it must not answer with what
 * every object inherits.
 *
 * @param object A row, or any record by name.
 * @param name The name.
 * @returns The value; `undefined` where the object has none of its own.
 */
export function ownValue<Value>(
  object: Readonly<Record<string, Value>> | undefined,
  name: string,
): Value | undefined {
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
}

/**
 * Gives an object a value under a name that comes from data. Plain assignment to `__proto__` would
 * lose it.
 *
 * @param object A row, or any record by name.
 * @param name The name.
 * @param value The value.
 */
export function setOwnValue<Value>(
  object: Record<string, Value>,
  name: string,
  value: Value,
): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, ...plain });
}

const plain = { enumerable: true, configurable: true, writable: true };
