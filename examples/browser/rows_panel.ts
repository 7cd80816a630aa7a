import type { RewardModelWorker } from "../../mod.ts";
import { scoreTable } from "../../src/cli/score/score_table.ts";
import type { Row } from "../../src/data/rows.ts";
import { scoreRows } from "../../src/tasks/score/score_rows.ts";
import { explanations } from "./answers_panel.ts";
import {
  byId,
  bytesText,
  errorText,
  isAbort,
  make,
  makeLine,
  makeTable,
  show,
} from "./elements.ts";
import { chooseFile } from "./file_choice.ts";
import { outputName, OutputRows, rowsOfFile } from "./row_files.ts";

/** Rows that are shown; the download has all. */
const shownRows = 200;

/** Scores a file of rows. */
export class RowsPanel {
  #model: RewardModelWorker | undefined;
  #file: File | undefined;
  #running: AbortController | undefined;
  #output: OutputRows | undefined;

  /** @param onScored Given the file of scored rows, for whoever goes on with it. */
  constructor(onScored: (file: File) => void) {
    chooseFile("rows-drop", "rows-file", (file) => {
      this.#file = file;
      byId("rows-name").textContent = `${file.name}, ${bytesText(file.size)}`;
      this.#enable();
    });
    byId("rows-example").addEventListener("click", () => this.#takeExample());
    byId("rows-go").addEventListener("click", () => this.#score());
    byId("rows-stop").addEventListener("click", () => this.#running?.abort());
    for (const format of ["jsonl", "csv"] as const) {
      byId(`rows-${format}`).addEventListener("click", () => {
        this.#output?.download(outputName(this.#file!.name, "scored"), format);
      });
    }
    byId("rows-calibrate").addEventListener("click", () => {
      onScored(this.#output!.file(`${outputName(this.#file!.name, "scored")}.jsonl`));
    });
  }

  /** The model that scores from now on. */
  set model(model: RewardModelWorker | undefined) {
    this.#running?.abort();
    this.#model = model;
    this.#enable();
  }

  #enable(): void {
    const isReady = this.#model !== undefined && this.#file !== undefined;
    byId<HTMLButtonElement>("rows-go").disabled = !isReady || this.#running !== undefined;
    show(byId("rows-stop"), this.#running !== undefined);
  }

  async #takeExample(): Promise<void> {
    const response = await fetch("examples.jsonl");
    this.#file = new File([await response.blob()], "examples.jsonl");
    byId("rows-name").textContent = `examples.jsonl, ${bytesText(this.#file.size)}`;
    this.#enable();
  }

  async #score(): Promise<void> {
    const [model, file] = [this.#model!, this.#file!];
    const output = this.#output = new OutputRows();
    const running = this.#running = new AbortController();
    const { signal } = running;
    const explain = byId<HTMLInputElement>("rows-explain").checked;
    const progress = byId<HTMLProgressElement>("rows-progress");
    const header = [...scoreTable.header];
    const table = makeTable(header, []);
    this.#begin(table);
    const started = performance.now();
    const told = () => {
      const seconds = (performance.now() - started) / 1000;
      byId("rows-state").textContent = `${output.count} rows${
        output.failures === 0 ? "" : `, ${output.failures} failed`
      }, ${seconds.toFixed(1)} s`;
    };
    try {
      const onBytes = (read: number) => progress.value = read / file.size;
      for await (
        const { row, failed } of scoreRows(rowsOfFile(file, onBytes), model, { explain, signal })
      ) {
        output.add(row, failed);
        if (output.count <= shownRows) {
          addRow(table.tBodies[0]!, header, row, output.count, explain);
        }
        told();
      }
    } catch (error) {
      if (!isAbort(error)) byId("rows-error").textContent = errorText(error);
    } finally {
      told();
      this.#running = undefined;
      show(progress, false);
      show(byId("rows-more"), output.count > shownRows);
      byId("rows-more").textContent = `The first ${shownRows} are shown; a download has all.`;
      show(byId("rows-downloads"), output.count > 0);
      this.#enable();
    }
  }

  #begin(table: HTMLTableElement): void {
    byId("rows-error").textContent = "";
    byId("rows-table").replaceChildren(table);
    show(byId("rows-result"), true);
    show(byId("rows-downloads"), false);
    show(byId("rows-more"), false);
    show(byId("rows-progress"), true);
    this.#enable();
  }
}

function addRow(
  body: HTMLTableSectionElement,
  header: readonly string[],
  row: Row,
  number: number,
  explain: boolean,
): void {
  body.append(makeLine(header, scoreTable.line(row, number)));
  const lines = scoreTable.details!(row).filter((line) => typeof line === "string");
  const tables = explain ? explanations(row) : [];
  if (lines.length === 0 && tables.length === 0) return;
  const cell = make(
    "td",
    { colSpan: header.length, className: row.error === undefined ? "details" : "details failed" },
    ...lines.map((line) => make("div", { textContent: line })),
    ...(tables.length === 0
      ? []
      : [make("details", {}, make("summary", { textContent: "All objectives" }), ...tables)]),
  );
  body.append(make("tr", {}, cell));
}
