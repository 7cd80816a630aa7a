/**
 * What Assay uses of JavaScript's newest library and some engines that are in use do not have (Node
 * 20, Safari), made where it is missing. Each does as much as Assay asks of it. A bundle begins with
 * this module; under Deno nothing of it is needed.
 *
 * @module
 */

/** Adds to a class, or to `Symbol`, what an engine lacks. */
function addMissing(target: object, name: PropertyKey, value: unknown): void {
  if (name in target) return;
  Object.defineProperty(target, name, { value, writable: true, configurable: true });
}

// The names that the lowered form of `using` looks for.
addMissing(Symbol, "dispose", Symbol.for("Symbol.dispose"));
addMissing(Symbol, "asyncDispose", Symbol.for("Symbol.asyncDispose"));

addMissing(Promise, "withResolvers", function <Value>(): PromiseWithResolvers<Value> {
  let resolve!: PromiseWithResolvers<Value>["resolve"];
  let reject!: PromiseWithResolvers<Value>["reject"];
  const promise = new Promise<Value>((fulfil, fail) => [resolve, reject] = [fulfil, fail]);
  return { promise, resolve, reject };
});

addMissing(Array, "fromAsync", async function <Item, Made>(
  items: AsyncIterable<Item> | Iterable<Item>,
  make: (item: Item, index: number) => Made = (item) => item as unknown as Made,
): Promise<Made[]> {
  const made: Made[] = [];
  for await (const item of items) made.push(await make(item, made.length));
  return made;
});

addMissing(Map, "groupBy", function <Key, Item>(
  items: Iterable<Item>,
  keyOf: (item: Item, index: number) => Key,
): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
});

/** Calls what it was given, the last first, as the engine's own does. */
class Stack {
  #callbacks: (() => void)[] = [];
  disposed = false;

  use<Value extends Disposable | null | undefined>(value: Value): Value {
    if (value) this.defer(() => value[Symbol.dispose]());
    return value;
  }

  adopt<Value>(value: Value, dispose: (value: Value) => void): Value {
    this.defer(() => dispose(value));
    return value;
  }

  defer(dispose: () => void): void {
    if (this.disposed) throw new ReferenceError("DisposableStack already disposed");
    this.#callbacks.push(dispose);
  }

  move(): Stack {
    if (this.disposed) throw new ReferenceError("DisposableStack already disposed");
    const moved = new Stack();
    moved.#callbacks = this.#callbacks;
    this.#callbacks = [];
    this.disposed = true;
    return moved;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    const errors: unknown[] = [];
    for (const callback of this.#callbacks.reverse()) {
      try {
        callback();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors.at(-1);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

addMissing(globalThis, "DisposableStack", Stack);
