import * as v from "valibot";
import { AssayError } from "../../error.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const positive = v.pipe(v.number(), v.integer(), v.minValue(1));

const planSchema = v.object({
  /** Version of these messages. */
  version: v.literal(1),
  /** What its models are called, at least one: a worker says by name for which it stands. */
  models: v.pipe(v.array(v.string()), v.minLength(1)),
  /** Whether what explains scores is wanted. */
  explain: v.boolean(),
  /** Whether workers of different identities may take part. */
  allowMixed: v.boolean(),
  /** Rows of a job at most. */
  jobRows: positive,
  /** Bytes of a job's rows at most; a row that has more is a job of its own. */
  jobBytes: positive,
  /** Times that a job may end its worker before it is divided, or its row given up. */
  tries: positive,
  /** Seconds without a sign of life after which a job is handed out anew. */
  patience: v.pipe(v.number(), v.minValue(0.1)),
  /** Path or address at which workers and the collector read the rows; null where jobs carry them. */
  shared: v.nullable(v.string()),
  /** What the input was called. */
  input: v.string(),
});

/** What was asked for when a run was submitted; it never changes. */
export type RunPlan = Readonly<v.InferOutput<typeof planSchema>>;

const jobSchema = v.object({
  /** Its number, from 0. */
  number: count,
  /** Rows. */
  rows: positive,
  /** Rows before it in the input. */
  before: count,
  /** Digest of all rows up to its last. */
  digest: v.string(),
  /** Where its rows stand in a shared file. */
  place: v.optional(v.object({
    start: count,
    end: count,
    /** Line of the first byte, from 1. */
    line: positive,
    /** Digest of those bytes. */
    digest: v.string(),
  })),
  /** Of a part of a divided job: its rows, from 0, `to` not among them. */
  part: v.optional(v.tuple([count, positive])),
});

/** Rows that are scored together, by one worker. */
export type Job = Readonly<v.InferOutput<typeof jobSchema>>;

const endSchema = v.object({ jobs: count, rows: count, digest: v.string() });

/** How much there is, once all was submitted. */
export type RunEnd = Readonly<v.InferOutput<typeof endSchema>>;

/** Reads a plan. */
export function readPlan(text: string, run: string): RunPlan {
  return read(planSchema, text, `the plan of run ${JSON.stringify(run)}`);
}

/** Reads a job. */
export function readJob(text: string): Job {
  return read(jobSchema, text, "a job");
}

/** Reads how much there is. */
export function readEnd(text: string): RunEnd {
  return read(endSchema, text, "the end of a run");
}

/** Which rows of its whole job a job holds. */
export function rowsOf({ rows, part }: Job): readonly [from: number, to: number] {
  return part ?? [0, rows];
}

/** The last part of a job's subjects: `12`, or `12.40-53` for a part. */
export function jobName({ number, part }: Pick<Job, "number" | "part">): string {
  return part === undefined ? `${number}` : `${number}.${part[0]}-${part[1]}`;
}

function read<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  what: string,
): v.InferOutput<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new AssayError(
    "fleet/bad-message",
    `Cannot read ${what}: expected what this version of Assay writes, found something else ` +
      `(${
        v.getDotPath(parsed.issues[0]) ?? parsed.issues[0].message
      }); let all machines run one version`,
  );
}
