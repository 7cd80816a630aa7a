import type { GenericSchema, InferOutput } from "valibot";
import type { Verdict } from "../scoring/verdict.ts";
import type { Conversation } from "../text/conversation.ts";
import type { BodyLimits } from "./request_body.ts";
import type { Failure } from "./failures.ts";
import type { ServedModel } from "./served_model.ts";

/** What a route needs of the server, for one request. */
export interface Exchange {
  readonly request: Request;
  readonly url: URL;
  /** A number of this exchange's own, for ids. */
  readonly id: string;
  /** Now, in seconds since 1970. */
  readonly now: number;
  /** Ends when the client is gone. */
  readonly signal: AbortSignal;
  /**
   * The model of that name; where the body names none that of `?model=`, else the first one.
   *
   * @throws {AssayError} `server/unknown-model`, `server/not-ready`.
   */
  model(name: string | null | undefined): ServedModel;
  /**
   * The inner call of every protocol: verdicts of conversations, in their order.
   *
   * @throws {AssayError} As `ServedModel.score`.
   */
  score(model: ServedModel, conversations: readonly Conversation[]): Promise<readonly Verdict[]>;
  /** What bounds a request. */
  readonly limits: BodyLimits;
  /** Headers to answer with. */
  readonly headers: Headers;
}

/** One address of a protocol. */
export interface Route<Schema extends GenericSchema = GenericSchema> {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** What it does, for the OpenAPI document. */
  readonly summary: string;
  /** What a request holds; a `GET` has none. */
  readonly body?: Schema | undefined;
  /** What an answer holds, for the OpenAPI document. */
  readonly answer?: GenericSchema | undefined;
  /**
   * Where several protocols have the same address: whether a request is this one's. The first that
   * takes it answers; one without takes all.
   */
  readonly accepts?: ((body: Readonly<Record<string, unknown>>) => boolean) | undefined;
  /** Answers a request of JSON Lines, whose rows come one after another, where the address takes any. */
  lines?(request: Request, exchange: Exchange): Response | Promise<Response>;
  /** Answers a request whose body is JSON Lines, read whole within the limits, in place of `answerTo`. */
  wholeLines?(bytes: Uint8Array<ArrayBuffer>, exchange: Exchange): Promise<Response>;
  /** Answers; what is no `Response` is sent as JSON. */
  answerTo(body: InferOutput<Schema>, exchange: Exchange): unknown;
}

/** A language that clients of reward models speak. */
export interface Protocol {
  /** Its name, under which its addresses stand also where another protocol has the same: `/tei/rerank`. */
  readonly name: string;
  readonly routes: readonly Route[];
  /** The body that tells a client of a failure. */
  failed(failure: Failure): unknown;
  /** The status that tells it, where the protocol has another. */
  status?(failure: Failure): number;
}

/** Gives a route its types: the body of its schema. */
export function route<Schema extends GenericSchema>(route: Route<Schema>): Route {
  return route as unknown as Route;
}
