import { bind } from "./arguments.ts";
import { equals } from "./operators.ts";
import {
  type Call,
  FunctionValue,
  given,
  iterate,
  lengthOf,
  ObjectValue,
  TupleValue,
  UndefinedValue,
  type Value,
} from "./values.ts";
import { TemplateRuntimeError, type Work } from "./work.ts";

/** Renders a recursive loop's body over other items. */
export type Recurse = (items: Value, depth: number) => Value;

/** A loop that is running, as its body sees it. Source: `LoopContext` of Jinja 3.1. */
export class Loop {
  /** What `loop` is in the body. */
  readonly value: ObjectValue;
  readonly #work: Work;
  readonly #depth: number;
  #iterator: Iterator<Value>;
  #length: number | undefined;
  #index = -1;
  #next: IteratorResult<Value> | undefined;
  #previous: Value | undefined;
  #current: Value | undefined;
  #changed: TupleValue | undefined;

  /**
   * @param items What is gone through.
   * @param depth How many loops of the same body are around.
   * @param recurse For recursive loops.
   * @param work Where it is charged.
   */
  constructor(items: Value, depth: number, recurse: Recurse | undefined, work: Work) {
    this.#iterator = iterate(items, work);
    this.#length = lengthOf(items);
    this.#depth = depth;
    this.#work = work;
    this.value = new ObjectValue(
      "LoopContext",
      (name) => this.#attribute(name),
      (call) => {
        if (recurse === undefined) {
          throw new TemplateRuntimeError("The loop must have the 'recursive' marker");
        }
        return recurse(bind("loop", "iterable", call)[0]!, depth + 1);
      },
    );
  }

  /** The next item, or undefined at the end. */
  next(): Value | undefined {
    const { value, done } = this.#next ?? this.#iterator.next();
    this.#next = undefined;
    if (done === true) return undefined;
    this.#index++;
    this.#previous = this.#current;
    this.#current = value;
    return value;
  }

  #peek(): Value | undefined {
    this.#next ??= this.#iterator.next();
    return this.#next.done === true ? undefined : this.#next.value;
  }

  #size(): number {
    if (this.#length !== undefined) return this.#length;
    const rest: Value[] = [];
    for (let item = this.#iterator.next(); item.done !== true; item = this.#iterator.next()) {
      rest.push(item.value);
    }
    const ahead = this.#next !== undefined && this.#next.done !== true ? 1 : 0;
    this.#iterator = rest[Symbol.iterator]();
    return this.#length = rest.length + this.#index + 1 + ahead;
  }

  #attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return BigInt(this.#index + 1);
      case "index0":
        return BigInt(this.#index);
      case "length":
        return BigInt(this.#size());
      case "revindex":
        return BigInt(this.#size() - this.#index);
      case "revindex0":
        return BigInt(this.#size() - this.#index - 1);
      case "first":
        return this.#index === 0;
      case "last":
        return this.#peek() === undefined;
      case "depth":
        return BigInt(this.#depth + 1);
      case "depth0":
        return BigInt(this.#depth);
      case "previtem":
        return this.#index > 0 ? this.#previous : new UndefinedValue("there is no previous item");
      case "nextitem":
        return given(this.#peek(), new UndefinedValue("there is no next item"));
      case "cycle":
        return new FunctionValue(name, (call) => this.#cycle(call));
      case "changed":
        return new FunctionValue(name, (call) => this.#hasChanged(call));
      default:
        return undefined;
    }
  }

  #cycle({ args, named }: Call): Value {
    const item = named.size > 0 ? undefined : args[this.#index % args.length];
    if (item === undefined) throw new TemplateRuntimeError("no items for cycling given");
    return item;
  }

  #hasChanged({ args, named }: Call): boolean {
    if (named.size > 0) throw new TemplateRuntimeError("changed() takes no named arguments");
    const value = new TupleValue(args);
    const isSame = this.#changed !== undefined && equals(this.#changed, value, this.#work);
    this.#changed = value;
    return !isSame;
  }
}
