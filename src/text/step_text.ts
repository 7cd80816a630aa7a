import { AssayError } from "../error.ts";
import { type Conversation, type Message, withVariables } from "./conversation.ts";
import { commonLength } from "./header_pattern.ts";
import { type Origin, TextBuilder, TextValue } from "./jinja/text_value.ts";

/** The token that ends each step of a response. */
export interface StepEnd {
  /** The token. */
  readonly id: number;
  /** Its text, as it stands after a step. */
  readonly text: string;
  /**
   * Whether each step is cut into tokens by itself and the token put after it, as models with a head of
   * their own were trained; otherwise the steps and the texts of their ends are cut as one text.
   */
  readonly apart: boolean;
}

/** How steps end: with a token, or each is a turn that the assistant answers with this text. */
export type StepEnds = StepEnd | { readonly answer: string };

/** The source of a step's end in a rendered text: the model's own, though it stands within content. */
const endSource = -3;

/** A conversation whose response may have steps. */
export interface SteppedConversation {
  /** The conversation, with the whole response as its text. */
  readonly conversation: Conversation;
  /** The response with the ends of its steps told apart; `undefined` where nothing was put into it. */
  readonly response: TextValue | undefined;
  /** Number of its steps; `undefined` where they are only found among the tokens. */
  readonly count: number | undefined;
}

/**
 * Puts the ends of steps into a response that is given as `steps`. A response that is a text has them
 * already: where steps are cut by themselves, it is cut at each end's text, and the last step gets its end
 * where it has none.
 *
 * @param conversation A checked conversation.
 * @param ends How the model's steps end; `undefined` of a model that reads none.
 * @param isApart Whether the end is plain text and steps are cut by themselves: then its text written in a
 *   response is an end too, as a special token's is not.
 * @throws {AssayError} `text/no-steps-read`.
 */
export function withStepEnds(
  conversation: Conversation,
  ends: StepEnds | undefined,
  isApart: boolean,
): SteppedConversation {
  const { steps, ...last } = conversation.at(-1)!;
  if (ends === undefined) {
    if (steps === undefined) return { conversation, response: undefined, count: undefined };
    throw new AssayError(
      "text/no-steps-read",
      "Cannot score the conversation: expected a response that is a text, found steps; this model reads " +
        "none (--step-token names the token that ends a step, of a model that does)",
    );
  }
  if ("answer" in ends) return turnsOf(conversation, ends.answer);
  const parts = steps ?? (isApart ? cutAtEnds(last.content, ends.text) : undefined);
  if (parts === undefined) return { conversation, response: undefined, count: undefined };
  const response = joined(parts, ends.text, conversation.length - 1);
  const messages = [...conversation.slice(0, -1), { ...last, content: response.text }];
  return {
    conversation: withVariables(messages, conversation.variables),
    response,
    count: parts.length,
  };
}

/** What stands between the ends in a text; after the last end nothing is no step. */
function cutAtEnds(content: string, end: string): readonly string[] {
  const parts = content.split(end);
  return parts.length > 1 && parts.at(-1) === "" ? parts.slice(0, -1) : parts;
}

function joined(steps: readonly string[], end: string, source: number): TextValue {
  const builder = new TextBuilder();
  steps.forEach((step, index) => {
    const offset = builder.length;
    builder.add(
      step === "" ? "" : new TextValue(step, [{ start: 0, end: step.length, source, offset }]),
    );
    // Offsets with gaps, so that two ends in a row stay two.
    const mark = { start: 0, end: end.length, source: endSource, offset: index * (end.length + 1) };
    builder.add(new TextValue(end, [mark]));
  });
  return builder.build();
}

