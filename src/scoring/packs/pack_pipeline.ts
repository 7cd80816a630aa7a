import type { AssayError } from "../../error.ts";
import type { Reads } from "../../heads/reads.ts";
import type { BackboneModel, HiddenStatesOptions } from "../../models/family.ts";
import type { Matrix } from "../../ops/matrix.ts";
import type { Backend, Readback } from "../../ops/backend.ts";
import type { Conversation } from "../../text/conversation.ts";
import type { ScoreOptions } from "../load_options.ts";
import { type Conversations, LookAhead } from "./look_ahead.ts";
import type { MemoryPlan } from "./memory_plan.ts";
import { Packer, type ScoringPack } from "./packs.ts";
import type { Sequence } from "./prefix_group.ts";
import { ReadbackPace } from "./readback_pace.ts";
import type { Turns } from "./turns.ts";
import { WaveClock } from "./wave_clock.ts";

/** What came of one conversation. */
export interface Outcome<Result> {
  /** What was computed, or why nothing was. */
  readonly result: Result | AssayError;
  /** Tokens of the conversation, after truncation; 0 where it could not be tokenised. */
  readonly tokens: number;
  readonly truncated: boolean;
}

/** What is made of the final hidden states of a pack, by a head. */
export interface Readout<Result> {
  /** The positions whose hidden states are wanted. */
  readonly reads: Reads;
  /**
   * Records what is computed of a pack's hidden states, [pooled rows, hidden], which it releases or
   * returns. What it returns is read back and released.
   */
  record(pack: ScoringPack, hidden: Matrix): readonly Matrix[];
  /** Results of the pack's members, in their order, from the numbers that were read back. */
  results(
    pack: ScoringPack,
    numbers: readonly Float32Array<ArrayBuffer>[],
  ): readonly (Result | AssayError)[];
}

/** What {@link runPacks} runs on. */
export interface PipelineParts {
  readonly plan: MemoryPlan;
  readonly backend: Backend;
  readonly layers: BackboneModel;
  /** How many layers those are. */
  readonly layerCount: number;
  readonly sharePrefixes: boolean;
  /** Keeps calls apart while they hold memory of the device. */
  readonly turns: Turns;
  /** The time, in milliseconds; by default the clock's. */
  readonly now?: (() => number) | undefined;
}

/** Packs that the device works on. */
interface Computing {
  readonly packs: readonly ScoringPack[];
  /** How many matrices are read for each pack. */
  readonly outputs: readonly number[];
  readonly readback: Readback;
}

/** One call's way through {@link runPacks}. */
export interface Run<Result> {
  readonly conversations: Conversations;
  /** Turns a conversation into tokens; an `AssayError` costs that conversation alone. */
  readonly tokenize: (conversation: Conversation, index: number) => Sequence;
  readonly readout: Readout<Result>;
  readonly options: ScoreOptions;
}

/**
 * Sends conversations through the layers, pack by pack, and gives their outcomes in input order. While
 * the device computes one batch of packs, the next one is tokenised, its embeddings are gathered and
 * uploaded and its operations recorded, so that it can begin the moment the first is done. Each batch
 * takes one readback: where layers are resident it begins with one pack, and takes more where a readback
 * would take as long as they. A backend that computes at once is asked for the numbers of each batch
 * before the next, and begins with a small one, so that the first results come soon.
 *
 * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
 */
export async function* runPacks<Result>(
  parts: PipelineParts,
  { conversations, tokenize, readout, options: { signal, onProgress } }: Run<Result>,
): AsyncGenerator<Outcome<Result>> {
  const total = Array.isArray(conversations) ? conversations.length : undefined;
  const outcomes = new OrderedOutcomes<Result>();
  const packer = packerOf(parts);
  const ahead = new LookAhead(conversations, {
    packer,
    tokenize,
    onFailure: (index, error) => outcomes.addFailure(index, error),
  });
  const { now = () => performance.now(), plan: { packsInFlight } } = parts;
  const isFixed = parts.backend.computesAtOnce || parts.plan.layers === "streamed";
  const pace = new ReadbackPace(packsInFlight, isFixed);
  const waves = new WaveClock(parts.layerCount);
  const told = (): void =>
    onProgress?.({ phase: "score", done: outcomes.count, total, wave: waves.progress });
  let computing: Computing | undefined;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const start = now();
      const packs = await ahead.take(computing !== undefined, pace.packs, packsInFlight);
      const ended = packs === undefined && computing === undefined;
      if (parts.plan.layers === "streamed" && packs !== undefined && packs.length > 0) {
        waves.begin(
          packs.reduce((sum, { tokens }) => sum + tokens.ids.length, 0),
          ahead.rowsAfter(total),
        );
        told();
      }
      const onLayer = (): void => {
        waves.layerDone();
        told();
      };
      const { begun, done, numbers } = await advance(
        parts,
        readout,
        packs ?? [],
        computing,
        { onLayer, signal },
      );
      computing = begun;
      if (done !== undefined) {
        outcomes.add(done, readout, await numbers!);
        onProgress?.({ phase: "score", done: outcomes.count, total });
      }
      pace.add(packs?.length ?? 0, now() - start);
      yield* outcomes.inOrder();
      if (ended) return;
    }
  } finally {
    computing?.readback[Symbol.dispose]();
    ahead.close();
    if (packer.kept !== undefined) parts.layers.forget(packer.kept);
  }
}

