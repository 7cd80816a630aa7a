/**
 * The page: reward models, loaded and asked in the browser. Nothing of it needs a server of its own, and
 * no text leaves it.
 *
 * @module
 */
import { AnswersPanel } from "./answers_panel.ts";
import { CalibratePanel } from "./calibrate_panel.ts";
import { byId, show } from "./elements.ts";
import { ModelPanel } from "./model_panel.ts";
import { goOffline } from "./offline.ts";
import { RowsPanel } from "./rows_panel.ts";
import { makeTabs } from "./tabs.ts";

const showTab = makeTabs(byId("tabs"));
const answers = new AnswersPanel();
const calibrate = new CalibratePanel();
const rows = new RowsPanel((file) => {
  calibrate.take(file);
  showTab("tab-calibrate");
});
new ModelPanel((model) => {
  answers.model = model;
  rows.model = model;
  show(byId("needs-model"), model === undefined);
});

// A file that is dropped beside its field would else be opened in place of the page.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => event.preventDefault());
}

byId("offline").textContent = await goOffline();