/** Each step as a turn of the user, the first after the prompt and a space, each with its answer. */
function turnsOf(conversation: Conversation, answer: string): SteppedConversation {
  const { steps } = conversation.at(-1)!;
  const isAnswer = ({ role }: Message) => role === "assistant";
  if (steps === undefined) {
    return { conversation, response: undefined, count: conversation.filter(isAnswer).length };
  }
  const prompt = conversation.at(-2);
  if (prompt?.role !== "user") {
    throw new AssayError(
      "text/bad-message",
      `Cannot put steps into turns: expected a user's message before them, found ${
        prompt === undefined ? "none" : `one of role ${JSON.stringify(prompt.role.slice(0, 60))}`
      }`,
    );
  }
  const messages = steps.flatMap((step, index): Message[] => [
    index === 0
      ? { ...prompt, content: `${prompt.content} ${step}` }
      : { role: "user", content: step },
    { role: "assistant", content: answer },
  ]);
  const all = [...conversation.slice(0, -2), ...messages];
  return {
    conversation: withVariables(all, conversation.variables),
    response: undefined,
    count: all.filter(isAnswer).length,
  };
}

/** A stretch of a rendered text that is the end of a step. */
export interface EndPlace {
  readonly start: number;
  readonly end: number;
}

/**
 * Tells the ends of steps from what came from outside.
 *
 * @param traced What the template wrote.
 * @param end The text of an end.
 * @param count How many were put into the response.
 * @returns The text without them among its origins, and their places.
 * @throws {AssayError} `text/steps-not-rendered` where the template dropped or changed one.
 */
export function takeEnds(
  traced: TextValue,
  end: string,
  count: number,
): { readonly traced: TextValue; readonly ends: readonly EndPlace[] } {
  const isEnd = ({ source }: Origin) => source === endSource;
  const ends = traced.origins.filter(isEnd);
  if (
    ends.length === count &&
    ends.every(({ start, end: to }) => traced.text.slice(start, to) === end)
  ) {
    const origins = traced.origins.filter((origin) => !isEnd(origin));
    return { traced: new TextValue(traced.text, origins), ends };
  }
  throw new AssayError(
    "text/steps-not-rendered",
    `Cannot score the conversation's steps: expected the chat template to print ${count} ends of steps, ` +
      `${JSON.stringify(end)}, found ${ends.length} as they were; it trims or changes the response`,
  );
}

/** What a search for the ends of steps goes by. */
export interface StepSearch {
  readonly ids: readonly number[];
  /** The prompt's tokens; `null` where the template does not tell where the response begins. */
  readonly prompt: readonly number[] | null;
  /** Number of steps, where it is known. */
  readonly count: number | undefined;
  /** Whether `ids` are all of the conversation's tokens. */
  readonly isWhole: boolean;
}

/**
 * Positions of a token that ends steps, within the response: one in the prompt ends none.
 *
 * @throws {AssayError} `text/unclear-steps` where there are more or fewer than steps.
 */
export function findStepEnds({ id }: StepEnd, search: StepSearch): readonly number[] {
  const { ids, prompt, count, isWhole } = search;
  if (prompt === null) {
    throw unclearSteps(
      "the chat template to print the response once, as it is",
      "another template",
    );
  }
  const first = commonLength(ids, prompt);
  const found = [...ids.keys()].filter((at) => at >= first && ids[at] === id);
  if (count === undefined || !isWhole || found.length === count) return found;
  throw unclearSteps(
    `one token ${id} for each of the ${count} steps`,
    `${found.length} in the response; a step's own text holds it, or what stands beside it merges with it`,
  );
}

/**
 * Positions of the last token of each assistant header.
 *
 * @throws {AssayError} `text/unclear-steps` where there are more or fewer than turns.
 */
export function findTurns(
  pattern: readonly number[],
  { ids, count, isWhole }: Omit<StepSearch, "prompt">,
): readonly number[] {
  const last = pattern.length - 1;
  const found = [...ids.keys()].filter((at) =>
    at >= last && pattern.every((id, i) => ids[at - last + i] === id)
  );
  if (!isWhole || found.length === count) return found;
  throw unclearSteps(
    `one assistant header for each of the ${count} turns`,
    `${found.length} among the tokens`,
  );
}

/** The error of templated text for a model whose steps end with plain text, which any prompt holds too. */
export function unclearEnds(end: string): AssayError {
  return unclearSteps(
    `messages, since ${JSON.stringify(end)}, which ends a step, is no special token`,
    "templated text, which does not say where its response begins",
  );
}

function unclearSteps(expected: string, found: string): AssayError {
  return new AssayError(
    "text/unclear-steps",
    `Cannot tell the conversation's steps: expected ${expected}, found ${found}`,
  );
}