/** Rows of the first pack where results can come soon. */
const firstPack = 128;

function packerOf({ plan, backend, layers, sharePrefixes }: PipelineParts): Packer {
  // Streamed layers are read once for all packs in flight, so those are filled.
  const isSoon = backend.computesAtOnce && plan.packsInFlight === 1;
  return new Packer({
    tokensPerPack: plan.tokensPerPack,
    firstPack: isSoon ? firstPack : undefined,
    mayShare: (length) => sharePrefixes && layers.mayShare(length),
    longestKept: plan.longestKeptPrefix,
  });
}

/** What a step of {@link runPacks} comes to. */
interface Step {
  /** What the device works on now. */
  readonly begun?: Computing | undefined;
  /** What it has done, and its numbers, which may still be on their way. */
  readonly done?: Computing | undefined;
  readonly numbers?: Promise<Float32Array<ArrayBuffer>[]> | undefined;
}

/**
 * Records the next packs, waits for those that the device works on, and lets it go on with the next.
 * Streamed layers take all packs together. Where they are resident, the packs after the first one are
 * recorded, each in the memory of the one before, while the device computes. Other calls must not come
 * between: what was recorded is either submitted in here or taken back.
 */
function advance<Result>(
  { plan, backend, layers, turns }: PipelineParts,
  readout: Readout<Result>,
  packs: readonly ScoringPack[],
  computing: Computing | undefined,
  options: Pick<HiddenStatesOptions, "onLayer" | "signal">,
): Promise<Step> {
  return turns.take(async () => {
    // Freed when everything that reads them is submitted, or taken back.
    using finished = new DisposableStack();
    const forget = (some: readonly ScoringPack[] = []): void => {
      for (const pack of some) if (pack.finished) layers.forget(pack.finished);
    };
    finished.defer(() => forget(packs));
    try {
      const together = plan.layers === "streamed" ? [packs] : packs.map((pack) => [pack]);
      const outputs: (readonly Matrix[])[] = [];
      const record = async (some: readonly ScoringPack[] = []): Promise<void> => {
        if (some.length === 0) return;
        const hidden = await layers.hiddenStates(some.map(({ tokens }) => tokens), options);
        some.forEach((pack, i) => outputs.push(readout.record(pack, hidden[i]!)));
      };
      await record(together[0]);
      const numbers = computing?.readback.numbers(); // under Deno it blocks until they are there
      numbers?.catch(() => {}); // the caller awaits them, unless something else fails first
      if (packs.length === 0) return { done: computing, numbers };
      for (let i = 1; i < together.length; i++) {
        backend.start();
        forget(together[i - 1]);
        await record(together[i]);
      }
      const matrices = outputs.flat();
      const readback = backend.submit(matrices);
      backend.release(...matrices);
      const begun = { packs, outputs: outputs.map(({ length }) => length), readback };
      if (backend.computesAtOnce) return { done: begun, numbers: readback.numbers() };
      return { begun, done: computing, numbers };
    } catch (error) {
      backend.discard();
      throw error;
    }
  });
}

/** Outcomes by input order, whatever the order they are computed in. */
class OrderedOutcomes<Result> {
  readonly #waiting = new Map<number, Outcome<Result>>();
  #given = 0;
  /** How many there were until now. */
  count = 0;

  addFailure(index: number, error: AssayError): void {
    this.#add(index, { result: error, tokens: 0, truncated: false });
  }

  /** Adds the outcomes of packs whose numbers were read back. */
  add(
    { packs, outputs }: Computing,
    readout: Readout<Result>,
    numbers: readonly Float32Array<ArrayBuffer>[],
  ): void {
    let at = 0;
    packs.forEach((pack, i) => {
      const results = readout.results(pack, numbers.slice(at, at += outputs[i]!));
      pack.members.forEach(({ index, ids, truncated }, member) => {
        this.#add(index, { result: results[member]!, tokens: ids.length, truncated });
      });
    });
  }

  /** Those that no earlier one holds back any more. */
  *inOrder(): Generator<Outcome<Result>> {
    for (;;) {
      const outcome = this.#waiting.get(this.#given);
      if (outcome === undefined) return;
      this.#waiting.delete(this.#given++);
      yield outcome;
    }
  }

  #add(index: number, outcome: Outcome<Result>): void {
    this.#waiting.set(index, outcome);
    this.count++;
  }
}
