import type { Conversation } from "../../text/conversation.ts";
import type { LoadOptions, Progress } from "../load_options.ts";
import type { ModelState, RewardModel } from "../reward_model.ts";
import type { ShownTokens } from "../shown_tokens.ts";
import type { Verdict } from "../verdict.ts";
import type { ErrorMessage } from "./remote_calls.ts";
import type { FolderProcedures } from "./remote_folder.ts";

/** Where a checkpoint lies, as a message says it. */
export type SourceMessage =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "url"; readonly address: string }
  | { readonly kind: "folder"; readonly name: string; readonly isListed: boolean };

/** What is known of a loaded model. */
export type LoadedFacts = Pick<
  RewardModel,
  | "name"
  | "architecture"
  | "headKind"
  | "labels"
  | "label"
  | "parts"
  | "objectives"
  | "backend"
  | "kernels"
  | "precision"
  | "adapter"
  | "weights"
  | "plan"
  | "maxTokens"
>;

/** A verdict as a message carries it. */
export type VerdictMessage = Omit<Verdict, "error"> & { readonly error: ErrorMessage | null };

/** The load options that are data. */
export type OptionsMessage = Omit<LoadOptions, "onProgress" | "onWarning" | "signal">;

/** What the worker lets its owner call. */
export type WorkerProcedures = {
  load(source: SourceMessage, options: OptionsMessage): Promise<LoadedFacts>;
  /** Scores what `conversations` gives; done once all verdicts were handed over. */
  score(scoring: number): Promise<void>;
  /** As `RewardModel.tokens`, `RewardModel.state`. */
  tokens(conversation: Conversation): Promise<ShownTokens>;
  state(): Promise<ModelState>;
  /** Ends a scoring at its next pack. */
  stop(scoring: number): void;
  /** Ends the worker, whatever it does, before it hears another message; first it calls `closing`. */
  close(): void;
};

/** What the owner lets its worker call. */
export type OwnerProcedures = FolderProcedures & {
  loading(progress: Progress): void;
  warn(message: string): void;
  /** The conversations that come next, at least one; `undefined` at the end. */
  conversations(scoring: number): Promise<readonly Conversation[] | undefined>;
  /** Hands a verdict over; answered when the owner wants the next one. */
  verdict(scoring: number, verdict: VerdictMessage): Promise<void>;
  scored(scoring: number, progress: Progress): void;
  /** The model was disposed of, and the worker's end is all that follows. */
  closing(): void;
};
