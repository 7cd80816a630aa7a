import type { Conversation, RewardModelWorker } from "../../mod.ts";
import { conversationsInOrder, conversationsOfRow } from "../../src/data/row_conversations.ts";
import type { ReadRow, Row } from "../../src/data/rows.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { byId, errorText, make, show } from "./elements.ts";
import {
  marginTable,
  objectivesTable,
  otherParts,
  partsOf,
  scoreCard,
  scoresOf,
  tokenList,
} from "./explained.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The form in which people type: a conversation, two answers or many. */
export class AnswersPanel {
  #model: RewardModelWorker | undefined;

  constructor() {
    const form = byId<HTMLFormElement>("answers-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#score();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    byId("add-answer").addEventListener("click", () => this.#addAnswer().focus());
    this.#addAnswer();
    this.#addAnswer();
  }

  /** The model that scores from now on. */
  set model(model: RewardModelWorker | undefined) {
    this.#model = model;
    byId<HTMLButtonElement>("score").disabled = model === undefined;
    if (model === undefined) show(byId("answers-result"), false);
  }

  #addAnswer(): HTMLTextAreaElement {
    const list = byId("answer-list");
    const id = `answer-${list.children.length}`;
    const name = `Answer ${letters[list.children.length] ?? list.children.length + 1}`;
    const text = make("textarea", { id, rows: 5 });
    list.append(make("div", {}, make("label", { htmlFor: id, textContent: name }), text));
    show(byId("add-answer"), list.children.length < letters.length);
    return text;
  }

  /** The row that the form makes, as `assay score` would be given it. */
  #row(): Row {
    const prompt = promptOf(byId<HTMLTextAreaElement>("prompt").value);
    const answers = [...byId("answer-list").querySelectorAll("textarea")]
      .map(({ value }) => value).filter((value) => value !== "");
    if (answers.length === 0) {
      if (Array.isArray(prompt)) return { messages: prompt };
      throw new Error(
        "Cannot score: expected an answer, found none; write one, or give the whole conversation as " +
          "a list of messages in JSON",
      );
    }
    if (answers.length === 1) return { prompt, response: answers[0] };
    if (answers.length === 2) return { prompt, chosen: answers[0], rejected: answers[1] };
    return { prompt, responses: answers };
  }

  async #score(): Promise<void> {
    const [model, error] = [this.#model, byId("answers-error")];
    if (model === undefined) return;
    const button = byId<HTMLButtonElement>("score");
    button.disabled = true;
    button.textContent = "Scoring…";
    error.textContent = "";
    try {
      const input = this.#row();
      const rows = scoreRows(only(input), model, { explain: true });
      const { value } = await rows.next();
      const { row } = value!;
      const failure = row.error as { message: string; code: string } | undefined;
      if (failure !== undefined) throw failure;
      this.#show(row);
      await this.#showTokens(model, conversationsInOrder(conversationsOfRow(input)));
      show(byId("answers-result"), true);
      byId("answers-result").focus();
    } catch (cause) {
      show(byId("answers-result"), false);
      error.textContent = errorText(cause);
    } finally {
      button.textContent = "Score";
      button.disabled = this.#model === undefined;
    }
  }

  #show(row: Row): void {
    const scores = scoresOf(row);
    const tokens = [row.tokens ?? [row.chosen_tokens, row.rejected_tokens]].flat() as number[];
    const best = scores.reduce<number>(
      (best, score, i) => score !== null && score > (scores[best] ?? -Infinity) ? i : best,
      0,
    );
    const cards = scores.map((score, i) => {
      const deviation = [row.score_std ?? [row.chosen_score_std, row.rejected_score_std]].flat()[i];
      const spread = typeof deviation === "number" ? `± ${deviation.toFixed(5)}, ` : "";
      const mark = scores.length > 2 && i === best ? ", the best" : "";
      return scoreCard(titleOf(i, scores.length), score, `${spread}${tokens[i]} tokens${mark}`);
    });
    if (typeof row.margin === "number") {
      const { margin } = row;
      const said = margin === 0 ? "neither is better" : `${margin > 0 ? "A" : "B"} is better`;
      cards.push(scoreCard("Margin", margin, said));
    }
    byId("answers-scores").replaceChildren(...cards);
    byId("answers-kernels").textContent = `Computed by ${row.kernels}${
      row.truncated ? "; cut to the model's length" : ""
    }.`;
    byId("answers-parts").replaceChildren(...explanations(row));
  }

  async #showTokens(
    model: RewardModelWorker,
    conversations: readonly Conversation[],
  ): Promise<void> {
    const lists = await Promise.all(
      conversations.map((conversation) => model.tokens(conversation)),
    );
    byId("token-lists").replaceChildren(
      ...lists.map((list, i) => tokenList(titleOf(i, lists.length), list)),
    );
  }
}

async function* only(row: Row): AsyncGenerator<ReadRow> {
  yield { line: 1, row, error: undefined };
}

function titleOf(index: number, count: number): string {
  return count === 1 ? "Score" : `Answer ${letters[index] ?? index + 1}`;
}

/** What moved a row's scores: the margin first, then each answer by itself. */
export function explanations(row: Row): readonly HTMLElement[] {
  const parts = partsOf(row);
  const section = (title: string, ...tables: readonly (HTMLElement | undefined)[]) => {
    const shown = tables.filter((table) => table !== undefined);
    if (shown.length === 0) return [];
    const scroll = make("div", { className: "scroll", tabIndex: 0 }, ...shown);
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", title);
    return [make("h3", { textContent: title }), scroll];
  };
  const margin = parts.length === 2 ? marginTable(parts) : undefined;
  return [
    ...section("What moved the margin", margin),
    ...parts.flatMap((part, i) =>
      section(
        parts.length === 1
          ? "What the score is made of"
          : `What answer ${letters[i] ?? i + 1}'s score is made of`,
        objectivesTable(part),
        ...otherParts(part),
      )
    ),
  ];
}

/** A prompt may be a list of messages as JSON. */
function promptOf(text: string): string | readonly unknown[] {
  if (!text.trimStart().startsWith("[")) return text;
  try {
    const list: unknown = JSON.parse(text);
    const isMessages = Array.isArray(list) &&
      list.every((message) => typeof message?.role === "string");
    return isMessages ? list : text;
  } catch {
    return text;
  }
}
