import assert from "node:assert/strict";
import { type FleetScenario, simulateFleet } from "../../bench/fleet/simulation.ts";

const calm: FleetScenario = {
  rows: 100_000,
  workers: 10,
  jobRows: 100,
  rowsPerSecond: 20,
  rowSpread: 0,
  slowShare: 0,
  slowness: 1,
  meanLife: Infinity,
  restart: 60,
  patience: 30,
  hands: 2,
  hedged: false,
  seed: 1,
};

Deno.test("without failures and spread the simulated time is rows over rates, to the last job", () => {
  assert.equal(simulateFleet(calm).seconds, 500);
  // 1,001 jobs by 10 workers: one of them has one more, of 50 rows.
  const odd = simulateFleet({ ...calm, rows: 100_050 });
  assert.ok(Math.abs(odd.seconds - 502.5) < 1e-9);
  assert.deepEqual([odd.lostShare, odd.doubledShare, odd.kills], [0, 0, 0]);
});

Deno.test("with spread it stays within the bounds of jobs handed out as workers are free", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const scenario = { ...calm, rowSpread: 2, seed, hands: 1 };
    const { seconds } = simulateFleet(scenario);
    const mean = scenario.rows / scenario.rowsPerSecond / scenario.workers;
    const job = scenario.jobRows / scenario.rowsPerSecond;
    // The sum over 1,000 jobs has a deviation of 2·√100,000 rows: 3.2 s of 500 for each worker.
    const noise = 5 * 2 * Math.sqrt(scenario.rows) / scenario.rowsPerSecond / scenario.workers;
    // Graham's: no worker idles before the queue is empty, so the end is within one job of the mean.
    const longest = job * (1 + 5 * 2 / Math.sqrt(scenario.jobRows));
    assert.ok(seconds >= mean - noise && seconds <= mean + noise + longest, `${seconds}`);
  }
});

Deno.test("what is lost to killed workers is half a job a kill, while jobs are short beside lives", () => {
  const scenario = { ...calm, rows: 4e6, meanLife: 1000, seed: 3 };
  const { lostShare, kills, seconds } = simulateFleet(scenario);
  const job = scenario.jobRows / scenario.rowsPerSecond;
  const expected = kills * job / 2 / (scenario.rows / scenario.rowsPerSecond);
  assert.ok(Math.abs(lostShare / expected - 1) < 0.1, `${lostShare} beside ${expected}`);
  // A worker is there for meanLife of meanLife + restart.
  const availability = 1000 / 1060;
  assert.ok(Math.abs(seconds * availability * (1 - lostShare) / 20_000 - 1) < 0.02, `${seconds}`);
});

Deno.test("hedging shortens the tail that slow workers make, and costs what it does twice", () => {
  const slow = { ...calm, slowShare: 0.2, slowness: 50, seed: 5 };
  const [plain, hedged] = [simulateFleet(slow), simulateFleet({ ...slow, hedged: true })];
  assert.ok(hedged.seconds < plain.seconds, `${hedged.seconds} beside ${plain.seconds}`);
  assert.ok(hedged.doubledShare >= 0 && plain.doubledShare === 0);
});
