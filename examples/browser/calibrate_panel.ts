import { calibrateTable } from "../../src/cli/calibrate/calibrate_table.ts";
import type { CalibrationMethod } from "../../src/calibration/artifact.ts";
import type { Calibrated, calibrateFile } from "./calibrate.ts";
import {
  byId,
  bytesText,
  download,
  errorText,
  make,
  makeLine,
  makeTable,
  show,
} from "./elements.ts";
import { chooseFile } from "./file_choice.ts";
import { outputName } from "./row_files.ts";

/** Rows that are shown; the download has all. */
const shownRows = 50;

/** Takes a bias out of scores that any model has given; no model is needed. */
export class CalibratePanel {
  #file: File | undefined;
  #done: Calibrated | undefined;
  #picture: string | undefined;

  constructor() {
    chooseFile("calibrate-drop", "calibrate-file", (file) => this.take(file));
    byId("calibrate-go").addEventListener("click", () => this.#calibrate());
    for (const format of ["jsonl", "csv"] as const) {
      byId(`calibrate-${format}`).addEventListener("click", () => {
        this.#done?.rows.download(this.#name(), format);
      });
    }
    byId("calibrate-kept").addEventListener("click", () => {
      download("calibrator.json", [this.#done!.calibrator], "application/json");
    });
    byId("calibrate-svg").addEventListener("click", () => {
      download(`${this.#name()}.svg`, [this.#done!.svg], "image/svg+xml");
    });
  }

  /** The file to calibrate. */
  take(file: File): void {
    this.#file = file;
    byId("calibrate-name").textContent = `${file.name}, ${bytesText(file.size)}`;
    byId<HTMLButtonElement>("calibrate-go").disabled = false;
  }

  #name(): string {
    return outputName(this.#file!.name, "calibrated");
  }

  async #calibrate(): Promise<void> {
    const button = byId<HTMLButtonElement>("calibrate-go");
    button.disabled = true;
    byId("calibrate-error").textContent = "";
    const gamma = byId<HTMLSelectElement>("calibrate-gamma").value;
    try {
      const module = new URL("calibrate.js", document.baseURI).href;
      const loaded = await import(module) as { calibrateFile: typeof calibrateFile };
      this.#done = await loaded.calibrateFile({
        file: this.#file!,
        method: byId<HTMLSelectElement>("calibrate-method").value as CalibrationMethod,
        features: [...document.querySelectorAll<HTMLInputElement>("[name=feature]:checked")]
          .map(({ value }) => value),
        gamma: gamma === "auto" ? gamma : Number(gamma),
        column: byId<HTMLInputElement>("calibrate-column").value || undefined,
      }, shownRows);
      this.#show(this.#done);
    } catch (error) {
      show(byId("calibrate-result"), false);
      byId("calibrate-error").textContent = errorText(error);
    } finally {
      button.disabled = false;
    }
  }

  #show({ rows, shown, lines, warnings, svg }: Calibrated): void {
    if (this.#picture !== undefined) URL.revokeObjectURL(this.#picture);
    this.#picture = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    const picture = byId<HTMLImageElement>("calibrate-picture");
    picture.src = this.#picture;
    picture.alt = `Score against each feature, before and after. ${lines[0] ?? ""}`;
    byId("calibrate-lines").replaceChildren(
      ...lines.map((line) => make("li", { textContent: line })),
      ...warnings.map((line) => make("li", { className: "warning", textContent: line })),
    );
    byId("calibrate-state").textContent = `${rows.count} rows${
      rows.failures === 0 ? "" : `, ${rows.failures} failed`
    }${rows.count > shown.length ? `; the first ${shown.length} are shown` : ""}.`;
    const header = [...calibrateTable.header];
    byId("calibrate-table").replaceChildren(
      makeTable(header, shown.map((row, i) => makeLine(header, calibrateTable.line(row, i + 1)))),
    );
    show(byId("calibrate-result"), true);
    byId("calibrate-result").focus();
  }
}
