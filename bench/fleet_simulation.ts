/**
 * `deno run bench/fleet_simulation.ts`: 10⁸ rows by 1 to 1,000 workers, simulated; the tables of
 * docs/explanation/fleet.md.
 *
 * @module
 */
import { type FleetScenario, simulateFleet } from "./fleet/simulation.ts";

/** A Llama-8B on an H100: a quarter of 7,942 tokens/s of 8 of its 32 layers; 229 tokens a row. */
const rowsPerSecond = 7942 / 4 / 229;
/** Dollars for an hour of such a GPU: an assumption, in proportion to which costs are. */
const price = 2.5;

const usual: FleetScenario = {
  rows: 1e8,
  workers: 100,
  jobRows: 200,
  rowsPerSecond,
  rowSpread: 1,
  slowShare: 0.05,
  slowness: 4,
  meanLife: 6 * 3600,
  restart: 120,
  patience: 30,
  hands: 2,
  hedged: false,
  seed: 1,
};

const columns = [
  "",
  "days",
  "thousand dollars",
  "lost, %",
  "doubled, %",
  "tail, min",
  "messages/s",
  "killed",
];

function print(title: string, scenarios: readonly (readonly [string, Partial<FleetScenario>])[]) {
  console.log(`\n${title}\n\n| ${columns.join(" | ")} |\n|${" --- |".repeat(columns.length)}`);
  for (const [name, changes] of scenarios) {
    const outcome = simulateFleet({ ...usual, ...changes });
    const cells = [
      name,
      (outcome.seconds / 86400).toFixed(3),
      (outcome.workerSeconds / 3600 * price / 1000).toFixed(1),
      (100 * outcome.lostShare).toFixed(3),
      (100 * outcome.doubledShare).toFixed(3),
      (outcome.tail / 60).toFixed(1),
      outcome.messagesPerSecond.toFixed(0),
      `${outcome.kills}`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

const bytes = 1000;
console.log(
  `${rowsPerSecond.toFixed(2)} rows/s a worker; rows of ${bytes} bytes: ` +
    `${(usual.rows * bytes / 1e9).toFixed(0)} GB in the queue where jobs carry them, ` +
    `${(usual.rows / usual.jobRows * 250 / 1e9).toFixed(2)} GB where they name ranges; results ` +
    `${(usual.rows * 30 / 1e9).toFixed(0)} GB`,
);
print(
  "Workers",
  [1, 10, 100, 1000].map((workers) => [`${workers}`, { workers }]),
);
print(
  "Rows of a job, 1,000 workers",
  [10, 50, 200, 1000, 5000, 20_000].map((jobRows) => [`${jobRows}`, { jobRows, workers: 1000 }]),
);
print(
  "A worker's mean life, 1,000 workers",
  [0.25, 1, 6, 24, Infinity].map((hours) => [
    `${hours} h`,
    { meanLife: hours * 3600, workers: 1000 },
  ]),
);
print(
  "Patience, 1,000 workers that live 1 h on average, jobs of 1,000 rows",
  [3, 10, 30, 120, 600].map((patience) => [
    `${patience} s`,
    { patience, workers: 1000, meanLife: 3600, jobRows: 1000 },
  ]),
);
print(
  "Slow workers, 1,000 workers, jobs of 1,000 rows",
  [[0, 1], [0.05, 4], [0.05, 20], [0.2, 4]].flatMap(([slowShare, slowness]) =>
    [false, true].map((hedged) =>
      [
        `${100 * slowShare!} % take ${slowness} times as long${hedged ? ", hedged" : ""}`,
        { slowShare: slowShare!, slowness: slowness!, hedged, workers: 1000, jobRows: 1000 },
      ] as const
    )
  ),
);
